// From a pod's words to a container's settings.
import { describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, Secret, Service } from '../../resources/generated/core-v1.ts';
import { container, pod } from '../test-support/pods.ts';
import { containerEnv, type ObjectSource } from './env.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue } from './fields.ts';
import { hostsFile, kernelHostname, omittedFromResolver, parseResolvConf, podResolver } from './hosts.ts';
import { oomScoreAdj } from './oom-score.ts';
import { cgroupParent, containerResources, cpuQuota, cpuShares, podResources } from './resources.ts';
import { checkNonRoot, containerSecurity } from './security.ts';
import { refuseSysctls } from './sysctls.ts';

const absent = (kind: string, name: string): Promise<never> =>
  Promise.reject(Object.assign(new Error(`${kind} "${name}" not found`), { reason: 'NotFound' }));

const objects: ObjectSource = {
  configMap: (_ns, name) =>
    name === 'cm'
      ? Promise.resolve({ metadata: {}, data: { a: 'alpha', b: 'beta' } } as unknown as ConfigMap)
      : absent('configmap', name),
  secret: (_ns, name) =>
    name === 'sec'
      ? Promise.resolve({ metadata: {}, data: { user: 'dTE=' } } as unknown as Secret)
      : absent('secret', name),
};

function envOf(c: Parameters<typeof container>[1], p: Pod = pod({}), services: Service[] = []) {
  const fields = { pod: p, podIps: ['10.0.0.9'], hostIps: ['192.0.2.1'], allocatable: { cpu: '2', memory: '1Gi' } };
  const readFile = (): Promise<undefined> => Promise.resolve(undefined);
  return containerEnv({ container: container('c', c), fields, objects, services, readFile });
}

describe('expansion', () => {
  const lookup = (name: string): string | undefined => ({ A: '1', B: '2' })[name];
  it.each([
    ['$(A)', '1'],
    ['$(A)$(B)', '12'],
    ['$$(A)', '$(A)'],
    ['$(NO)', '$(NO)'],
    ['$(A', '$(A'],
    ['$A $', '$A $'],
    ['$$$(A)', '$1'],
  ])('makes of %s: %s', (text, wanted) => {
    expect(expand(text, lookup)).toBe(wanted);
  });
});

describe('the environment', () => {
  it('takes sources with a prefix, then values that may use what came before', async () => {
    const env = await envOf({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 'sec' } }],
      env: [
        { name: 'ONE', value: 'x-$(P_a)' },
        { name: 'TWO', value: '$(ONE)-$(THREE)' },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ],
    });
    expect(Object.fromEntries(env)).toEqual({
      P_a: 'alpha',
      P_b: 'beta',
      user: 'u1',
      ONE: 'x-alpha',
      TWO: 'x-alpha-$(THREE)',
      IP: '10.0.0.9',
    });
  });

  it('says which object or key is missing, unless it may be', async () => {
    const from = (name: string, key: string, optional = false) => ({
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { name, key, optional } } }],
    });
    await expect(envOf(from('nope', 'a'))).rejects.toMatchObject({
      reason: 'CreateContainerConfigError',
      message: 'configmap "nope" not found',
    });
    await expect(envOf(from('cm', 'zz'))).rejects.toThrow("couldn't find key zz in ConfigMap ns/cm");
    expect((await envOf(from('nope', 'a', true))).has('A')).toBe(false);
  });

  it('names the services of the namespace, and the API everywhere', async () => {
    const service = (namespace: string, name: string, clusterIP: string) =>
      ({
        metadata: { namespace, name },
        spec: { clusterIP, ports: [{ name: 'web-x', port: 80, protocol: 'TCP' }] },
      }) as Service;
    const all = [
      service('ns', 'my-svc', '10.96.0.5'),
      service('other', 'no', '10.96.0.6'),
      service('default', 'kubernetes', '10.96.0.1'),
    ];
    const env = await envOf({}, pod({}), all);
    expect(env.get('MY_SVC_SERVICE_HOST')).toBe('10.96.0.5');
    expect(env.get('MY_SVC_SERVICE_PORT_WEB_X')).toBe('80');
    expect(env.get('MY_SVC_PORT_80_TCP')).toBe('tcp://10.96.0.5:80');
    expect(env.get('KUBERNETES_SERVICE_HOST')).toBe('10.96.0.1');
    expect(env.has('NO_SERVICE_HOST')).toBe(false);
    const without = await envOf({}, pod({ enableServiceLinks: false }), all);
    expect([without.has('MY_SVC_SERVICE_HOST'), without.has('KUBERNETES_SERVICE_HOST')]).toEqual([false, true]);
  });
});

