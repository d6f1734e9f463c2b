// Both transports under the suite of all transports.
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import type { Transport } from '../machinery/http.ts';
import { createClient } from './client.ts';
import { httpsTransport } from './https-transport.ts';
import { CONFIG_MAPS } from './refs.ts';
import { type OpenTransport, transportConformance } from './transport-conformance.ts';

async function certificate(): Promise<{ cert: string; key: string }> {
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[1]);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: made.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}

async function answer(handler: Transport, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const url = new URL(incoming.url ?? '/', 'https://localhost');
  const headers = incoming.headers as Record<string, string>;
  const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) };
  const request = { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams, headers, ...body };
  const response = await handler(request);
  outgoing.writeHead(response.status, { ...response.headers } as Record<string, string>);
  if (response.body instanceof Uint8Array) {
    outgoing.end(response.body);
    return;
  }
  outgoing.flushHeaders();
  response.body.start({
    write: (chunk) => outgoing.write(chunk),
    get buffered() {
      return outgoing.writableLength;
    },
    end: () => outgoing.end(),
    onDrain: (callback) => outgoing.on('drain', callback),
    onClose: (callback) => outgoing.once('close', callback),
  });
}

async function overHttps(handler: Transport): Promise<OpenTransport & { address: string; cert: string }> {
  const { cert, key } = await certificate();
  const server = createServer({ cert, key }, (incoming, outgoing) => {
    answer(handler, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = httpsTransport({ server: address, ca: cert });
  return {
    transport,
    address,
    cert,
    async close() {
      transport.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

transportConformance('the in-process transport', async (handler) => ({ transport: handler, close: async () => {} }));
transportConformance('the HTTPS transport', overHttps);

describe('the HTTPS transport', () => {
  it('refuses a server whose certificate it does not know', async () => {
    const opened = await overHttps(async () => ({ status: 200, headers: {}, body: Buffer.from('{}') }));
    const transport = httpsTransport({ server: opened.address });
    const client = createClient({ transport, userAgent: 'test' });
    await expect(client.raw('GET', '/')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    transport.close();
    await opened.close();
  });

  it('gives up on a server that does not answer', async () => {
    const opened = await overHttps(() => new Promise(() => {}));
    const transport = httpsTransport({ server: opened.address, ca: opened.cert, timeoutMs: 50 });
    const client = createClient({ transport, userAgent: 'test' });
    await expect(client.raw('GET', '/')).rejects.toThrow('no answer within 50 ms');
    transport.close();
    await opened.close();
  });

  it('sends the bearer token of the moment', async () => {
    const seen: (string | undefined)[] = [];
    const opened = await overHttps(async (request) => {
      seen.push(request.headers.authorization);
      return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"items":[]}') };
    });
    let token = 'one';
    const transport = httpsTransport({ server: opened.address, ca: opened.cert, token: () => token });
    const client = createClient({ transport, userAgent: 'test' });
    await client.resource(CONFIG_MAPS).list('');
    token = 'two';
    await client.resource(CONFIG_MAPS).list('');
    expect(seen).toEqual(['Bearer one', 'Bearer two']);
    transport.close();
    await opened.close();
  });
});
