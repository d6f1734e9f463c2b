// Paths that are no resources: version, health, metrics, OpenAPI, keys of service account tokens; each registered with its handler.
import type { UserInfo, WireRequest, WireResponse } from '../machinery/http.ts';
import { requireAccept } from './http/negotiation.ts';
import { genericNotFound, methodNotAllowed } from './http/responses.ts';
import type { Catalog } from './registry/catalog.ts';

export type PathHandler = (
  request: WireRequest,
  user: UserInfo,
) => WireResponse | undefined | Promise<WireResponse | undefined>;

type OpenHandler = (request: WireRequest) => WireResponse | undefined | Promise<WireResponse | undefined>;

export class NonResourcePaths {
  private readonly exact = new Map<string, PathHandler>();
  private readonly unlisted = new Set<string>();
  private readonly prefixes: { prefix: string; handler: PathHandler; listed: boolean }[] = [];
  private readonly openPaths: OpenHandler[] = [];

  add(path: string, handler: PathHandler): this {
    this.exact.set(path, handler);
    return this;
  }

  /** A path that can only be read, in one form, and has nothing below it. */
  addReadable(path: string, handler: PathHandler, produces = 'application/json'): this {
    this.exact.set(path, (request, user) => {
      if (request.method !== 'GET') throw methodNotAllowed();
      requireAccept(request.headers.accept, [produces]);
      return handler(request, user);
    });
    this.prefixes.push({
      prefix: `${path}/`,
      listed: false,
      handler: (request, user) => {
        if (request.path !== `${path}/`) throw genericNotFound();
        return this.exact.get(path)?.(request, user);
      },
    });
    return this;
  }

  addPrefix(prefix: string, handler: PathHandler): this {
    this.prefixes.push({ prefix, handler, listed: true });
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

  /** A path that the index keeps to itself. */
  addUnlisted(path: string, handler: PathHandler): this {
    this.unlisted.add(path);
    return this.add(path, handler);
  }

  addUnlistedPrefix(prefix: string, handler: PathHandler): this {
    this.prefixes.push({ prefix, handler, listed: false });
    return this;
  }

  paths(): string[] {
    return [...this.exact.keys(), ...this.prefixes.filter((one) => one.listed).map((one) => one.prefix)].filter(
      (path) => !this.unlisted.has(path),
    );
  }
}

/** What `/` lists: the paths that are no resources, and those of the groups and their versions. */
export function listedPaths(paths: NonResourcePaths, catalog: Catalog): string[] {
  const groups = catalog.groups().flatMap(({ group, versions }) => {
    const root = group === '' ? '/api' : `/apis/${group}`;
    return [root, ...versions.map((version) => `${root}/${version}`)];
  });
  return [...new Set([...paths.paths(), '/apis', '/apis/', ...groups])].sort();
}
