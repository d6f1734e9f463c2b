// What webhooks are sent and how their answers are read.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { selfSigned } from '../../aggregation/test-certificate.ts';
import { callWebhook } from './caller.ts';

it('A webhook gets and gives integers of 64 bits with all their digits', async () => {
  const { cert, key } = await selfSigned('localhost');
  let asked = '';
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked = Buffer.concat(chunks).toString();
      response.end(asked.replace('"request"', '"response"').replace('9007199254740993', '9007199254740995'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { uid: 'u', object: { n: 9007199254740993n } },
    };
    const config = { url, caBundle: Buffer.from(cert).toString('base64') };
    const answer = await callWebhook({ config, review, timeoutMs: 5000 }, () =>
      Promise.reject(new Error('no Service')),
    );
    expect(asked).toContain('"object":{"n":9007199254740993}');
    expect(answer).toEqual({ uid: 'u', object: { n: 9007199254740995n } });
  } finally {
    server.close();
  }
});
