// Tests of conversion by webhook: reads, lists, writes and watches in the version that is not stored, against a real HTTPS server.

import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import 'reflect-metadata';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../host/clock.ts';
import type { ByteSink } from '../../machinery/http.ts';
import { encodeJson } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { RESOURCES } from '../../resources/index.ts';
import { openMemoryStore } from '../../store/index.ts';
import { type ApiServer, createApiServer } from '../index.ts';

let server: ApiServer;
let webhook: Server;
let calls = 0;
let certificate = '';

/** A key and a certificate for localhost, made anew in each run. */
async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 3600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`, cert: cert.toString('pem') };
}

/** v1 has `spec.host` and `spec.port`; v2 has `spec.address`, both in one. */
function convert(object: JsonObject, apiVersion: string): JsonObject {
  const spec = object.spec as { host?: string; port?: number; address?: string };
  if (apiVersion.endsWith('/v2')) return { ...object, apiVersion, spec: { address: `${spec.host}:${spec.port}` } };
  const [host, port] = (spec.address ?? '').split(':');
  return { ...object, apiVersion, spec: { host, port: Number(port) } };
}

beforeAll(async () => {
  const pair = await makeCertificate();
  certificate = pair.cert;
  webhook = createServer(pair, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      calls++;
      const review = JSON.parse(Buffer.concat(chunks).toString()) as {
        request: { uid: string; desiredAPIVersion: string; objects: JsonObject[] };
      };
      const convertedObjects = review.request.objects.map((o) => convert(o, review.request.desiredAPIVersion));
      response.end(
        JSON.stringify({
          ...review,
          response: { uid: review.request.uid, convertedObjects, result: { status: 'Success' } },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  server = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey,
    clusterCa: '',
  });
});
afterAll(async () => {
  await server.close();
  webhook.closeAllConnections();
  webhook.close();
});

async function raw(method: string, path: string, body?: unknown, type = 'application/json') {
  const [plain = '', query = ''] = path.split('?');
  return server.handle({
    method,
    path: plain,
    query: new URLSearchParams(query),
    headers: { 'content-type': type, accept: 'application/json' },
    user: { username: 'admin', groups: ['system:masters'] },
    ...(body === undefined ? {} : { body: encodeJson(method === 'POST' ? named(plain, body) : body) }),
  });
}

/** With its kind and version, which a custom resource must name itself. */
function named(path: string, body: unknown): unknown {
  const [, apiVersion] = /^\/apis\/(\w+\.example\.com\/\w+)\//.exec(path) ?? [];
  return apiVersion === undefined ? body : { apiVersion, kind: 'Link', ...(body as JsonObject) };
}

async function send(
  method: string,
  path: string,
  body?: unknown,
  type?: string,
): Promise<{ status: number; body: JsonObject }> {
  const response = await raw(method, path, body, type);
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString() : '{}';
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

const spec = (properties: unknown) => ({
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
});

function definition(group: string, url: string): JsonObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `links.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'links', kind: 'Link' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: spec({ host: { type: 'string' }, port: { type: 'integer' } }),
        },
        { name: 'v2', served: true, storage: false, schema: spec({ address: { type: 'string' } }) },
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: {
            url,
            caBundle: Buffer.from(certificate).toString('base64'),
          },
        },
      },
    },
  };
}

describe('conversion by webhook', () => {
  it('shows one object in both versions, and takes writes in either', async () => {
    const { port } = webhook.address() as AddressInfo;
    await send(
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      definition('w.example.com', `https://localhost:${port}/convert`),
    );
    const v1 = '/apis/w.example.com/v1/namespaces/default/links';
    const v2 = '/apis/w.example.com/v2/namespaces/default/links';
    expect((await send('POST', v1, { metadata: { name: 'a' }, spec: { host: 'x', port: 1 } })).status).toBe(201);
    expect((await send('GET', `${v2}/a`)).body).toMatchObject({
      apiVersion: 'w.example.com/v2',
      spec: { address: 'x:1' },
    });
    const made = await send('POST', v2, { metadata: { name: 'b' }, spec: { address: 'y:2' } });
    expect(made.body).toMatchObject({ apiVersion: 'w.example.com/v2', spec: { address: 'y:2' } });
    expect((await send('GET', `${v1}/b`)).body).toMatchObject({
      apiVersion: 'w.example.com/v1',
      spec: { host: 'y', port: 2 },
    });
    const patched = await send('PATCH', `${v2}/a`, { spec: { address: 'z:3' } }, 'application/merge-patch+json');
    expect(patched.body.spec).toEqual({ address: 'z:3' });
    expect((await send('GET', `${v1}/a`)).body.spec).toEqual({ host: 'z', port: 3 });
    const before = calls;
    const list = await send('GET', v2);
    expect((list.body.items as JsonObject[]).map((i) => i.spec)).toEqual([{ address: 'z:3' }, { address: 'y:2' }]);
    expect(calls - before).toBeLessThanOrEqual(1);
  });

  it('watches in the version that is asked for', async () => {
    const v1 = '/apis/w.example.com/v1/namespaces/default/links';
    const response = await raw('GET', '/apis/w.example.com/v2/namespaces/default/links?watch=1');
    const seen: string[] = [];
    const sink: ByteSink = {
      write: (chunk) => seen.push(Buffer.from(chunk).toString()) > 0,
      buffered: 0,
      end: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
    };
    if (response.body instanceof Uint8Array) throw new Error('no stream');
    response.body.start(sink);
    await send('POST', v1, { metadata: { name: 'c' }, spec: { host: 'q', port: 9 } });
    for (let i = 0; i < 100 && !seen.join('').includes('q:9'); i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen.join('')).toContain('"address":"q:9"');
  });

  it('tells why it failed', async () => {
    await send(
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      definition('dead.example.com', 'https://localhost:1/convert'),
    );
    await send('POST', '/apis/dead.example.com/v1/namespaces/default/links', {
      metadata: { name: 'a' },
      spec: { host: 'x', port: 1 },
    });
    const answer = await send('GET', '/apis/dead.example.com/v2/namespaces/default/links/a');
    expect(answer.status).toBe(500);
    expect(answer.body.message).toMatch(
      /^conversion webhook for dead.example.com\/v1, Kind=Link failed: Post "https:\/\/localhost:1\/convert\?timeout=30s": /,
    );
  });
});
