// The network of CNI plugins: configurations, the order and words of calls against plugins of our own, and the real bridge plugins.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { removeEmptyNatTables } from '../../host/nat-tables.ts';
import { findProgram, runProgram } from '../../host/programs.ts';
import { networkConformance, networkedPod, whyNoNetworks } from '../conformance.ts';
import { findNetworkList, parseNetworkList } from './config.ts';
import { CniNetwork } from './network.ts';
import { addressesOf, hostLinkOf } from './result.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-cni-'));
afterAll(() => rm(root, { recursive: true, force: true }));

test('a list and a single plugin are both configurations; the newest version that both know is spoken', () => {
  const list = parseNetworkList(
    '{"cniVersion":"0.4.0","cniVersions":["1.0.0","9.0.0"],"name":"a","plugins":[{"type":"x","k":1},{"type":"y"}]}',
  );
  expect(list).toMatchObject({ name: 'a', cniVersion: '1.0.0', disableCheck: false });
  expect(list.plugins.map((p) => p.type)).toEqual(['x', 'y']);
  expect(parseNetworkList('{"cniVersion":"0.3.1","name":"b","type":"z"}').plugins).toHaveLength(1);
});

test.each([
  ['[]', 'not a JSON object'],
  ['{"cniVersion":"1.0.0","plugins":[{"type":"x"}]}', 'no valid name'],
  ['{"cniVersion":"1.0.0","name":"a","plugins":[]}', 'no plugins'],
  ['{"cniVersion":"1.0.0","name":"a","plugins":[{"type":"../x"}]}', 'no valid type'],
  ['{"cniVersion":"0.1.0","name":"a","plugins":[{"type":"x"}]}', 'cniVersion 0.1.0 is not supported'],
])('%s is refused', (text, why) => {
  expect(() => parseNetworkList(text)).toThrow(why);
});

test('the first valid configuration of a directory counts; without one it is said why', async () => {
  const directory = join(root, 'net.d');
  expect(findNetworkList(directory)).toBe(`cni plugin not initialized: no network config found in ${directory}`);
  await mkdir(directory);
  await writeFile(join(directory, '00-broken.conflist'), '{');
  expect(findNetworkList(directory)).toMatch(/^cni plugin not initialized: 00-broken.conflist: /);
  for (const name of ['20-b', '10-a'])
    await writeFile(
      join(directory, `${name}.conflist`),
      `{"cniVersion":"1.0.0","name":"${name}","plugins":[{"type":"x"}]}`,
    );
  await writeFile(join(directory, '05-note.txt'), 'not a configuration');
  expect(findNetworkList(directory)).toMatchObject({ name: '10-a' });
});

test('of a result the first address of each family counts, and the last link of the host', () => {
  const result = {
    ips: [{ address: '10.0.0.2/24' }, { address: '10.0.0.3/24' }, { address: 'fd00::2/64' }, { address: 'x' }],
    interfaces: [{ name: 'cni0' }, { name: 'veth1' }, { name: 'eth0', sandbox: '/run/netns/x' }],
  };
  expect(addressesOf(result)).toEqual(['10.0.0.2', 'fd00::2']);
  expect(hostLinkOf(result)).toBe('veth1');
  expect([addressesOf(undefined), hostLinkOf({ interfaces: 3 })]).toEqual([[], '']);
});

const skip = whyNoNetworks();

