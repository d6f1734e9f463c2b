// The proxies: requests passed on to a node's kubelet, to a pod, or to a pod behind a service.
// Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
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
import { forwardRequest, passedHeaders } from '../serving/forward.ts';
import { readOne } from './direct.ts';
import { nodeApiOf, type StoredPod } from './nodes.ts';

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

/** The part of the path after `/proxy`, still percent-encoded. */
function restOf(request: WireRequest): string {
  const match = /^\/api\/v1\/(?:namespaces\/[^/]+\/)?[^/]+\/[^/]+\/proxy(\/.*)?$/.exec(request.path);
  return match?.[1] ?? '/';
}

interface Backend {
  readonly scheme: 'http' | 'https';
  readonly address: string;
  readonly port: number;
}

/** Passes the request on. Certificates of pods are not checked: nothing vouches for them. */
function forward(request: WireRequest, { scheme, address, port }: Backend): Promise<WireResponse> {
  return forwardRequest(request, {
    scheme,
    host: address,
    port,
    path: restOf(request),
    headers: passedHeaders(request.headers),
    tls: { rejectUnauthorized: false },
  });
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
  if (address === '') throw badRequest('address not allowed');
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
  const object = { kind: 'ProxyOptions', apiVersion: 'v1', metadata: {}, path: restOf(context.request) } as KubeObject;
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
      path: restOf(request),
      query: request.query,
      headers: passedHeaders(request.headers),
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  };
}

export async function podProxy(context: RequestContext, target: Target): Promise<WireResponse> {
  await admit(context, target);
  return forward(context.request, await podBackend(context.kernel, target));
}

export async function serviceProxy(context: RequestContext, target: Target): Promise<WireResponse> {
  await admit(context, target);
  return forward(context.request, await serviceBackend(context.kernel, target));
}
