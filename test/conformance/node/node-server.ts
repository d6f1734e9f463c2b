// A server in a pod that remembers who asked for what, over HTTP, HTTPS and gRPC: the host's own node, mounted into busybox.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Container, Pod } from '../../../src/resources/generated/core-v1.ts';
import { type Lab, podOf } from './lab.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: boolean;
  readonly body: string;
}

const SCRIPT = `
const http = require('node:http'), https = require('node:https'), http2 = require('node:http2'), fs = require('node:fs');
const seen = [];
const failAfter = Number(process.env.FAIL_AFTER_MS ?? Infinity), began = Date.now();
const answer = {
  '/seen': (q, s) => s.end(JSON.stringify(seen)),
  '/healthz': (q, s) => { s.statusCode = Date.now() - began > failAfter ? 500 : 200; s.end(); },
  '/redirect-here': (q, s) => { s.writeHead(302, { location: '/healthz?redirected' }); s.end(); },
  '/redirect-to-failure': (q, s) => { s.writeHead(302, { location: '/failure' }); s.end(); },
  '/redirect-away': (q, s) => { s.writeHead(302, { location: 'http://0.0.0.0/' }); s.end('gone'); },
  '/failure': (q, s) => { s.statusCode = 500; s.end(); },
  '/silence': () => {},
  '/wants-header': (q, s) => { s.statusCode = q.headers['x-custom'] === 'Awesome' ? 200 : 400; s.end(); },
};
const handle = (q, s) => {
  const chunks = [];
  q.on('data', (c) => chunks.push(c));
  q.on('end', () => {
    const { pathname } = new URL(q.url, 'http://x');
    if (pathname !== '/seen') seen.push({ method: q.method, url: q.url, headers: q.headers, tls: !!q.socket.encrypted, body: Buffer.concat(chunks).toString() });
    (answer[pathname] ?? ((_, r) => r.end('ok')))(q, s);
  });
};
http.createServer(handle).listen(8080);
if (fs.existsSync('/tls/tls.key')) https.createServer({ key: fs.readFileSync('/tls/tls.key'), cert: fs.readFileSync('/tls/tls.crt') }, handle).listen(8443);
const serving = { '': 1, sick: 2, 'a-service': 1 };
const grpc = http2.createServer();
grpc.on('stream', (stream, headers) => {
  const chunks = [];
  stream.on('data', (c) => chunks.push(c));
  stream.on('end', () => {
    const service = Buffer.concat(chunks).subarray(7).toString();
    const known = headers[':path'] === '/grpc.health.v1.Health/Check' && Object.hasOwn(serving, service);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '5' }));
    stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, serving[service]]) : undefined);
  });
});
grpc.listen(5000);
process.on('SIGTERM', () => process.exit(0));
`;

const HOST_PATHS = ['/usr', '/lib', '/lib64', dirname(process.execPath)].filter((path) => existsSync(path));
const MOUNTS = [...new Set(HOST_PATHS)].filter((path) => path === '/usr' || !path.startsWith('/usr/'));
const nameFor = (path: string) => `host${path.replaceAll('/', '-')}`;

/** The pod; it is Ready when it answers, unless the container has a probe of its own. */
export function serverPod(name: string, container: Partial<Container> = {}, tlsSecret?: string): Pod {
  const { volumeMounts = [], ...own } = container;
  const tls = tlsSecret === undefined ? [] : [{ name: 'tls', secret: { secretName: tlsSecret } }];
  return podOf(
    name,
    {
      command: [process.execPath, '-e', SCRIPT],
      startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 },
      readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
      ...own,
      volumeMounts: [
        ...MOUNTS.map((path) => ({ name: nameFor(path), mountPath: path, readOnly: true })),
        ...tls.map((v) => ({ name: v.name, mountPath: '/tls' })),
        ...volumeMounts,
      ],
    },
    { volumes: [...MOUNTS.map((path) => ({ name: nameFor(path), hostPath: { path } })), ...tls] },
  );
}

/** What the server in the pod was asked so far. */
export async function seenBy(lab: Lab, name: string): Promise<SeenRequest[]> {
  return JSON.parse(await lab.sh(name, 'wget -qO- http://127.0.0.1:8080/seen')) as SeenRequest[];
}
