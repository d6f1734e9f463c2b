// Genuine kubectl binaries, old and new, against the streaming code.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  forwardHere,
  kubectl,
  kubectlBinary,
  kubectlInPty,
  runHere,
  startKubectl,
} from '../../../test/streaming/this-machine.ts';
import { type FakeApi, startFakeApi } from './fake-api.ts';

interface Client {
  readonly name: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
  readonly offer: RegExp;
}

/** From 1.31 on the default is WebSocket; before that it is SPDY. */
const CLIENTS: readonly Client[] = [
  { name: '1.27 over SPDY', version: '1.27', env: {}, offer: /^v4\.channel\.k8s\.io/ },
  { name: '1.29 over SPDY', version: '1.29', env: {}, offer: /^(v5|v4)\.channel\.k8s\.io/ },
  {
    name: '1.33 over WebSocket',
    version: '1.33',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'true' },
    offer: /^v5\.channel\.k8s\.io/,
  },
  {
    name: '1.33 over SPDY',
    version: '1.33',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
    offer: /^(v5|v4)\.channel\.k8s\.io/,
  },
];

let api: FakeApi;
let dir: string;
beforeAll(async () => {
  api = await startFakeApi({ run: runHere, forward: forwardHere, attached: ['sh', '-c', 'echo attached; cat'] });
  dir = mkdtempSync(join(tmpdir(), 'minke-streaming-'));
});
afterAll(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function waitFor(what: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
}

for (const client of CLIENTS) {
  const binary = kubectlBinary(client.version);
  // These binaries come with a package that not every machine has.
  describe.skipIf(binary === undefined)(`kubectl ${client.name}`, () => {
    const run = (args: string[], input?: Buffer | string): ReturnType<typeof kubectl> =>
      kubectl({ binary: binary ?? '', url: api.url, args, env: client.env, ...(input === undefined ? {} : { input }) });

    test('runs a command and shows both outputs', async () => {
      const { code, stdout, stderr } = await run(['exec', 'p', '-c', 'c', '--', 'sh', '-c', 'echo out; echo err >&2']);
      expect([code, stdout.toString(), stderr]).toEqual([0, 'out\n', 'err\n']);
      expect(api.offers.at(-1)).toMatch(client.offer);
    });

    test('gets the exit code', async () => {
      const { code, stderr } = await run(['exec', 'p', '-c', 'c', '--', 'sh', '-c', 'exit 42']);
      expect([code, stderr]).toEqual([42, 'command terminated with exit code 42\n']);
    });

    test('is told why a command could not be started', async () => {
      const { code, stderr } = await run(['exec', 'p', '-c', 'c', '--', '/no/such/program']);
      expect(code).toBe(1);
      expect(stderr).toContain('error executing command in container: spawn /no/such/program ENOENT');
    });

    test('passes input and its end', async () => {
      const { code, stdout } = await run(['exec', '-i', 'p', '-c', 'c', '--', 'sh', '-c', 'cat; echo end'], 'hello\n');
      expect([code, stdout.toString()]).toEqual([0, 'hello\nend\n']);
    });

    test('carries much data both ways unchanged', async () => {
      const data = randomBytes(8 * 1024 * 1024);
      const { stdout } = await run(['exec', '-i', 'p', '-c', 'c', '--', 'cat'], data);
      expect(sha(stdout)).toBe(sha(data));
    });

    test('has a terminal that knows its size', async () => {
      const pty = kubectlInPty(
        { binary: binary ?? '', url: api.url, args: ['exec', '-it', 'p', '-c', 'c', '--', 'sh'], env: client.env },
        { cols: 91, rows: 31 },
      );
      let shown = '';
      pty.onData((text) => {
        shown += text;
      });
      const exit = new Promise<number>((resolve) => {
        pty.onExit(({ exitCode }) => resolve(exitCode));
      });
      await waitFor(() => /[#$] $/.test(shown));
      pty.write('stty size\n');
      await waitFor(() => shown.includes('31 91'));
      pty.resize(70, 20);
      await new Promise((resolve) => setTimeout(resolve, 300));
      pty.write('stty size; exit 7\n');
      expect(await exit).toBe(7);
      expect(shown).toContain('31 91');
      expect(shown).toContain('20 70');
    });

    test('copies files to and from the pod', async () => {
      const from = join(dir, `from-${client.version}`);
      const to = join(dir, `to-${client.version}`);
      const back = join(dir, `back-${client.version}`);
      const data = randomBytes(3 * 1024 * 1024);
      writeFileSync(from, data);
      const up = await run(['cp', from, `default/p:${to}`, '-c', 'c']);
      expect([up.code, up.stderr]).toEqual([0, '']);
      expect(sha(readFileSync(to))).toBe(sha(data));
      const down = await run(['cp', `default/p:${to}`, back, '-c', 'c']);
      expect(down.code).toBe(0);
      expect(sha(readFileSync(back))).toBe(sha(data));
    });

    test('attaches', async () => {
      const { code, stdout } = await run(['attach', '-i', 'p', '-c', 'c'], 'typed\n');
      expect(code).toBe(0);
      expect(stdout.toString()).toBe('attached\ntyped\n');
    });

    test('going away ends the command', async () => {
      const marker = `sleep 31.${client.version.replace('.', '')}${Object.keys(client.env).length}`;
      const child = startKubectl({
        binary: binary ?? '',
        url: api.url,
        args: ['exec', 'p', '-c', 'c', '--', ...marker.split(' ')],
        env: client.env,
      });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      child.kill('SIGKILL');
      await waitFor(() => api.aborted.includes(marker));
      expect(api.aborted).toContain(marker);
    });

    test('forwards ports, several connections at once', async () => {
      const body = randomBytes(1024 * 1024);
      const server = createHttpServer((request, response) =>
        response.end(request.url === '/big' ? body : `you asked ${request.url}`),
      );
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const target = (server.address() as AddressInfo).port;
      const child = startKubectl({
        binary: binary ?? '',
        url: api.url,
        args: ['port-forward', 'p', `:${target}`],
        env: client.env,
      });
      let shown = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      try {
        await waitFor(() => /127\.0\.0\.1:\d+/.test(shown));
        const local = Number(/127\.0\.0\.1:(\d+)/.exec(shown)?.[1]);
        const fetchLocal = (path: string): Promise<Buffer> =>
          new Promise((resolve, reject) => {
            get({ host: '127.0.0.1', port: local, path, agent: false }, (response) => {
              const parts: Buffer[] = [];
              response.on('data', (chunk: Buffer) => parts.push(chunk));
              response.on('end', () => resolve(Buffer.concat(parts)));
            }).on('error', reject);
          });
        const answers = await Promise.all([...Array(5).keys()].map((i) => fetchLocal(`/${i}`)));
        expect(answers.map(String)).toEqual([...Array(5).keys()].map((i) => `you asked /${i}`));
        expect(sha(await fetchLocal('/big'))).toBe(sha(body));
        const tunnelled = client.env.KUBECTL_PORT_FORWARD_WEBSOCKETS === 'true';
        expect(api.offers.at(-1)).toBe(tunnelled ? 'SPDY/3.1+portforward.k8s.io' : 'portforward.k8s.io');
      } finally {
        child.kill();
        server.close();
        server.closeAllConnections();
      }
    });

    test('is told that a port is closed', async () => {
      const probe = createServer();
      await new Promise<void>((resolve) => {
        probe.listen(0, '127.0.0.1', resolve);
      });
      const closed = (probe.address() as AddressInfo).port;
      probe.close();
      const child = startKubectl({
        binary: binary ?? '',
        url: api.url,
        args: ['port-forward', 'p', `:${closed}`],
        env: client.env,
      });
      let shown = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      try {
        await waitFor(() => /127\.0\.0\.1:\d+/.test(shown));
        const local = Number(/127\.0\.0\.1:(\d+)/.exec(shown)?.[1]);
        get({ host: '127.0.0.1', port: local, agent: false }).on('error', () => undefined);
        await waitFor(() => shown.includes('an error occurred forwarding'));
        expect(shown).toContain(
          `error forwarding port ${closed} to pod p_default, uid u: dial tcp 127.0.0.1:${closed}`,
        );
      } finally {
        child.kill();
      }
    });
  });
}
