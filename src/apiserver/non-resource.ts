// Paths that are no resources: version, health, metrics, OpenAPI, keys of service account tokens; each registered with its handler.
import type { UserInfo, WireRequest, WireResponse } from '../machinery/http.ts';

export type PathHandler = (
  request: WireRequest,
  user: UserInfo,
) => WireResponse | undefined | Promise<WireResponse | undefined>;

type OpenHandler = (request: WireRequest) => WireResponse | undefined | Promise<WireResponse | undefined>;

export class NonResourcePaths {
  private readonly exact = new Map<string, PathHandler>();
  private readonly prefixes: { prefix: string; handler: PathHandler }[] = [];
  private readonly openPaths: OpenHandler[] = [];

  add(path: string, handler: PathHandler): this {
    this.exact.set(path, handler);
    return this;
  }

  addPrefix(prefix: string, handler: PathHandler): this {
    this.prefixes.push({ prefix, handler });
    return this;
  }

  /** Answers that need no credential (health for those who watch over the server). */
  addOpen(handler: OpenHandler): this {
    this.openPaths.push(handler);
    return this;
  }

  async open(request: WireRequest): Promise<WireResponse | undefined> {
    if (this.openPaths.length === 0 || request.user !== undefined || request.path.startsWith('/api')) return undefined;
    for (const handler of this.openPaths) {
      const response = await handler(request);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  async handle(request: WireRequest, user: UserInfo): Promise<WireResponse | undefined> {
    const exact = this.exact.get(request.path);
    if (exact !== undefined) return exact(request, user);
    for (const { prefix, handler } of this.prefixes) {
      if (!request.path.startsWith(prefix)) continue;
      const response = await handler(request, user);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  paths(): string[] {
    return [...this.exact.keys()].sort();
  }
}