describe.skipIf(skip !== undefined)(`calls${skip === undefined ? '' : ` (${skip})`}`, () => {
  const bin = join(root, 'bin');
  const conf = join(root, 'calls.d');
  const journal = join(root, 'journal');
  let opened: CniNetwork[] = [];

  /** A plugin that writes down what it is told; `answer` is what it says to ADD, `more` runs before. */
  const plugin = async (name: string, answer: string, more = '') => {
    await writeFile(
      join(bin, name),
      `#!/bin/sh\ninput=$(cat)\nprintf '%s\\t%s\\t%s\\t%s\\t%s\\n' ${name} "$CNI_COMMAND" "$CNI_NETNS" "$CNI_ARGS" "$input" >>${journal}\n${more}\n[ "$CNI_COMMAND" != ADD ] || printf '%s' '${answer}'\n`,
    );
    await chmod(join(bin, name), 0o755);
  };
  const list = (over: Record<string, unknown> = {}) =>
    writeFile(
      join(conf, 'a.conflist'),
      JSON.stringify({
        cniVersion: '1.1.0',
        name: 'net',
        plugins: [{ type: 'first' }, { type: 'second', capabilities: { portMappings: true, bandwidth: true } }],
        ...over,
      }),
    );
  const calls = async () =>
    (await readFile(journal, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [name, command, netns, args, input = ''] = line.split('\t');
        return { name, command, netns, args, input: JSON.parse(input) };
      });
  const open = (timeoutMs = 5000) => {
    const network = new CniNetwork({
      name: 'mkcnix',
      configDirectory: conf,
      binaries: [join(root, 'nowhere'), bin],
      cacheDirectory: join(root, 'cache'),
      timeoutMs,
      log: () => undefined,
    });
    opened.push(network);
    return network;
  };
  beforeAll(async () => {
    await mkdir(bin, { recursive: true });
    await mkdir(conf, { recursive: true });
  });
  beforeEach(async () => {
    for (const network of opened) await network.destroy();
    opened = [];
    await rm(journal, { force: true });
    await list();
    await plugin('first', '{"cniVersion":"1.1.0","ips":[{"address":"192.0.2.7/24"}]}');
    await plugin('second', '{"cniVersion":"1.1.0","ips":[{"address":"192.0.2.8/24"},{"address":"fd00::8/64"}]}');
  });
  afterAll(async () => {
    for (const network of opened) await network.destroy();
    expect((await readdir('/run/netns').catch(() => [])).filter((n) => n.startsWith('mkcnix'))).toEqual([]);
  });

  test('each plugin gets the result of the one before, and of the capabilities those it has asked for', async () => {
    const network = open();
    await network.start([]);
    const pod = networkedPod({
      ports: [{ protocol: 'UDP', hostPort: 53, containerPort: 5353, hostIp: '127.0.0.1' }],
      annotations: { 'kubernetes.io/ingress-bandwidth': '10M' },
    });
    const slot = await network.acquire(pod);
    expect(slot).toMatchObject({ ip: '192.0.2.8', ips: ['192.0.2.8', 'fd00::8'] });
    const [first, second] = (await calls()).filter((c) => c.command === 'ADD');
    expect(first?.input).toEqual({ type: 'first', name: 'net', cniVersion: '1.1.0' });
    expect(first?.args).toBe(
      `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name};K8S_POD_INFRA_CONTAINER_ID=${pod.id};K8S_POD_UID=${pod.uid}`,
    );
    expect(first?.netns).toBe(slot.netnsPath);
    expect(second?.input).toMatchObject({
      prevResult: { ips: [{ address: '192.0.2.7/24' }] },
      runtimeConfig: {
        portMappings: [{ hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '127.0.0.1' }],
        bandwidth: { ingressRate: 10_000_000, ingressBurst: 4_294_967_295 },
      },
    });
    await network.release(slot);
    const ends = (await calls()).filter((c) => c.command === 'DEL');
    expect(ends.map((c) => c.name)).toEqual(['second', 'first']);
    expect(ends[0]?.input.prevResult.ips).toHaveLength(2);
  });

  test('a plugin that fails is quoted, and all that was made is taken back', async () => {
    await plugin(
      'second',
      '',
      `[ "$CNI_COMMAND" != ADD ] || { printf '{"code":7,"msg":"no luck","details":"none left"}'; exit 1; }`,
    );
    const network = open();
    await network.start([]);
    await expect(network.acquire(networkedPod())).rejects.toThrow(
      'plugin type="second" name="net" failed (add): no luck; none left',
    );
    expect((await calls()).filter((c) => c.command === 'DEL').map((c) => c.name)).toContain('first');
    expect((await readdir('/run/netns').catch(() => [])).filter((n) => n.startsWith('mkcnix'))).toEqual([]);
    expect(await readdir(join(root, 'cache'))).toEqual([]);
  });

  test('a plugin that is not there and one that never answers are errors that say so', async () => {
    const network = open(300);
    await network.start([]);
    await plugin('second', '', '[ "$CNI_COMMAND" != ADD ] || exec sleep 30');
    await expect(network.acquire(networkedPod())).rejects.toThrow('failed (add): no answer within 300 ms');
    await rm(join(bin, 'second'));
    await expect(network.acquire(networkedPod())).rejects.toThrow('failed to find plugin "second" in path');
  });

  test('who starts anew checks what is there, tells the plugins what is valid, and names what is lost', async () => {
    const network = open();
    await network.start([]);
    const [kept, lost, left] = [
      await network.acquire(networkedPod({ id: 'kept' })),
      await network.acquire(networkedPod({ id: 'lost' })),
      await network.acquire(networkedPod({ id: 'left' })),
    ];
    await runProgram('ip', ['netns', 'del', left.netns]); // as after a reboot
    await plugin(
      'first',
      '',
      `case "$CNI_COMMAND:$CNI_CONTAINERID" in CHECK:lost) printf '{"code":100,"msg":"gone"}'; exit 1 ;; esac`,
    );
    await rm(journal);
    const second = open();
    const told = await second.start([
      { slot: kept, id: 'kept', ports: [] },
      { slot: lost, id: 'lost', ports: [] },
    ]);
    expect(told).toEqual(['lost']);
    const all = await calls();
    expect(all.filter((c) => c.command === 'DEL').map((c) => c.netns)).toEqual(['', '']);
    expect(all.filter((c) => c.command === 'CHECK')).toHaveLength(3);
    expect(all.find((c) => c.command === 'GC')?.input['cni.dev/valid-attachments']).toEqual([
      { containerID: 'kept', ifname: 'eth0' },
    ]);
  });

  test('older plugins are not asked what their version does not know', async () => {
    await list({ cniVersion: '0.3.1' });
    const network = open();
    await network.start([]);
    const slot = await network.acquire(networkedPod());
    await open().start([{ slot, id: 'x', ports: [] }]);
    expect(new Set((await calls()).map((c) => c.command))).toEqual(new Set(['ADD']));
  });

  test('without a configuration the network is not ready, and it is as soon as there is one', async () => {
    const network = open();
    await network.start([]);
    await rm(join(conf, 'a.conflist'));
    expect(network.ready).toContain('no network config found');
    await expect(network.acquire(networkedPod())).rejects.toThrow('cni plugin not initialized');
    await list();
    expect(network.ready).toBe(true);
  });
});

