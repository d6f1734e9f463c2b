// Where the API server's own Service leads: its Endpoints and EndpointSlice in the namespace `default`.
// Source: https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/
import { ApiError } from '../machinery/errors.ts';
import type { Transport, UserInfo } from '../machinery/http.ts';
import type { KubeObject } from '../machinery/object.ts';

const SYSTEM: UserInfo = { username: 'system:apiserver', groups: ['system:masters'] };
const NO_QUERY = new URLSearchParams();

export interface Advertised {
  /** Reached by pods: no loopback address. */
  readonly address: string;
  readonly port: number;
}

async function put(handle: Transport, collection: string, object: KubeObject): Promise<void> {
  const name = object.metadata.name ?? '';
  const send = (method: string, path: string): Promise<{ status: number }> =>
    handle({
      method,
      path,
      query: NO_QUERY,
      headers: { 'content-type': 'application/json', 'user-agent': 'kube-apiserver' },
      body: Buffer.from(JSON.stringify(object)),
      user: SYSTEM,
    });
  const created = await send('POST', collection);
  const done = created.status === 409 ? await send('PUT', `${collection}/${name}`) : created;
  if (done.status >= 300) {
    throw new ApiError({
      reason: 'InternalError',
      message: `the endpoints of the API server: ${collection} answered ${done.status}`,
    });
  }
}

export async function advertise(handle: Transport, { address, port }: Advertised): Promise<void> {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  await put(handle, '/api/v1/namespaces/default/endpoints', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: [{ addresses: [{ ip: address }], ports }],
  } as KubeObject);
  await put(handle, '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports,
  } as KubeObject);
}
