// The OCI specification of containers, against golden files, and its rules one by one.
import { expect, test } from 'vitest';
import type { ContainerConfig, LinuxSecurity, PodSandboxConfig } from '../../port.ts';
import { type ContainerSpecInput, commandLine, containerSpec, environment } from './container-spec.ts';
import { sandboxSpec } from './sandbox-spec.ts';

const SECURITY: LinuxSecurity = {
  privileged: false,
  supplementalGroups: [],
  readonlyRootfs: false,
  noNewPrivs: false,
  pidMode: 'container',
  seccomp: { type: 'RuntimeDefault' },
};

const SANDBOX: PodSandboxConfig = {
  name: 'web',
  namespace: 'default',
  uid: 'uid-1',
  attempt: 0,
  hostname: 'web',
  logDirectory: '/logs/web',
  portMappings: [],
  labels: {},
  annotations: {},
  cgroupParent: '/kubepods/burstable/poduid-1',
  sysctls: { 'net.core.somaxconn': '1024' },
  namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
  security: SECURITY,
  runtimeHandler: '',
};

const CONFIG: ContainerConfig = {
  name: 'nginx',
  attempt: 0,
  image: 'sha256:1',
  userImage: 'nginx',
  command: [],
  args: [],
  workingDir: '',
  env: [{ key: 'A', value: 'pod' }],
  mounts: [
    { containerPath: '/data', hostPath: '/var/data', readonly: true, recursiveReadOnly: true, propagation: 'private' },
  ],
  devices: [],
  labels: {},
  annotations: {},
  logPath: 'nginx/0.log',
  stdin: false,
  stdinOnce: false,
  tty: false,
  resources: {
    cpuShares: 102,
    cpuQuota: 50_000,
    cpuPeriod: 100_000,
    memoryLimitBytes: 1 << 27,
    oomScoreAdj: -997,
    pidsLimit: 100,
  },
  security: SECURITY,
};

const HOST = {
  architecture: 'amd64',
  capabilities: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN'],
  unifiedCgroups: true,
  swap: true,
  userNamespaces: true,
};

function input(over: Partial<ContainerConfig> = {}, more: Partial<ContainerSpecInput> = {}): ContainerSpecInput {
  return {
    config: { ...CONFIG, ...over },
    sandbox: SANDBOX,
    facts: {
      pid: 4711,
      netnsPath: '/run/netns/mk000001',
      hostname: 'web',
      resolvConf: '/s/resolv.conf',
      hostnameFile: '/s/hostname',
      shm: '/run/mk/shm/1',
    },
    host: HOST,
    image: {
      Entrypoint: ['/entry'],
      Cmd: ['serve'],
      Env: ['PATH=/bin', 'A=image', 'B=image'],
      WorkingDir: '/srv',
      User: '',
    },
    rootfs: '/c/rootfs',
    cgroupsPath: '/mk/kubepods/burstable/poduid-1/c1',
    user: { uid: 0, gid: 0, additionalGids: [0] },
    devices: [],
    imageMounts: new Map(),
    ...more,
  };
}

test('a plain container as a whole', async () => {
  const golden = `${JSON.stringify(containerSpec(input()), null, 2)}\n`;
  await expect(golden).toMatchFileSnapshot('./testdata/plain.json');
});

test('a privileged container as a whole', async () => {
  const spec = containerSpec(input({ tty: true, security: { ...SECURITY, privileged: true } }));
  await expect(`${JSON.stringify(spec, null, 2)}\n`).toMatchFileSnapshot('./testdata/privileged.json');
});

test('a sandbox as a whole', async () => {
  const spec = sandboxSpec({
    config: SANDBOX,
    rootfs: '/pause',
    cgroupsPath: '/mk/p/s1',
    netnsPath: '/run/netns/mk000001',
    host: HOST,
  });
  await expect(`${JSON.stringify(spec, null, 2)}\n`).toMatchFileSnapshot('./testdata/sandbox.json');
});

test("command and args go by Kubernetes' table", () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['serve'] };
  expect(commandLine({ command: [], args: [] }, image)).toEqual(['/entry', 'serve']);
  expect(commandLine({ command: ['/own'], args: [] }, image)).toEqual(['/own']);
  expect(commandLine({ command: [], args: ['x'] }, image)).toEqual(['/entry', 'x']);
  expect(commandLine({ command: ['/own'], args: ['x'] }, image)).toEqual(['/own', 'x']);
});

test('no command anywhere is refused', () => {
  expect(() => containerSpec(input({}, { image: {} }))).toThrow('failed to generate spec: no command specified');
});