describe('the downward API', () => {
  const p = pod({});
  p.metadata.labels = { b: '2', a: 'x"y' };
  const context = { pod: p, podIps: [], hostIps: [], allocatable: { cpu: '2' } };
  it('writes maps sorted and quoted, and single keys bare', () => {
    expect(fieldValue({ fieldPath: 'metadata.labels' }, context)).toBe('a="x\\"y"\nb="2"');
    expect(fieldValue({ fieldPath: "metadata.labels['b']" }, context)).toBe('2');
  });
  it('rounds resources up, and takes what the node has where there is no limit', () => {
    const c = container('c', { resources: { requests: { cpu: '250m' }, limits: { memory: '65Mi' } } });
    expect(resourceValue({ resource: 'requests.cpu' }, c, context)).toBe('1');
    expect(resourceValue({ resource: 'requests.cpu', divisor: '1m' }, c, context)).toBe('250');
    expect(resourceValue({ resource: 'limits.memory', divisor: '64Mi' }, c, context)).toBe('2');
    expect(resourceValue({ resource: 'limits.cpu' }, c, context)).toBe('2');
  });
});

describe('hosts and names', () => {
  it('writes the hosts file that Kubernetes writes', () => {
    const p = pod({ hostname: 'h1', subdomain: 'sub', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] });
    const text = hostsFile({ pod: p, podIps: ['10.0.0.1'], clusterDomain: 'cluster.local', hostFile: '' });
    expect(text).toContain('10.0.0.1\th1.sub.ns.svc.cluster.local\th1\n');
    expect(text.endsWith('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n')).toBe(true);
  });
  it('cuts long host names and refuses long full ones', () => {
    const p = pod({});
    p.metadata.name = `${'a'.repeat(62)}-b`;
    expect(kernelHostname(p, 'cluster.local')).toBe('a'.repeat(62));
    const full = pod({ hostname: 'h', subdomain: 's'.repeat(60), setHostnameAsFQDN: true });
    expect(() => kernelHostname(full, 'cluster.local')).toThrow('is too long (64 characters is the max');
  });
  const host = parseResolvConf('search example.org\nnameserver 9.9.9.9\noptions ndots:1\n');
  const context = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host };

  it('reads what a host says: the last search line, and the options of all lines', () => {
    const lines = [
      'search a.example',
      '# nameserver 192.0.2.9',
      'nameserver 192.0.2.1',
      'search b.example. . c.example',
    ];
    const text = [...lines, 'options ndots:1 edns0', 'options ndots:3 rotate', ''].join('\n');
    expect(parseResolvConf(text)).toEqual({
      servers: ['192.0.2.1'],
      searches: ['b.example', 'c.example'],
      options: ['ndots:3', 'edns0', 'rotate'],
    });
  });

  it('gives each dnsPolicy its resolver', () => {
    expect(podResolver(pod({}), context)).toEqual({
      servers: ['10.96.0.10'],
      searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.org'],
      options: ['ndots:5'],
    });
    expect(podResolver(pod({ dnsPolicy: 'Default' }), context)).toEqual(host);
    expect(podResolver(pod({ hostNetwork: true }), context)).toEqual(host);
    const both = pod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    expect(podResolver(both, context)).toEqual(podResolver(pod({}), context));
    const more = pod({
      dnsConfig: { searches: ['svc.cluster.local', 'own.example'], options: [{ name: 'ndots', value: '2' }] },
    });
    expect(podResolver(more, context)).toMatchObject({
      searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.org', 'own.example'],
      options: ['ndots:2'],
    });
    const own = { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] };
    expect(podResolver(pod({ dnsPolicy: 'None', dnsConfig: own }), context)).toEqual({
      servers: ['1.1.1.1'],
      searches: [],
      options: ['ndots:2', 'edns0'],
    });
    expect(omittedFromResolver(pod({}), context)).toEqual([]);
  });

  it('is cut to what resolvers read, which is told', () => {
    const nameservers = ['1.1.1.1', '1.1.1.2', '1.1.1.3'];
    const many = pod({ dnsConfig: { nameservers, searches: ['x'.repeat(254), 'y'] } });
    expect(podResolver(many, context).servers).toEqual(['10.96.0.10', '1.1.1.1', '1.1.1.2']);
    const searches = 'ns.svc.cluster.local svc.cluster.local cluster.local example.org y';
    expect(omittedFromResolver(many, context)).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 1.1.1.2',
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches}`,
    ]);
    const longest = Array.from({ length: 30 }, (_, n) => `${'z'.repeat(97)}${n + 10}`);
    const long = podResolver(pod({ dnsPolicy: 'None', dnsConfig: { searches: longest } }), context).searches;
    expect(long).toEqual(longest.slice(0, 20));
  });
});

describe('resources', () => {
  const context = { memoryCapacity: 1024 ** 3, podPidsLimit: -1 };
  it('turns cpu into shares and quota', () => {
    expect([cpuShares(0), cpuShares(1), cpuShares(250), cpuShares(1e9)]).toEqual([2, 2, 256, 262_144]);
    expect([cpuQuota(0), cpuQuota(1), cpuQuota(500)]).toEqual([0, 1000, 50_000]);
  });
  it('scores who goes first when memory runs out by class and request', () => {
    const of = (resources: object) => {
      const p = pod({ containers: [container('c', { resources })] });
      return oomScoreAdj(p, { kind: 'app', spec: container('c', { resources }) }, context.memoryCapacity);
    };
    expect(of({})).toBe(1000);
    expect(of({ requests: { memory: '512Mi' } })).toBe(500);
    expect(of({ requests: { memory: '1Gi' } })).toBe(3);
    const all = { memory: '1Gi', cpu: '1' };
    expect(of({ limits: all, requests: all })).toBe(-997);
  });
  it('shares out what a pod requests beyond its containers, and spares only what the node needs most', () => {
    const one = container('a', { resources: { requests: { memory: '256Mi' } } });
    const whole = { resources: { requests: { memory: '512Mi' } }, containers: [one, container('b')] };
    const of = (p: Pod, name: string) => oomScoreAdj(p, { kind: 'app', spec: container(name) }, 1024 ** 3);
    expect(oomScoreAdj(pod(whole), { kind: 'app', spec: one }, 1024 ** 3)).toBe(625);
    expect(of(pod(whole), 'b')).toBe(875);
    expect(of(pod({ priority: 2_000_001_000, priorityClassName: 'system-node-critical' }), 'c')).toBe(-997);
    expect(of(pod({ priority: 2_000_000_000, priorityClassName: 'system-cluster-critical' }), 'c')).toBe(1000);
  });
  it('bounds a pod and its containers by what the pod says of itself', () => {
    const c = container('c', { resources: { limits: { cpu: '1' } } });
    const p = pod({
      resources: {
        limits: { cpu: '2', memory: '1Gi', 'hugepages-2Mi': '4Mi' },
        requests: { cpu: '1500m', 'hugepages-2Mi': '4Mi' },
      },
      containers: [c, container('d')],
      overhead: { memory: '1Mi', cpu: '100m' },
    });
    expect(podResources(p, context)).toMatchObject({
      cpuQuota: 210_000,
      cpuShares: 1638,
      memoryLimitBytes: 1025 * 1024 ** 2,
      hugepageLimits: [{ pageSize: '2MB', limit: 4 * 1024 ** 2 }],
    });
    expect(containerResources(p, { kind: 'app', spec: c }, context)).toMatchObject({
      cpuQuota: 100_000,
      memoryLimitBytes: 1024 ** 3,
      hugepageLimits: [{ pageSize: '2MB', limit: 4 * 1024 ** 2 }],
    });
  });
  it('bounds the pod only when every container is bounded', () => {
    const limited = container('a', { resources: { limits: { cpu: '1', memory: '1Gi' } } });
    expect(podResources(pod({ containers: [limited, limited] }), context)).toMatchObject({
      cpuQuota: 200_000,
      memoryLimitBytes: 2 * 1024 ** 3,
    });
    expect(podResources(pod({ containers: [limited, container('b')] }), context).cpuQuota).toBeUndefined();
  });
  it('puts a pod below its class', () => {
    expect(cgroupParent(pod({}))).toBe('/kubepods/besteffort/podu1');
    const c = container('c', { resources: { requests: { cpu: '1' } } });
    expect(cgroupParent(pod({ containers: [c] }))).toBe('/kubepods/burstable/podu1');
    expect(containerResources(pod({}), { kind: 'app', spec: container('c') }, context).cpuQuota).toBeUndefined();
  });
});

describe('security', () => {
  const input = (p: Pod, image = {}) => ({
    pod: p,
    ref: { kind: 'app' as const, spec: p.spec?.containers[0] ?? container('c') },
    image,
    fsGroups: [],
    seccompDir: '/var/lib/kubelet/seccomp',
  });
  it("refuses root where root is not wanted, in Kubernetes' words", () => {
    const p = pod({ securityContext: { runAsNonRoot: true } });
    expect(() => checkNonRoot(input(p))).toThrow(
      'container has runAsNonRoot and image will run as root (pod: "p_ns(u1)", container: c)',
    );
    expect(() => checkNonRoot(input(p, { username: 'nginx' }))).toThrow(
      'container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root',
    );
    expect(() => checkNonRoot(input(p, { uid: 101 }))).not.toThrow();
    const zero = pod({ securityContext: { runAsNonRoot: true, runAsUser: 0 } });
    expect(() => checkNonRoot(input(zero))).toThrow("container's runAsUser breaks non-root policy");
  });
  it("lets the container's context win over the pod's", () => {
    const c = container('c', { securityContext: { runAsUser: 5, allowPrivilegeEscalation: false } });
    const p = pod({
      containers: [c],
      securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] },
    });
    expect(containerSecurity(input(p))).toMatchObject({
      runAsUser: 5,
      runAsGroup: 2,
      supplementalGroups: [4, 3],
      noNewPrivs: true,
    });
  });
  it('takes only safe sysctls', () => {
    const of = (name: string, value = '1') =>
      refuseSysctls(pod({ securityContext: { sysctls: [{ name, value }] } }), ['net.core.*']);
    expect(of('net.ipv4.tcp_syncookies')).toBeUndefined();
    expect(of('net.core.somaxconn')).toBeUndefined();
    expect(of('kernel.msgmax')).toEqual({
      reason: 'SysctlForbidden',
      message: 'forbidden sysctl: "kernel.msgmax" not allowlisted',
    });
    expect(of('net.ipv4.tcp_syncookies', '1+kernel.msgmax=2')?.reason).toBe('SysctlForbidden');
  });
});
