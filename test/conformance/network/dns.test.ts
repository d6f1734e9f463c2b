// The cluster's DNS as pods see it: with glibc, dig and busybox, in containers that really run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDebianImage, DEBIAN_IMAGES, writeDockerArchive } from '../../../src/host/debian-image.ts';
import { findKubectls, isRoot, run, type TestCluster, testCluster } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';

const { busybox } = DEBIAN_IMAGES;
/** busybox, and what has glibc's and BIND's ways to ask. */
const IMAGE = {
  ...busybox,
  packages: ['busybox-static', 'libc-bin', 'bind9-dnsutils'],
  alone: false,
  links: Object.fromEntries(Object.entries(busybox.links).filter(([link]) => !link.endsWith('/nslookup'))),
};
const NS = 'dns-test';
const SOON = { timeout: 20_000, interval: 200 };
const container = '{name: c, image: "tools:1", command: [sh, -c, "exec sleep 100000"]}';
const pod = (name: string, spec: string, labels = '') =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, labels: {${labels}}}, spec: {terminationGracePeriodSeconds: 0, ${spec}, containers: [${container}]}}`;
const headless = (name: string, more = '') =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {clusterIP: None, selector: {app: ${name}}, ports: [{name: http, port: 80, protocol: TCP}]${more}}}`;

const MANIFEST = [
  pod('client', 'hostAliases: [{ip: 192.0.2.7, hostnames: [alias.test]}]'),
  headless('dns-test-service'),
  `{apiVersion: v1, kind: Service, metadata: {name: test-service-2}, spec: {selector: {app: dns-test-service}, ports: [{name: http, port: 80, protocol: TCP}]}}`,
  pod('backend', 'hostname: querier, subdomain: dns-test-service', 'app: dns-test-service'),
  pod('backend-2', 'restartPolicy: Always', 'app: dns-test-service'),
  headless('unready', ', publishNotReadyAddresses: true'),
  headless('waiting'),
  `{apiVersion: v1, kind: Service, metadata: {name: far}, spec: {type: ExternalName, externalName: foo.example.com}}`,
  pod(
    'none',
    'dnsPolicy: None, dnsConfig: {nameservers: [192.0.2.53], searches: [resolv.conf.local], options: [{name: ndots, value: "2"}]}',
  ),
  pod('on-host', 'hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet'),
].join('\n---\n');
const BROKEN = ['unready', 'waiting']
  .map((app) =>
    pod(`${app}-1`, 'restartPolicy: Always', `app: ${app}`).replace(
      'name: c,',
      'name: c, readinessProbe: {exec: {command: ["false"]}, periodSeconds: 1},',
    ),
  )
  .join('\n---\n');

