// exec and port-forward through the whole API server, with genuine kubectl binaries; the node is this machine.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, get, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forwardHere, kubectl, kubectlBinary, runHere, startKubectl } from '../../../test/streaming/this-machine.ts';
import { systemClock, systemRandom } from '../../host/clock.ts';
import { ApiError } from '../../machinery/errors.ts';
import { RESOURCES } from '../../resources/index.ts';
import { openMemoryStore } from '../../store/index.ts';
import { type ApiServer, createApiServer } from '../index.ts';

const TOKEN = 'secret-token';
const admin = { username: 'admin', groups: ['system:masters'] };
let api: ApiServer;
let url: string;
const targets: string[] = [];

/** kubectl sends no token without TLS: this stands between and adds it. */
function startFront(port: number): Server {
  const authorization = `Bearer ${TOKEN}`;
  const front = createServer((message, response) => {
    const headers = { ...message.headers, authorization };
    const onward = httpRequest(
      { port, host: '127.0.0.1', method: message.method, path: message.url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    message.pipe(onward);
  });
  front.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    const onward = connect({ port, host: '127.0.0.1' });
    const lines = [`${message.method} ${message.url} HTTP/1.1`, `Authorization: ${authorization}`];
    for (let i = 0; i < message.rawHeaders.length; i += 2) {
      lines.push(`${message.rawHeaders[i]}: ${message.rawHeaders[i + 1]}`);
    }
    onward.write(`${lines.join('\r\n')}\r\n\r\n`);
    onward.write(head);
    for (const one of [socket, onward]) {
      one.on('error', () => {
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  });
  return front.listen(0, '127.0.0.1');
}

let front: Server;

async function create(path: string, object: unknown): Promise<void> {
  const response = await api.handle({
    method: 'POST',
    path,
    query: new URLSearchParams(),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(object)),
    user: admin,
  });
  expect([response.status, Buffer.from(response.body as Uint8Array).toString()]).toEqual([201, expect.anything()]);
}

function pod(name: string, nodeName: string | undefined): unknown {
  const containers = [{ name: 'c', image: 'i' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers, ...(nodeName === undefined ? {} : { nodeName }) },
  };
}

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  api = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clusterCa: '',
    tokens: new Map([[TOKEN, admin]]),
    nodeConnector: (nodeName) => {
      if (nodeName !== 'here') return Promise.reject(new Error('no route to host'));
      return Promise.resolve({
        request: () => Promise.reject(new ApiError({ reason: 'NotFound', message: 'not here' })),
        exec: (target, command, streams) => {
          targets.push(`${target.namespace}/${target.pod}/${target.container}`);
          return runHere(command, streams);
        },
        attach: (_target, streams) => runHere(['cat'], streams),
        portForward: (_target, port, stream) => forwardHere(port, stream),
      });
    },
  });
  const { port } = await api.listen({ host: '127.0.0.1', port: 0 });
  front = startFront(port);
  await new Promise((resolve) => {
    front.once('listening', resolve);
  });
  url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  await create('/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  await create('/api/v1/namespaces/default/pods', pod('p', 'here'));
  await create('/api/v1/namespaces/default/pods', pod('unplaced', undefined));
  await create('/api/v1/namespaces/default/pods', pod('far', 'elsewhere'));
});
afterAll(async () => {
  front.close();
  front.closeAllConnections();
  await api.close();
});

for (const version of ['1.28', '1.31', '1.33']) {
  const binary = kubectlBinary(version);
  // These binaries come with a package that not every machine has.
  describe.skipIf(binary === undefined)(`kubectl ${version}`, () => {
    const run = (...args: string[]): ReturnType<typeof kubectl> => kubectl({ binary: binary ?? '', url, args });

    test('runs a command in a container', async () => {
      const { code, stdout, stderr } = await run('exec', 'p', '--', 'sh', '-c', 'echo out; exit 6');
      expect([code, stdout.toString(), stderr]).toEqual([6, 'out\n', 'command terminated with exit code 6\n']);
      expect(targets.at(-1)).toBe('default/p/c');
    });

    test('is told what is wrong before the connection is taken over', async () => {
      const wrong = async (...args: string[]): Promise<string> => (await run('exec', ...args, '--', 'true')).stderr;
      expect(await wrong('unplaced')).toContain('pod unplaced does not have a host assigned');
      expect(await wrong('far')).toContain('error trying to reach node elsewhere: no route to host');
      expect(await wrong('p', '-c', 'nope')).toMatch(/container (nope is not valid for pod p|not found in pod)/);
      expect(await wrong('none')).toContain('pods "none" not found');
    });

    test('forwards a port', async () => {
      const server = createServer((_request, response) => response.end('hello from the pod'));
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const { port } = server.address() as AddressInfo;
      // kubectl forwards to running pods only.
      const response = await api.handle({
        method: 'PATCH',
        path: '/api/v1/namespaces/default/pods/p/status',
        query: new URLSearchParams(),
        headers: { 'content-type': 'application/merge-patch+json' },
        body: Buffer.from('{"status":{"phase":"Running"}}'),
        user: admin,
      });
      expect(response.status).toBe(200);
      const child = startKubectl({
        binary: binary ?? '',
        url,
        args: ['port-forward', 'p', `:${port}`],
      });
      let shown = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      try {
        for (let i = 0; i < 100 && !/127\.0\.0\.1:\d+/.test(shown); i++)
          await new Promise((resolve) => setTimeout(resolve, 50));
        const local = Number(/127\.0\.0\.1:(\d+)/.exec(shown)?.[1]);
        const text = await new Promise<string>((resolve, reject) => {
          get({ host: '127.0.0.1', port: local, agent: false }, (answer) => {
            let body = '';
            answer.on('data', (chunk: Buffer) => {
              body += chunk.toString();
            });
            answer.on('end', () => resolve(body));
          }).on('error', reject);
        });
        expect(text).toBe('hello from the pod');
      } finally {
        child.kill();
        server.close();
        server.closeAllConnections();
      }
    });
  });
}

test('a request that asks for no upgrade is told to', async () => {
  const response = await api.handle({
    method: 'POST',
    path: '/api/v1/namespaces/default/pods/p/exec',
    query: new URLSearchParams('command=true&stdout=true'),
    headers: {},
    user: admin,
  });
  expect(response.status).toBe(400);
  expect(Buffer.from(response.body as Uint8Array).toString()).toContain('Upgrade request required');
});
