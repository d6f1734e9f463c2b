// A small world for tests of Services: a host in a network namespace of its own, pods on its bridges, and somebody elsewhere.
import { runProgram, startProgram } from '../../host/programs.ts';
import type { Spawned } from '../../host/spawn.ts';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { serviceOfSlice, serviceRoutes } from './routes.ts';
import { renderServices, type ServiceTable, type ServiceTableInput, transaction } from './table.ts';

export const CLUSTER_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/16';
export const HOST_ADDRESS = '192.0.2.1';
export const NODES = new Map([
  ['node-1', '10.244.0.0/24'],
  ['node-2', '10.244.1.0/24'],
]);

export interface ServiceOptions {
  readonly spec?: Partial<NonNullable<Service['spec']>>;
  readonly status?: Service['status'];
  readonly labels?: Record<string, string>;
}

export function service(name: string, clusterIP: string, options: ServiceOptions = {}): Service {
  const { spec = {}, status, labels } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', ...(labels === undefined ? {} : { labels }) },
    spec: { clusterIP, type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** `address`, or `address@node`; one that begins with `!` is not ready, with `~` it ends but still serves. */
export function slice(name: string, endpoints: readonly string[], ports: EndpointSlice['ports'] = []): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: endpoints.map((text) => {
      const [address = '', nodeName] = text.replace(/^[!~]/, '').split('@');
      const draining = text.startsWith('~');
      return {
        addresses: [address],
        conditions: { ready: !/^[!~]/.test(text), serving: !text.startsWith('!'), terminating: draining },
        ...(nodeName === undefined ? {} : { nodeName }),
      };
    }),
    ports: ports.length > 0 ? ports : [{ name: '', port: 8080, protocol: 'TCP' }],
  };
}

export function tableOf(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  more: Partial<ServiceTableInput> = {},
): ServiceTable {
  const routes = serviceRoutes(services, (key) => slices.filter((one) => serviceOfSlice(one) === key));
  return renderServices({
    table: 't-services',
    nodes: NODES,
    clusterCidr: CLUSTER_CIDR,
    serviceCidr: SERVICE_CIDR,
    routes,
    ...more,
  });
}

/** Answers every connection and datagram on port 8080 with its own address and that of the client. */
const SERVER = `
const { createServer } = require('node:net'), { createSocket } = require('node:dgram');
const [me] = process.argv.slice(-1), port = 8080;
const udp = createSocket('udp4').on('message', (m, from) => udp.send(me + ' ' + from.address, from.port, from.address));
createServer((s) => { s.on('error', () => {}); s.end(me + ' ' + s.remoteAddress.replace('::ffff:', '')); })
  .listen(port, '0.0.0.0', () => udp.bind(port, () => console.log('listens')));
`;

/** Asks in order; for each the answer, or the error's code. */
const CLIENT = `
const { connect } = require('node:net'), { createSocket } = require('node:dgram');
const asked = JSON.parse(process.argv.slice(-1)[0]);
const tcp = ({ host, port }) => new Promise((done) => {
  const s = connect({ host, port }); let text = '';
  s.setTimeout(1500, () => { done('timeout'); s.destroy(); });
  s.on('data', (d) => { text += d; }).on('end', () => done(text)).on('error', (e) => done(e.code));
});
const udp = ({ host, port, from }) => new Promise((done) => {
  const s = createSocket('udp4');
  const end = (text) => { clearTimeout(timer); try { s.close(); } catch {} done(text); };
  const timer = setTimeout(() => end('timeout'), 1500);
  s.on('message', (m) => end(String(m))).on('error', (e) => end(e.code));
  s.bind(from, () => s.connect(port, host, () => s.send('hello')));
});
(async () => {
  const answers = [];
  for (const one of asked) answers.push(await (one.udp ? udp(one) : tcp(one)));
  console.log(JSON.stringify(answers));
})();
`;

export interface Asked {
  readonly host: string;
  readonly port: number;
  readonly udp?: true;
  /** The client's own port. */
  readonly from?: number;
}

