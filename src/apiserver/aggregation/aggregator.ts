// Group versions that other API servers serve: requests are passed on to the Service that an APIService names, and its health is told.
// Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
import type { Clock, Timer } from '../../host/clock.ts';
import { ApiError } from '../../machinery/errors.ts';
import type { Transport, UserInfo, WireRequest, WireResponse } from '../../machinery/http.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { APIService } from '../../resources/generated/apiregistration-v1.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { ServiceAddress, ServiceRoutes } from '../registry/service-address.ts';
import { type ForwardTls, forwardRequest, passedHeaders } from '../serving/forward.ts';
import { AUDIT_ID } from '../told.ts';

type StoredApiService = APIService & KubeObject;

export interface AggregatorParts {
  readonly apiServices: LiveCache<StoredApiService>;
  readonly services: LiveCache<Service & KubeObject>;
  /** Told to check again when endpoints come and go. */
  readonly endpoints: LiveCache;
  readonly route: ServiceRoutes;
  readonly clock: Clock;
  /** The certificate by which the other servers know this one, and believe what it says about users. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

const SYSTEM: UserInfo = { username: 'system:apiserver', groups: ['system:masters'] };
const NO_QUERY = new URLSearchParams();
const CHECK_MS = 30_000;
const MAX_DISCOVERY_BYTES = 1024 * 1024;
/** OpenAPI documents are larger than discovery. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;

interface Condition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

function unavailable(message: string): ApiError {
  return new ApiError({ reason: 'ServiceUnavailable', message });
}

/** Who asks, in the headers that extension servers read. */
function identityHeaders(user: UserInfo): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = { 'x-remote-user': user.username };
  if (user.uid !== undefined) out['x-remote-uid'] = user.uid;
  if (user.groups.length > 0) out['x-remote-group'] = [...user.groups];
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    out[`x-remote-extra-${encodeURIComponent(key).toLowerCase()}`] = [...values];
  }
  return out;
}

/** Collects a body; what is beyond the limit is lost. */
function collect(response: WireResponse, limit = MAX_DISCOVERY_BYTES): Promise<Buffer> {
  const { body } = response;
  if (body instanceof Uint8Array) return Promise.resolve(Buffer.from(body));
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let close = (): void => undefined;
    body.start({
      write(chunk) {
        size += chunk.length;
        if (size <= limit) chunks.push(Buffer.from(chunk));
        return true;
      },
      buffered: 0,
      end() {
        resolve(Buffer.concat(chunks));
        close();
      },
      onDrain: () => undefined,
      onClose(callback) {
        close = callback;
      },
    });
  });
}

/** The other server's log knows the request by the same id. */
interface Asked {
  readonly request: WireRequest;
  readonly user: UserInfo;
  readonly auditId?: string;
}

export class Aggregator {
  private timer: Timer | undefined;
  private stopped = false;

  constructor(private readonly parts: AggregatorParts) {}

  /** Checks the other servers now, whenever an APIService or an endpoint changes, and every half minute. */
  start(handle: Transport): void {
    const check = (): void => {
      void this.checkAll(handle).catch((error: unknown) => this.parts.onError?.(error));
    };
    const schedule = (): void => {
      if (this.stopped) return;
      this.timer = this.parts.clock.setTimer(CHECK_MS, () => {
        check();
        schedule();
      });
    };
    const checkIfAny = (): void => {
      if (this.remotes().length > 0) check();
    };
    this.parts.apiServices.onChange(checkIfAny);
    this.parts.endpoints.onChange(checkIfAny);
    check();
    schedule();
  }