const BINARIES = ['/opt/cni/bin', '/usr/lib/cni'];
const real = join(root, 'real.d');
const data = join(root, 'leases');

function whyNoPlugins(): string | undefined {
  const missing = ['bridge', 'host-local', 'portmap'].find((n) =>
    BINARIES.every((d) => findProgram(join(d, n)) === undefined),
  );
  if (missing !== undefined) return `needs the CNI plugin ${missing}`;
  return findProgram('iptables') === undefined ? 'needs iptables' : undefined;
}

beforeAll(async () => {
  chainsBefore = plugins !== undefined || (await natRules()).some((rule) => rule.includes('CNI-HOSTPORT'));
  await mkdir(real, { recursive: true });
  await writeFile(
    join(real, '10-bridge.conflist'),
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'mkcnitest',
      plugins: [
        {
          type: 'bridge',
          bridge: 'mkcnibr0',
          isGateway: true,
          hairpinMode: true,
          ipam: {
            type: 'host-local',
            dataDir: data,
            ranges: [[{ subnet: '10.227.0.0/24' }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
        { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      ],
    }),
  );
});

const CHAINS = ['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-MASQ', 'CNI-HOSTPORT-SETMARK'];
let chainsBefore = true;

async function natRules(): Promise<string[]> {
  return (await runProgram('iptables', ['-t', 'nat', '-S'], { allowFailure: true })).stdout.toString().split('\n');
}

async function removeChains(): Promise<void> {
  const quiet = (args: readonly string[]) => runProgram('iptables', ['-t', 'nat', ...args], { allowFailure: true });
  for (const rule of await natRules())
    if (rule.startsWith('-A ') && rule.includes(' -j CNI-'))
      await quiet(['-D', ...(rule.slice(3).match(/"[^"]*"|\S+/g) ?? []).map((w) => w.replaceAll('"', ''))]);
  for (const chain of CHAINS) await quiet(['-F', chain]);
  for (const chain of CHAINS) await quiet(['-X', chain]);
}

const plugins = whyNoPlugins();
networkConformance({
  name: 'the bridge plugins of the host',
  ...(plugins === undefined ? {} : { skip: plugins }),
  addresses: '10.227.0.',
  prefix: 'mkcnir',
  open: () =>
    new CniNetwork({
      name: 'mkcnir',
      configDirectory: real,
      binaries: BINARIES,
      cacheDirectory: join(root, 'real-cache'),
      log: () => undefined,
    }),
  leftovers: async () => {
    const leases = (await readdir(join(data, 'mkcnitest')).catch(() => [])).filter((n) => n.startsWith('10.'));
    // The bridge and portmap's chains are the plugins' own, which they never take down.
    await runProgram('ip', ['link', 'del', 'mkcnibr0'], { allowFailure: true });
    if (!chainsBefore) await removeChains();
    await removeEmptyNatTables();
    return leases;
  },
});
