// The proxies: requests passed on to a node's kubelet, to a pod, or to a pod behind a service.
// Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
import ipaddr from 'ipaddr.js';
import type { NodeConnector } from '../../client/node-api.ts';
import { ApiError, badRequest, notFound } from '../../machinery/errors.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { storageKey } from '../registry/catalog.ts';
import type { Kernel, RequestContext, Target } from '../registry/context.ts';
import { readObject } from '../registry/objects.ts';
import { isSliceOf, readyEndpoints } from '../registry/service-address.ts';
import { admissionRequest } from '../registry/write.ts';
import { type ForwardedAnswer, type ForwardTarget, forwardRequest, passedHeaders } from '../serving/forward.ts';
import { forwardUpgrade, type Passage } from '../serving/forward-upgrade.ts';
import { readOne } from './direct.ts';
import { nodeApiOf, type StoredPod } from './nodes.ts';
import { type ProxyPlace, pageThroughProxy, throughProxy } from './proxy-links.ts';

export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

/** `name`, `name:port`, `scheme:name:port`. */
export function parseProxyName(text: string): ProxyName {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: 'http', name: text, port: '' };
  if (parts.length === 2) return { scheme: 'http', name: parts[0] ?? '', port: parts[1] ?? '' };
  const [scheme = '', name = '', port = ''] = parts;
  if (parts.length > 3 || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) {
    throw badRequest(`invalid proxy request ${JSON.stringify(text)}`);
  }
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** What comes before the part of the path that is the backend's, and that part, still percent-encoded. */
function pathOf(request: WireRequest): { readonly prefix: string; readonly rest: string } {
  const match = /^(\/api\/v1\/(?:namespaces\/[^/]+\/)?[^/]+\/[^/]+\/proxy)(\/.*)?$/.exec(request.path);
  return { prefix: match?.[1] ?? request.path, rest: match?.[2] ?? '' };
}