  close(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private remotes(): StoredApiService[] {
    if (this.parts.apiServices.size === 0) return [];
    return [...this.parts.apiServices.list()].filter(
      (one) => one.spec?.service !== undefined && one.spec.service !== null,
    );
  }

  private find(group: string, version: string): StoredApiService | undefined {
    const one = this.parts.apiServices.get(`${version}.${group}`);
    return one?.spec?.service === undefined || one.spec.service === null ? undefined : one;
  }

  /** Groups and versions of other servers, for discovery. */
  groups(): { readonly group: string; readonly version: string }[] {
    return this.remotes().map((one) => ({ group: one.spec?.group ?? '', version: one.spec?.version ?? '' }));
  }

  /** undefined when the group version is no other server's. */
  handle(asked: Asked): Promise<WireResponse> | undefined {
    const match = /^\/apis\/([^/]+)\/([^/]+)(?:\/|$)/.exec(asked.request.path);
    const service = match === null ? undefined : this.find(match[1] ?? '', match[2] ?? '');
    return service === undefined ? undefined : this.pass(service, asked.request, asked);
  }

  private pass(
    apiService: StoredApiService,
    request: WireRequest,
    { user, auditId }: Omit<Asked, 'request'>,
  ): Promise<WireResponse> {
    let where: ServiceAddress;
    try {
      where = this.addressOf(apiService);
    } catch {
      return Promise.reject(unavailable('service unavailable'));
    }
    return forwardRequest(request, {
      scheme: 'https',
      ...where,
      path: request.path,
      headers: {
        ...passedHeaders(request.headers),
        ...identityHeaders(user),
        ...(auditId === undefined ? {} : { [AUDIT_ID]: auditId }),
      },
      tls: this.tlsOf(apiService),
    });
  }

  private addressOf({ spec }: StoredApiService): ServiceAddress {
    const { namespace = '', name = '', port = 443 } = spec?.service ?? {};
    return this.parts.route(namespace, name, port);
  }

  private tlsOf({ spec }: StoredApiService): ForwardTls {
    const { namespace = '', name = '' } = spec?.service ?? {};
    const ca = Buffer.from(spec?.caBundle ?? '', 'base64').toString('utf8');
    return {
      servername: `${name}.${namespace}.svc`,
      rejectUnauthorized: spec?.insecureSkipTLSVerify !== true,
      ...(ca === '' ? {} : { ca }),
      ...(this.parts.client === undefined ? {} : { cert: this.parts.client.cert, key: this.parts.client.key }),
    };
  }

  private async checkAll(handle: Transport): Promise<void> {
    for (const one of this.remotes()) {
      if (this.stopped) return;
      await this.tell(handle, one, await this.conditionOf(one));
    }
  }

  private async conditionOf(one: StoredApiService): Promise<Condition> {
    const { namespace = '', name = '' } = one.spec?.service ?? {};
    const service = JSON.stringify(`${namespace}/${name}`);
    if (this.parts.services.get(`${namespace}/${name}`) === undefined) {
      return {
        status: 'False',
        reason: 'ServiceNotFound',
        message: `service/${name} in ${JSON.stringify(namespace)} is not present`,
      };
    }
    try {
      this.addressOf(one);
    } catch (error) {
      const message = `service ${service}: ${(error as Error).message}`;
      return { status: 'False', reason: 'ServiceAccessError', message };
    }
    const path = `/apis/${one.spec?.group ?? ''}/${one.spec?.version ?? ''}`;
    try {
      const response = await this.pass(
        one,
        { method: 'GET', path, query: NO_QUERY, headers: { accept: 'application/json' } },
        { user: SYSTEM },
      );
      await collect(response);
      if (response.status < 300) return { status: 'True', reason: 'Passed', message: 'all checks passed' };
      return this.failing(path, `bad status from ${path}: ${response.status}`);
    } catch (error) {
      return this.failing(path, error instanceof Error ? error.message : String(error));
    }
  }

  private failing(path: string, why: string): Condition {
    const message = `failing or missing response from ${path}: ${why}`;
    return { status: 'False', reason: 'FailedDiscoveryCheck', message };
  }

  private async tell(handle: Transport, one: StoredApiService, condition: Condition): Promise<void> {
    const name = one.metadata.name ?? '';
    const stored = (one.status?.conditions ?? []).find((c) => c.type === 'Available');
    const same =
      stored?.status === condition.status && stored.reason === condition.reason && stored.message === condition.message;
    if (same) return;
    const changed = stored?.status !== condition.status;
    const lastTransitionTime = changed ? rfc3339(this.parts.clock.now()) : stored?.lastTransitionTime;
    await handle({
      method: 'PATCH',
      path: `/apis/apiregistration.k8s.io/v1/apiservices/${encodeURIComponent(name)}/status`,
      query: NO_QUERY,
      headers: { 'content-type': 'application/merge-patch+json', 'user-agent': 'kube-apiserver' },
      body: Buffer.from(
        JSON.stringify({ status: { conditions: [{ type: 'Available', ...condition, lastTransitionTime }] } }),
      ),
      user: SYSTEM,
    });
  }

  /** What the other servers say of their resources, for aggregated discovery; those that do not answer are told as stale. */
  async discover(): Promise<JsonObject[]> {
    const found = await Promise.all(this.remotes().map((one) => this.discoverOne(one)));
    return found;
  }

  /** Those of servers that are well. */
  available(): { readonly group: string; readonly version: string }[] {
    return this.remotes()
      .filter(({ status }) => status?.conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true)
      .map(({ spec }) => ({ group: spec?.group ?? '', version: spec?.version ?? '' }));
  }

  /** What the server of a version says at a path, in JSON. */
  async read(at: { readonly group: string; readonly version: string }, path: string): Promise<Buffer> {
    const one = this.find(at.group, at.version);
    if (one === undefined) throw unavailable('service unavailable');
    const headers = { accept: 'application/json' };
    const response = await this.pass(one, { method: 'GET', path, query: NO_QUERY, headers }, { user: SYSTEM });
    const body = await collect(response, MAX_DOCUMENT_BYTES);
    if (response.status !== 200) throw unavailable(`${path} was answered with ${response.status}`);
    return body;
  }

  private async discoverOne(one: StoredApiService): Promise<JsonObject> {
    const group = one.spec?.group ?? '';
    const version = one.spec?.version ?? '';
    const base = { metadata: { name: group, creationTimestamp: null } };
    try {
      const headers = { accept: 'application/json' };
      const response = await this.pass(
        one,
        { method: 'GET', path: `/apis/${group}/${version}`, query: NO_QUERY, headers },
        { user: SYSTEM },
      );
      const list: unknown = JSON.parse((await collect(response)).toString('utf8'));
      const resources = isJsonObject(list) && Array.isArray(list.resources) ? list.resources.filter(isJsonObject) : [];
      return {
        ...base,
        versions: [{ version, resources: aggregatedResources(resources, group, version), freshness: 'Current' }],
      };
    } catch {
      return { ...base, versions: [{ version, resources: [], freshness: 'Stale' }] };
    }
  }
}

/** The old form of discovery, in the new one. */
function aggregatedResources(resources: readonly JsonObject[], group: string, version: string): JsonObject[] {
  const out = new Map<string, JsonObject & { subresources?: JsonObject[] }>();
  for (const one of resources) {
    const [name = '', subresource] = String(one.name).split('/');
    const responseKind = { group: one.group ?? group, version: one.version ?? version, kind: one.kind };
    if (subresource === undefined) {
      out.set(name, {
        resource: name,
        responseKind,
        scope: one.namespaced === true ? 'Namespaced' : 'Cluster',
        singularResource: one.singularName ?? '',
        verbs: one.verbs ?? [],
        ...(one.shortNames === undefined ? {} : { shortNames: one.shortNames }),
        ...(one.categories === undefined ? {} : { categories: one.categories }),
      });
      continue;
    }
    const parent = out.get(name);
    if (parent === undefined) continue;
    parent.subresources = [...(parent.subresources ?? []), { subresource, responseKind, verbs: one.verbs ?? [] }];
  }
  return [...out.values()];
}