test('an empty text is a command, though one that nobody can run', () => {
  expect(containerSpec(input({ command: [''] })).process.args).toEqual(['']);
});

test("the pod's environment wins over the image's, also for odd names", () => {
  const env = environment(
    {
      ...CONFIG,
      env: [
        { key: '__proto__', value: 'x' },
        { key: 'A', value: 'pod' },
      ],
    },
    { Env: ['A=image', 'E=a=b', 'F'] },
    'h',
  );
  expect(env).toEqual(expect.arrayContaining(['A=pod', 'E=a=b', 'F=', '__proto__=x', 'HOSTNAME=h']));
});

test('without CAP_SYS_RESOURCE a negative oom_score_adj is raised to what can be set', () => {
  expect(containerSpec(input({}, { host: { ...HOST, lowestOomScoreAdj: 0 } })).process.oomScoreAdj).toBe(0);
  expect(containerSpec(input()).process.oomScoreAdj).toBe(-997);
});

test('no capability is asked for that the host cannot give', () => {
  const add = { ...SECURITY, capabilities: { add: ['SYS_TIME', 'net_admin'], drop: ['KILL'] } };
  expect(containerSpec(input({ security: add })).process.capabilities.bounding).toEqual(['CAP_CHOWN', 'CAP_NET_ADMIN']);
});

test('what names no capability is passed over, a name with its prefix too', () => {
  const nonsense = { ...SECURITY, capabilities: { add: ['MAKE_COFFEE', 'CAP_NET_ADMIN'], drop: ['CAP_CHOWN'] } };
  expect(containerSpec(input({ security: nonsense })).process.capabilities.bounding).toEqual(['CAP_CHOWN', 'CAP_KILL']);
});

test('namespaces follow the modes of pod and container', () => {
  const types = (over: Partial<ContainerSpecInput>, pidMode: LinuxSecurity['pidMode'] = 'container') =>
    containerSpec(input({ security: { ...SECURITY, pidMode } }, over)).linux.namespaces.map(
      (n) => `${n.type}=${n.path ?? ''}`,
    );
  expect(types({}, 'pod')).toContain('pid=/proc/4711/ns/pid');
  expect(types({ targetPid: 99 }, 'target')).toContain('pid=/proc/99/ns/pid');
  expect(types({}, 'node').some((n) => n.startsWith('pid'))).toBe(false);
  const { netnsPath: _none, ...facts } = input().facts;
  expect(types({ facts }).some((n) => n.startsWith('network') || n.startsWith('uts'))).toBe(false);
});

test('a mount given for /etc/hosts, /dev/shm or /proc takes the place of the own one, parents before children', () => {
  const mount = (containerPath: string) => ({
    containerPath,
    hostPath: '/x',
    readonly: false,
    propagation: 'private' as const,
  });
  const { mounts } = containerSpec(input({ mounts: [mount('/a/b/c'), mount('/a'), mount('/dev/shm')] }));
  expect(mounts.filter((m) => m.destination === '/dev/shm')).toHaveLength(1);
  expect(mounts.findIndex((m) => m.destination === '/a')).toBeLessThan(
    mounts.findIndex((m) => m.destination === '/a/b/c'),
  );
});

test('mount propagation decides for the root', () => {
  const mount = (propagation: 'hostToContainer' | 'bidirectional') => ({
    containerPath: '/m',
    hostPath: '/m',
    readonly: false,
    propagation,
  });
  expect(containerSpec(input({ mounts: [mount('hostToContainer')] })).linux.rootfsPropagation).toBe('rslave');
  expect(containerSpec(input({ mounts: [mount('bidirectional')] })).linux.rootfsPropagation).toBe('rshared');
});

test('seccomp: clone makes no namespaces and clone3 is not there, unless CAP_SYS_ADMIN allows them', () => {
  const rules = containerSpec(input()).linux.seccomp?.syscalls ?? [];
  expect(rules.find((r) => r.names.includes('clone'))?.args?.[0]).toMatchObject({
    op: 'SCMP_CMP_MASKED_EQ',
    value: 0x7e020000,
  });
  expect(rules.find((r) => r.names.includes('clone3'))).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  const admin = containerSpec(
    input(
      { security: { ...SECURITY, capabilities: { add: ['SYS_ADMIN'], drop: [] } } },
      { host: { ...HOST, capabilities: ['CAP_SYS_ADMIN'] } },
    ),
  );
  expect(admin.linux.seccomp?.syscalls?.[0]?.names).toEqual(
    expect.arrayContaining(['clone', 'clone3', 'mount', 'unshare']),
  );
});