export class World {
  readonly #name: string;
  readonly #spaces = new Set<string>();
  readonly #servers: Spawned[] = [];
  #table: ServiceTable | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  #space(who: string): string {
    return `${this.#name}-${who}`;
  }

  async #ip(...lines: readonly string[]): Promise<void> {
    await runProgram('ip', ['-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  }

  async #add(who: string): Promise<string> {
    const space = this.#space(who);
    this.#spaces.add(space);
    await this.#ip(`netns add ${space}`);
    await this.inside(who, 'ip', 'link', 'set', 'lo', 'up');
    return space;
  }

  inside(who: string, program: string, ...args: readonly string[]): Promise<{ stdout: Buffer }> {
    return runProgram('ip', ['netns', 'exec', this.#space(who), program, ...args]);
  }

  async build(): Promise<void> {
    const host = await this.#add('host');
    const elsewhere = await this.#add('elsewhere');
    await runProgram('ip', ['-n', host, '-batch', '-'], {
      stdin: [
        ...[0, 1].flatMap((i) => [
          `link add br${i} type bridge`,
          `addr add 10.244.${i}.1/24 dev br${i}`,
          `link set br${i} up`,
        ]),
        `link add out type veth peer name eth0 netns ${elsewhere}`,
        `addr add ${HOST_ADDRESS}/24 dev out`,
        'link set out up',
        `route add ${SERVICE_CIDR} dev br0 src 10.244.0.1`,
        'route add default via 192.0.2.2',
        '',
      ].join('\n'),
    });
    await runProgram('ip', ['-n', elsewhere, '-batch', '-'], {
      stdin: `addr add 192.0.2.2/24 dev eth0\nlink set eth0 up\nroute add default via ${HOST_ADDRESS}\n`,
    });
    const on = ['ip_forward', 'conf/br0/route_localnet', 'conf/br1/route_localnet'];
    await this.inside('host', 'sh', '-c', on.map((name) => `echo 1 > /proc/sys/net/ipv4/${name}`).join(';'));
  }

  /** A pod at `10.244.NODE.LAST`, with a server. */
  async pod(who: string, node: 0 | 1, last: number): Promise<void> {
    const [host, pod] = [this.#space('host'), await this.#add(who)];
    await runProgram('ip', ['-n', host, '-batch', '-'], {
      stdin: `link add to-${who} type veth peer name eth0 netns ${pod}\nlink set to-${who} master br${node} up\nlink set to-${who} type bridge_slave hairpin on\n`,
    });
    await runProgram('ip', ['-n', pod, '-batch', '-'], {
      stdin: `addr add 10.244.${node}.${last}/24 dev eth0\nlink set eth0 up\nroute add default via 10.244.${node}.1\n`,
    });
    await this.serve(who);
  }

  async serve(who: string): Promise<void> {
    const args = ['netns', 'exec', this.#space(who), process.execPath, '-e', SERVER, '--', who];
    const server = await startProgram('ip', args, { stdio: ['ignore', 'write', 2] });
    this.#servers.push(server);
    await new Promise((resolve) => server.stdio[1]?.once('data', resolve));
  }

  /** Brings a table into the host, by the same transactions as the proxy. */
  async apply(services: readonly Service[], slices: readonly EndpointSlice[], more: Partial<ServiceTableInput> = {}) {
    const next = tableOf(services, slices, more);
    await runProgram('ip', ['netns', 'exec', this.#space('host'), 'nft', '-f', '-'], {
      stdin: transaction('t-services', this.#table, next),
    });
    this.#table = next;
  }

  async ask(who: string, asked: readonly Asked[]): Promise<string[]> {
    const ran = await this.inside(who, process.execPath, '-e', CLIENT, '--', JSON.stringify(asked));
    return JSON.parse(ran.stdout.toString()) as string[];
  }

  async remove(): Promise<void> {
    for (const server of this.#servers) server.kill('SIGKILL');
    for (const space of this.#spaces) await runProgram('ip', ['netns', 'del', space], { allowFailure: true });
  }
}
