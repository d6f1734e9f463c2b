// Calls a webhook over HTTPS: trust by its CA bundle, a time limit, a limit on the answer.

import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { jsonText, parseExact } from '../../../machinery/exact-json.ts';
import { isJsonObject, type JsonObject } from '../../../machinery/object.ts';
import type { WebhookClientConfig } from '../../../resources/generated/admissionregistration-v1.ts';

/** Finds where a Service's port is reached. */
export type ServiceResolver = (
  namespace: string,
  name: string,
  port: number,
) => Promise<{ readonly host: string; readonly port: number }>;

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  readonly review: JsonObject;
  readonly timeoutMs: number;
}

const MAX_ANSWER = 3 * 1024 * 1024;

interface Address {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly serverName: string;
  /** As errors name it. */
  readonly url: string;
}

async function addressOf(config: WebhookClientConfig, timeoutMs: number, resolve: ServiceResolver): Promise<Address> {
  const timeout = `?timeout=${Math.round(timeoutMs / 1000)}s`;
  if (config.url !== undefined) {
    const url = new URL(config.url);
    const path = `${url.pathname}${url.search === '' ? timeout : `${url.search}&${timeout.slice(1)}`}`;
    return {
      host: url.hostname,
      port: Number(url.port === '' ? 443 : url.port),
      path,
      serverName: url.hostname,
      url: `${url.origin}${path}`,
    };
  }
  const { service } = config;
  if (service === undefined) throw new Error('the webhook has neither url nor service');
  const port = service.port ?? 443;
  const serverName = `${service.name}.${service.namespace}.svc`;
  const path = `${service.path ?? '/'}${timeout}`;
  const found = await resolve(service.namespace, service.name, port);
  return { ...found, path, serverName, url: `https://${serverName}:${port}${path}` };
}

class BadAnswer extends Error {}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why a call failed, in the words that Go has for it. */
function goMessage(error: NodeJS.ErrnoException, { host, port }: Address): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded';
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`;
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  if (UNTRUSTED.has(error.code ?? ''))
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  return error.message;
}

/** Source: the errors of client-go for answers that are no Status. */
function refusalOf(status: number, text: string): BadAnswer {
  if (status === 404) return new BadAnswer('the server could not find the requested resource');
  if (status === 503) return new BadAnswer('the server is currently unable to handle the request');
  if (status === 401) return new BadAnswer('the server has asked for the client to provide credentials');
  const said = JSON.stringify(text.slice(0, 2048));
  if (status >= 500) return new BadAnswer(`an error on the server (${said}) has prevented the request from succeeding`);
  return new BadAnswer(`the server responded with the status code ${status} (${said})`);
}

/** Returns the `response` of the answered AdmissionReview. Rejects with a message in the words of Kubernetes. */
export async function callWebhook(call: WebhookCall, resolve: ServiceResolver): Promise<JsonObject> {
  const address = await addressOf(call.config, call.timeoutMs, resolve);
  const body = Buffer.from(jsonText(call.review));
  let text: string;
  try {
    text = await post(address, body, call);
  } catch (error) {
    if (error instanceof BadAnswer) throw new Error(`failed to call webhook: ${error.message}`, { cause: error });
    throw new Error(`failed to call webhook: Post "${address.url}": ${goMessage(error as Error, address)}`, {
      cause: error,
    });
  }
  return readReview(text, call.review);
}

function readReview(text: string, asked: JsonObject): JsonObject {
  let answer: unknown;
  try {
    answer = parseExact(text);
  } catch (cause) {
    throw new Error(`failed to decode the webhook's answer: ${(cause as Error).message}`, { cause });
  }
  if (!isJsonObject(answer) || !isJsonObject(answer.response)) throw new Error("the webhook's answer has no response");
  const request = isJsonObject(asked.request) ? asked.request : {};
  if (answer.response.uid !== request.uid)
    throw new Error(`expected response.uid="${String(request.uid)}", got "${String(answer.response.uid ?? '')}"`);
  return answer.response;
}

function post(address: Address, body: Buffer, call: WebhookCall): Promise<string> {
  return new Promise((resolve, reject) => {
    const { caBundle } = call.config;
    const agent = new Agent(caBundle === undefined ? {} : { ca: Buffer.from(caBundle, 'base64') });
    const req = httpsRequest(
      {
        agent,
        method: 'POST',
        host: address.host,
        port: address.port,
        path: address.path,
        ...(isIP(address.serverName) === 0 ? { servername: address.serverName } : {}),
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': body.length,
          host: address.serverName,
        },
        signal: AbortSignal.timeout(call.timeoutMs),
      },
      (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        res.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER) req.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        res.on('error', reject);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (res.statusCode === 200) resolve(text);
          else reject(refusalOf(res.statusCode ?? 0, text));
        });
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}
