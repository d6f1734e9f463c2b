// The table in a kernel: who reaches what by which address of a Service, and who is refused.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../host/programs.ts';
import { whyNoNetworks } from '../conformance.ts';
import { type Asked, HOST_ADDRESS, service, slice, World } from './testbed.ts';
import { forgotten, udpFlows } from './udp-flows.ts';

const skip = whyNoNetworks() ?? (existsSync('/proc/sys/net/bridge') ? undefined : 'needs the module br_netfilter');
const WEB = '10.96.0.10';
const UDP = [{ name: '', port: 8080, protocol: 'UDP' }];
const BOTH = ['10.244.0.2@node-1', '10.244.1.3@node-2'];

const at = (host: string, port = 80): Asked => ({ host, port });
const times = (n: number, asked: Asked): Asked[] => Array.from({ length: n }, () => asked);
const names = (answers: readonly string[]): string[] => [...new Set(answers.map((a) => a.split(' ')[0] ?? ''))].sort();

describe.skipIf(skip !== undefined)(`Services${skip === undefined ? '' : ` (${skip})`}`, () => {
  const world = new World(`mksvc${process.pid}`);
  beforeAll(async () => {
    await world.build();
    // a and c on one bridge, b on the other.
    await Promise.all([world.pod('a', 0, 2), world.pod('b', 1, 3), world.pod('c', 0, 4)]);
    await Promise.all([world.serve('elsewhere'), world.serve('host')]);
  });
  afterAll(() => world.remove());

  test('are reached by their address from pods, which keep theirs, and from the host', async () => {
    await world.apply([service('web', WEB)], [slice('web', BOTH)]);
    const [fromPod, fromHost] = await Promise.all([
      world.ask('c', times(20, at(WEB))),
      world.ask('host', times(20, at(WEB))),
    ]);
    expect(names(fromPod)).toEqual(['a', 'b']);
    expect(new Set(fromPod)).toEqual(new Set(['a 10.244.0.4', 'b 10.244.0.4']));
    expect(names(fromHost)).toEqual(['a', 'b']);
  });

  test('lead a pod back to itself', async () => {
    await world.apply([service('web', WEB)], [slice('web', ['10.244.0.2'])]);
    expect(await world.ask('a', [at(WEB)])).toEqual(['a 10.244.0.1']);
  });

  test('refuse at once where nobody is ready, by the wrong port, and where no Service is', async () => {
    const open = { type: 'NodePort', externalIPs: ['198.51.100.7'], ports: [{ port: 80, nodePort: 30_080 }] };
    await world.apply([service('web', WEB, { spec: open })], [slice('web', ['!10.244.0.2'])]);
    const asked = [at(WEB), at('198.51.100.7'), at(HOST_ADDRESS, 30_080), at(WEB, 81), at('10.96.7.7')];
    const refused = ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', 'EHOSTUNREACH'];
    expect(await world.ask('c', asked)).toEqual(refused);
    expect(await world.ask('host', asked)).toEqual(refused);
    expect(await world.ask('elsewhere', asked)).toEqual(refused);
  });

  test('lead to those that end but serve only while no other is ready', async () => {
    await world.apply([service('web', WEB)], [slice('web', ['~10.244.0.2', '10.244.1.3'])]);
    expect(names(await world.ask('c', times(10, at(WEB))))).toEqual(['b']);
    await world.apply([service('web', WEB)], [slice('web', ['~10.244.0.2', '!10.244.1.3'])]);
    expect(names(await world.ask('c', times(10, at(WEB))))).toEqual(['a']);
  });

  test('are open on node ports of every address of the host, and on external and balancers’ addresses', async () => {
    const spec = {
      type: 'LoadBalancer',
      externalIPs: ['198.51.100.7'],
      ports: [{ port: 80, nodePort: 30_080 }],
    };
    const status = { loadBalancer: { ingress: [{ ip: '198.51.100.8' }, { ip: '198.51.100.9', ipMode: 'Proxy' }] } };
    await world.apply([service('web', WEB, { spec, status })], [slice('web', BOTH)]);
    for (const host of [HOST_ADDRESS, '127.0.0.1', '10.244.0.1', '10.244.1.1'])
      expect(names(await world.ask('host', times(12, at(host, 30_080)))), host).toEqual(['a', 'b']);
    for (const asked of [at(HOST_ADDRESS, 30_080), at('198.51.100.7'), at('198.51.100.8')]) {
      expect(names(await world.ask('c', times(12, asked)))).toEqual(['a', 'b']);
      // As in Kubernetes, who comes from elsewhere comes by the host's address.
      expect(new Set(await world.ask('elsewhere', times(16, asked)))).toEqual(
        new Set(['a 10.244.0.1', 'b 10.244.1.1']),
      );
    }
    expect(await world.ask('c', [at('198.51.100.9')])).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^[ab] /)]),
    );
  });

  test('with externalTrafficPolicy Local keep the client’s address and leave out what is not on this host', async () => {
    const spec = { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_080 }] };
    await world.apply([service('web', WEB, { spec })], [slice('web', ['10.244.0.2@node-1', '192.0.2.2'])]);
    const asked = times(12, at(HOST_ADDRESS, 30_080));
    expect(new Set(await world.ask('elsewhere', asked))).toEqual(new Set(['a 192.0.2.2']));
    expect(names(await world.ask('c', asked))).toEqual(['a', 'elsewhere']);
    await world.apply([service('web', WEB, { spec })], [slice('web', ['192.0.2.2'])]);
    expect(await world.ask('elsewhere', [at(HOST_ADDRESS, 30_080)])).toEqual(['timeout']);
  });

  test('with internalTrafficPolicy Local lead a pod to its own node', async () => {
    const spec = { internalTrafficPolicy: 'Local' };
    await world.apply([service('web', WEB, { spec })], [slice('web', BOTH)]);
    expect(names(await world.ask('c', times(10, at(WEB))))).toEqual(['a']);
    expect(names(await world.ask('b', times(10, at(WEB))))).toEqual(['b']);
    expect(names(await world.ask('host', times(12, at(WEB))))).toEqual(['a', 'b']);
    await world.apply([service('web', WEB, { spec })], [slice('web', ['10.244.1.3@node-2'])]);
    expect(await world.ask('c', [at(WEB)])).toEqual(['timeout']);
  });

  test('keep a client with its endpoint, also while other endpoints come and go', async () => {
    const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
    const sticky = service('web', WEB, { spec });
    await world.apply([sticky], [slice('web', BOTH)]);
    const first = names(await world.ask('c', times(10, at(WEB))));
    expect(first).toHaveLength(1);
    for (let round = 0; round < 6; round++) {
      await world.apply([sticky, service('other', '10.96.0.11')], [slice('web', [...BOTH, `10.244.0.${50 + round}`])]);
      expect(names(await world.ask('c', times(3, at(WEB))))).toEqual(first);
    }
    const rest = BOTH.filter((one) => one !== (first[0] === 'a' ? BOTH[0] : BOTH[1]));
    await world.apply([sticky], [slice('web', rest)]);
    expect(names(await world.ask('c', times(3, at(WEB))))).toEqual([first[0] === 'a' ? 'b' : 'a']);
  });

  test('let nobody but the ranges that were named to a balancer’s address', async () => {
    const spec = { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.244.0.0/24'] };
    const status = { loadBalancer: { ingress: [{ ip: '198.51.100.8' }] } };
    await world.apply([service('web', WEB, { spec, status })], [slice('web', BOTH)]);
    expect(names(await world.ask('c', times(10, at('198.51.100.8'))))).toEqual(['a', 'b']);
    expect(await world.ask('elsewhere', [at('198.51.100.8')])).toEqual(['timeout']);
    expect(names(await world.ask('b', times(10, at(WEB))))).toEqual(['a', 'b']);
  });

  test('lead to servers of the cluster on the host that nobody beyond it reaches', async () => {
    const address = '10.244.0.1';
    const own = {
      address,
      ports: [{ protocol: 'tcp', port: 8080 } as const, { protocol: 'udp', port: 8080 } as const],
    };
    const dns = service('dns', '10.96.0.1', {
      spec: { ports: [{ port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }] },
    });
    const ports = [{ port: 8080 }, { name: 'dns', port: 8080, protocol: 'UDP' }];
    await world.apply([dns], [slice('dns', [address], ports)], { own });
    const asked: Asked[] = [
      at('10.96.0.1'),
      at(address, 8080),
      { host: '10.96.0.1', port: 53, udp: true },
      { host: address, port: 8080, udp: true },
    ];
    expect(names(await world.ask('c', asked))).toEqual(['host']);
    // This world's server answers datagrams from whatever address is nearer: not from the one that was asked.
    expect(
      names(
        await world.ask(
          'b',
          asked.filter(({ udp }) => udp !== true),
        ),
      ),
    ).toEqual(['host']);
    expect(names(await world.ask('host', asked))).toEqual(['host']);
    expect(await world.ask('elsewhere', asked)).toEqual(asked.map(() => 'timeout'));
  });

  test('carry UDP, and forget clients of endpoints that went where the host has conntrack', async () => {
    const dns = service('dns', '10.96.0.53', { spec: { ports: [{ port: 53, protocol: 'UDP' }] } });
    const asked: Asked = { host: '10.96.0.53', port: 53, udp: true, from: 40_053 };
    await world.apply([dns], []);
    expect(await world.ask('c', [asked])).toEqual(['ECONNREFUSED']);
    const before = slice('dns', ['10.244.0.2'], UDP);
    await world.apply([dns], [before]);
    expect(await world.ask('c', [asked])).toEqual(['a 10.244.0.4']);
    const after = slice('dns', ['10.244.1.3'], UDP);
    await world.apply([dns], [after]);
    if (findProgram('conntrack') === undefined) return;
    const { serviceRoutes } = await import('./routes.ts');
    const flows = (one: typeof before) => udpFlows(serviceRoutes([dns], () => [one]));
    for (const args of forgotten(flows(before), flows(after))) await world.inside('host', 'conntrack', ...args);
    expect(await world.ask('c', [asked])).toEqual(['b 10.244.0.4']);
  });
});
