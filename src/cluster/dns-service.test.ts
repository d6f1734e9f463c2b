// The Service of the cluster's DNS: what is written so that it leads there, and that it comes back.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type Client,
  createClient,
  createInformerFactory,
  ENDPOINT_SLICES,
  type FakeApi,
  fakeApi,
  SERVICES,
} from '../client/index.ts';
import { systemClock } from '../host/clock.ts';
import type { Service } from '../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../resources/generated/discovery-v1.ts';
import { type DnsPlace, keepDnsService, upholdDns } from './dns-service.ts';

const PLACE: DnsPlace = { clusterIp: '10.96.0.10', address: '10.244.0.1', port: 53, nodeName: 'node-1' };

function made(place = PLACE): { service: Service; slice: EndpointSlice } {
  const [first, second] = upholdDns(place, undefined, undefined);
  if (first === undefined || !('service' in first) || second === undefined || !('slice' in second))
    throw new Error('nothing was made');
  return { service: first.service, slice: second.slice };
}

test('what is not there is made as kubeadm makes it, and leads to where DNS listens', () => {
  const { service, slice } = made({ ...PLACE, port: 5353 });
  expect(service.metadata).toMatchObject({ namespace: 'kube-system', name: 'kube-dns' });
  expect(service.metadata.labels).toEqual({
    'k8s-app': 'kube-dns',
    'kubernetes.io/cluster-service': 'true',
    'kubernetes.io/name': 'CoreDNS',
  });
  expect(service.spec).toMatchObject({ clusterIP: '10.96.0.10', ports: [{ port: 53 }, { port: 53 }] });
  expect(service.spec?.selector).toBeUndefined();
  expect(slice.endpoints).toEqual([{ addresses: ['10.244.0.1'], conditions: { ready: true }, nodeName: 'node-1' }]);
  expect(slice.ports).toEqual([
    { name: 'dns', protocol: 'UDP', port: 5353 },
    { name: 'dns-tcp', protocol: 'TCP', port: 5353 },
  ]);
});

test('what is as it should be is left alone, additions of others too', () => {
  const { service, slice } = made();
  expect(upholdDns(PLACE, service, slice)).toEqual([]);
  const labels = { ...service.metadata.labels, own: 'yes' };
  expect(upholdDns(PLACE, { ...service, metadata: { ...service.metadata, labels } }, slice)).toEqual([]);
});

test('what was changed is put right, and nothing else of it', () => {
  const { service, slice } = made();
  const changed = { ...service, metadata: { ...service.metadata, labels: { own: 'yes' } } };
  expect(upholdDns(PLACE, { ...changed, spec: { ...service.spec, ports: [] } }, slice)).toMatchObject([
    { write: 'update', service: { metadata: { labels: { own: 'yes', 'k8s-app': 'kube-dns' } }, spec: service.spec } },
  ]);
  expect(upholdDns({ ...PLACE, port: 4053 }, service, slice)).toMatchObject([
    { write: 'update', slice: { ports: [{ port: 4053 }, { port: 4053 }] } },
  ]);
});

test('a Service with a selector is the DNS of somebody else, who gets all the questions', () => {
  const { service, slice } = made();
  const theirs = { ...service, spec: { ...service.spec, selector: { 'k8s-app': 'kube-dns' } } };
  expect(upholdDns(PLACE, theirs, slice)).toEqual([{ write: 'delete', slice }]);
  expect(upholdDns(PLACE, theirs, undefined)).toEqual([]);
});

let api: FakeApi;
let stop: AbortController;
let client: Client;
let kept: ReturnType<typeof keepDnsService>;
const errors: unknown[] = [];

beforeEach(() => {
  api = fakeApi();
  stop = new AbortController();
  client = createClient({ transport: api.transport, userAgent: 'test' });
  const informers = createInformerFactory(client, { clock: systemClock });
  informers.start(stop.signal);
  const onError = (error: unknown) => void errors.push(error);
  kept = keepDnsService({ place: PLACE, client, informers, clock: systemClock, signal: stop.signal, onError });
});

afterEach(async () => {
  stop.abort();
  await kept.ended;
  expect(errors).toEqual([]);
});

test('who deletes it sees it again', async () => {
  const now = () => [api.objects('services').length, api.objects('endpointslices.discovery.k8s.io').length];
  await kept.begun;
  await expect.poll(now).toEqual([1, 1]);
  const [before] = api.objects<Service>('services');
  await client.resource(SERVICES).delete('kube-system', 'kube-dns');
  await client.resource(ENDPOINT_SLICES).delete('kube-system', 'kube-dns');
  await expect.poll(now).toEqual([1, 1]);
  expect(api.objects<Service>('services')[0]?.metadata.uid).not.toBe(before?.metadata.uid);
});