/** The backend's root is a directory: its relative links need the slash. */
function redirectToRoot({ method, path, query }: WireRequest): WireResponse | undefined {
  if (!path.endsWith('/proxy') || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const location = `${path}/${query.size === 0 ? '' : `?${query.toString()}`}`;
  return { status: 301, headers: { location }, body: new Uint8Array(0) };
}

interface Backend {
  readonly scheme: 'http' | 'https';
  readonly address: string;
  readonly port: number;
}

const CORS = ['credentials', 'headers', 'methods', 'origin'].map((what) => `access-control-allow-${what}`);

/** The answer's links go through the proxy too, and what it allows other origins is not for this server to say. */
async function adapted(
  { headers, body }: ForwardedAnswer,
  method: string,
  place: ProxyPlace,
): Promise<ForwardedAnswer> {
  const kept: Record<string, string | readonly string[]> = { ...headers };
  for (const name of CORS) delete kept[name];
  const { location } = kept;
  if (typeof location === 'string') return { headers: { ...kept, location: throughProxy(location, place) }, body };
  const [mediaType] = String(kept['content-type'] ?? '').split(';');
  if (mediaType?.trim() !== 'text/html' || method === 'HEAD') return { headers: kept, body };
  const page = await pageThroughProxy(body, String(kept['content-encoding'] ?? ''), place);
  if (page === undefined) return { headers: kept, body };
  delete kept['content-length'];
  return { headers: kept, body: page };
}

/** Certificates of pods are not checked: nothing vouches for them. */
function targetOf(request: WireRequest, { scheme, address, port }: Backend): ForwardTarget {
  const { prefix, rest } = pathOf(request);
  const host = request.headers.host ?? '';
  const place = { backend: `${address.includes(':') ? `[${address}]` : address}:${port}`, host, prefix };
  return {
    scheme,
    host: address,
    port,
    path: rest === '' ? '/' : rest,
    headers: {
      ...passedHeaders(request.headers),
      ...(host === '' ? {} : { host }),
      'x-forwarded-uri': request.path,
    },
    tls: { rejectUnauthorized: false },
    adapt: (answer) => adapted(answer, request.method, place),
  };
}

function podPort(pod: StoredPod, wanted: string): number {
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  if (wanted === '') return ports[0]?.containerPort ?? 80;
  const number = Number(wanted);
  if (Number.isInteger(number)) return number;
  const named = ports.find((port) => port.name === wanted);
  if (named === undefined) throw badRequest(`address not allowed`);
  return named.containerPort;
}

const CLOSED: ReadonlySet<string> = new Set(['loopback', 'linkLocal', 'multicast', 'unspecified', 'broadcast']);

/** What a pod's status says must not lead to what listens on this host alone, or to metadata services. */
export function isProxied(address: string): boolean {
  return ipaddr.isValid(address) && !CLOSED.has(ipaddr.process(address).range());
}

/** Throws as a proxy that finds no way does. */
function reached(kernel: Kernel, backend: Backend): Backend {
  try {
    kernel.checkReach({ host: backend.address, port: backend.port });
    return backend;
  } catch (error) {
    const message = `error trying to reach service: ${error instanceof Error ? error.message : String(error)}`;
    throw new ApiError({ reason: 'ServiceUnavailable', message, cause: error });
  }
}

async function podBackend(kernel: Kernel, target: Target): Promise<Backend> {
  const { scheme, name, port } = parseProxyName(target.name);
  const pod = await readOne<StoredPod>(kernel, target.entry, target.namespace, name);
  const address = pod.status?.podIP ?? '';
  if (!isProxied(address)) throw badRequest('address not allowed');
  return reached(kernel, { scheme, address, port: podPort(pod, port) });
}

function noEndpoints(name: string): ApiError {
  return new ApiError({
    reason: 'ServiceUnavailable',
    message: `no endpoints available for service ${JSON.stringify(name)}`,
  });
}

async function slicesOf(
  kernel: Kernel,
  namespace: string,
  service: string,
): Promise<readonly (EndpointSlice & KubeObject)[]> {
  const entry = kernel.catalog.find('discovery.k8s.io', 'v1', 'endpointslices');
  if (entry === undefined) return [];
  const found = await kernel.store.list({ prefix: `${entry.prefix}${namespace}/` });
  return found.items
    .map((value) => readObject(entry, value) as EndpointSlice & KubeObject)
    .filter((slice) => isSliceOf(slice, service));
}

function servicePort(service: Service & KubeObject, wanted: string): { readonly name: string } {
  const ports = service.spec?.ports ?? [];
  const found = wanted === '' ? ports[0] : ports.find((p) => p.name === wanted || String(p.port) === wanted);
  if (found === undefined) {
    throw new ApiError({
      reason: 'ServiceUnavailable',
      message: `no service port ${JSON.stringify(wanted)} found for service ${JSON.stringify(service.metadata.name)}`,
    });
  }
  return { name: found.name ?? '' };
}

async function serviceBackend(kernel: Kernel, target: Target): Promise<Backend> {
  const { scheme, name, port } = parseProxyName(target.name);
  const service = await readOne<Service & KubeObject>(kernel, target.entry, target.namespace, name);
  const wanted = servicePort(service, port);
  const slices = await slicesOf(kernel, target.namespace, name);
  if (slices.length === 0) throw notFound({ group: '', resource: 'services' }, name);
  const ready = readyEndpoints(slices, wanted.name);
  const chosen = ready[Math.floor(kernel.random.float() * ready.length)];
  if (chosen === undefined) throw noEndpoints(name);
  return reached(kernel, { scheme, address: chosen.host, port: chosen.port });
}

async function nodeExists(kernel: Kernel, entry: CatalogEntry, name: string): Promise<void> {
  if ((await kernel.store.get(storageKey(entry, '', name))) === undefined)
    throw notFound({ group: '', resource: 'nodes' }, name);
}

async function admit(context: RequestContext, target: Target): Promise<void> {
  const object = {
    kind: 'ProxyOptions',
    apiVersion: 'v1',
    metadata: {},
    path: pathOf(context.request).rest,
  } as KubeObject;
  const request = admissionRequest(context, target, {
    operation: 'CONNECT',
    object,
    old: undefined,
    dryRun: false,
    options: null,
  });
  await context.kernel.admission.admit(request);
  await context.kernel.admission.validate(request);
}

export function nodeProxy(
  connector: NodeConnector | undefined,
): (context: RequestContext, target: Target) => Promise<WireResponse> {
  return async (context, target) => {
    const { name } = parseProxyName(target.name);
    await nodeExists(context.kernel, target.entry, name);
    await admit(context, target);
    const api = await nodeApiOf(connector, name);
    const { request } = context;
    return api.request({
      method: request.method,
      path: pathOf(request).rest || '/',
      query: request.query,
      headers: passedHeaders(request.headers),
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  };
}

type Find = (kernel: Kernel, target: Target) => Promise<Backend>;

function proxyTo(find: Find): (context: RequestContext, target: Target) => Promise<WireResponse> {
  return async (context, target) => {
    await admit(context, target);
    const { request, kernel } = context;
    const to = targetOf(request, await find(kernel, target));
    return redirectToRoot(request) ?? forwardRequest(request, to);
  };
}

export const podProxy = proxyTo(podBackend);
export const serviceProxy = proxyTo(serviceBackend);

const BACKENDS: Readonly<Record<string, Find>> = { pods: podBackend, services: serviceBackend };

/** Another protocol, like WebSocket, through the proxy of a pod or Service; undefined where a request is for no such proxy. */
export async function prepareProxyUpgrade(context: RequestContext, target: Target): Promise<Passage | undefined> {
  const find = BACKENDS[target.entry.row.plural];
  if (target.subresource !== 'proxy' || target.entry.custom || find === undefined) return undefined;
  await admit(context, target);
  return forwardUpgrade(context.request, targetOf(context.request, await find(context.kernel, target)));
}