describe.skipIf(!isRoot || findKubectls().size === 0)('DNS (needs root and kubectl)', () => {
  let cluster: TestCluster;
  let serviceIp = '';
  const good = async (args: readonly string[], input?: string): Promise<string> => {
    const ran = await cluster.kubectl(['-n', NS, ...args], input === undefined ? {} : { input });
    expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
    return ran.stdout.trim();
  };
  /** What a command in a pod says; empty when it fails. */
  const inPod = async (name: string, ...command: string[]): Promise<string> =>
    (await cluster.kubectl(['-n', NS, 'exec', name, '--', ...command])).stdout.trim();
  const getent = async (name: string, from = 'client') =>
    [
      ...new Set((await inPod(from, 'getent', 'ahostsv4', name)).split('\n').map((line) => line.split(/\s+/)[0])),
    ].sort();
  const dig = async (...args: string[]) =>
    (await inPod('client', 'dig', '+short', '+search', '+ndots=5', ...args)).split('\n').sort();
  const ipOf = (name: string) => good(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}']);
  let backends: string[] = [];

  beforeAll(async () => {
    cluster = await testCluster();
    const work = mkdtempSync(join(tmpdir(), 'minke-dns-'));
    try {
      const runOrThrow = async (file: string, args: readonly string[]) => {
        const ran = await run(file, args);
        if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')}: ${ran.stderr}`);
      };
      const archive = join(work, 'tools.tar');
      const image = await buildDebianImage(IMAGE, join(work, 'image'), runOrThrow);
      await writeDockerArchive(image, ['docker.io/library/tools:1'], archive, runOrThrow);
      expect(await cluster.up()).toMatchObject({ code: 0 });
      expect(await cluster.minke('image', 'import', archive)).toMatchObject({ code: 0 });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    await good(['create', 'namespace', NS]);
    await good(['apply', '-f', '-'], `${MANIFEST}\n---\n${BROKEN}`);
    await good(['wait', '--for=condition=Ready', 'pod/client', 'pod/backend', 'pod/backend-2', '--timeout=60s']);
    serviceIp = await good(['get', 'service', 'test-service-2', '-o', 'jsonpath={.spec.clusterIP}']);
    backends = [await ipOf('backend'), await ipOf('backend-2')].sort();
  }, 240_000);

  afterAll(() => cluster?.remove(), 60_000);

  it(covers('DNS, cluster (2)'), async () => {
    const api = await good(['-n', 'default', 'get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}']);
    for (const name of ['kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'])
      expect(await getent(name), name).toEqual([api]);
    expect(await dig('kubernetes.default')).toEqual([api]);
    expect(await dig('+tcp', 'KUBERNETES.Default.svc.cluster.local')).toEqual([api]);
    expect(await inPod('client', 'busybox', 'nslookup', 'kubernetes.default.svc.cluster.local')).toContain(api);
    expect(await dig('SRV', '_https._tcp.kubernetes.default')).toEqual([
      '0 100 443 kubernetes.default.svc.cluster.local.',
    ]);
    expect(await dig('TXT', 'dns-version.cluster.local')).toEqual(['"1.1.0"']);
  });

  it(covers('DNS, cluster'), async () => {
    const own = await ipOf('backend');
    const hosts = await inPod('backend', 'cat', '/etc/hosts');
    expect(hosts).toContain(`${own}\tquerier.dns-test-service.${NS}.svc.cluster.local\tquerier`);
    expect(await getent('querier', 'backend')).toEqual([own]);
    expect(await getent('alias.test')).toEqual(['192.0.2.7']);
  });

  it(covers('DNS, services'), async () => {
    const full = (name: string) => `${name}.${NS}.svc.cluster.local`;
    await expect.poll(() => dig(full('dns-test-service')), SOON).toEqual(backends);
    expect(await dig(full('test-service-2'))).toEqual([serviceIp]);
    for (const way of ['+notcp', '+tcp']) {
      const servers = await dig(way, 'SRV', `_http._tcp.${full('dns-test-service')}`);
      const host = backends.find((ip) => !servers.join().includes(ip.replaceAll('.', '-'))) ?? '';
      const plain = backends.filter((ip) => ip !== host).map((ip) => ip.replaceAll('.', '-'));
      expect(servers).toEqual(
        [...plain, 'querier'].map((label) => `0 50 80 ${label}.${full('dns-test-service')}.`).sort(),
      );
      expect(await dig(way, 'SRV', `_http._tcp.${full('test-service-2')}`)).toEqual([
        `0 100 80 ${full('test-service-2')}.`,
      ]);
    }
    expect(await dig('-x', serviceIp)).toEqual([`${full('test-service-2')}.`]);
    const [first = ''] = backends;
    const names = await dig('-x', first);
    expect(names).toHaveLength(2);
    for (const name of names) expect(await dig(name)).toEqual([first]);
    const label = first.replaceAll('.', '-');
    expect(await dig(`${label}.${NS}.pod.cluster.local`)).toEqual([first]);
  });

  it(covers('DNS, PQDN for services'), async () => {
    for (const end of ['', `.${NS}`, `.${NS}.svc`]) {
      expect(await getent(`dns-test-service${end}`), end).toEqual(backends);
      expect(await getent(`test-service-2${end}`), end).toEqual([serviceIp]);
      if (end === '') continue;
      expect(await dig('SRV', `_http._tcp.dns-test-service${end}`), end).toHaveLength(2);
      expect(await dig('SRV', `_http._tcp.test-service-2${end}`), end).toHaveLength(1);
    }
  });

  it(covers('DNS, for ExternalName Services'), async () => {
    const name = `far.${NS}.svc.cluster.local`;
    expect(await dig('CNAME', name)).toEqual(['foo.example.com.']);
    // Nobody is asked for the rest of the way here.
    expect(await dig(name)).toEqual(['foo.example.com.']);
    await good(['patch', 'service', 'far', '-p', '{"spec": {"externalName": "bar.example.com"}}']);
    await expect.poll(() => dig('CNAME', name), SOON).toEqual(['bar.example.com.']);
    const spec = { type: 'ClusterIP', externalName: null, ports: [{ name: 'http', port: 80 }] };
    await good(['patch', 'service', 'far', '-p', JSON.stringify({ spec })]);
    const ip = await good(['get', 'service', 'far', '-o', 'jsonpath={.spec.clusterIP}']);
    await expect.poll(() => dig(name), SOON).toEqual([ip]);
  });

  it(covers('DNS, resolve the hostname'), async () => {
    const own = await ipOf('backend');
    expect(await getent(`querier.dns-test-service.${NS}.svc.cluster.local`)).toEqual([own]);
    expect(await getent('querier.dns-test-service')).toEqual([own]);
    expect(await inPod('backend', 'hostname')).toBe('querier');
  });

  it(covers('DNS, resolve the subdomain'), async () => {
    expect(await getent('dns-test-service', 'backend')).toEqual(backends);
    expect(await inPod('backend', 'busybox', 'hostname', '-f')).toBe(
      `querier.dns-test-service.${NS}.svc.cluster.local`,
    );
  });

  it(covers('DNS, custom dnsConfig'), async () => {
    await good(['wait', '--for=condition=Ready', 'pod/none', '--timeout=60s']);
    const text = await inPod('none', 'cat', '/etc/resolv.conf');
    expect(text.split('\n').sort()).toEqual(['nameserver 192.0.2.53', 'options ndots:2', 'search resolv.conf.local']);
  });

  it('leads pods of the host network there too, when they ask for that', async () => {
    await good(['wait', '--for=condition=Ready', 'pod/on-host', '--timeout=60s']);
    expect(await getent('test-service-2', 'on-host')).toEqual([serviceIp]);
  });

  it('has endpoints that are not ready only where the Service says so', async () => {
    const ip = await ipOf('unready-1');
    await expect.poll(() => dig(`unready.${NS}.svc.cluster.local`), SOON).toEqual([ip]);
    expect(await dig(`waiting.${NS}.svc.cluster.local`)).toEqual(['']);
  });

  it('has more endpoints than fit into a datagram, over a connection', async () => {
    const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i + 1}`).sort();
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'crowd-1', labels: { 'kubernetes.io/service-name': 'crowd' } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address] })),
      ports: [{ name: 'http', port: 80 }],
    };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'crowd' }, spec: { clusterIP: 'None' } };
    await good(['apply', '-f', '-'], `${JSON.stringify(service)}\n---\n${JSON.stringify(slice)}`);
    await expect.poll(() => getent('crowd'), SOON).toEqual(addresses);
    expect(await dig('+ignore', '+bufsize=512', `crowd.${NS}.svc.cluster.local`)).not.toHaveLength(100);
  });

  it('knows no names of elsewhere when it is told to ask nobody', async () => {
    expect(await inPod('client', 'dig', 'example.com.')).toContain('status: REFUSED');
    expect(await inPod('client', 'dig', `gone.${NS}.svc.cluster.local`)).toContain('status: NXDOMAIN');
  });
});
