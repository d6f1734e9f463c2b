// Calls a webhook over HTTPS: trust by its CA bundle, a time limit, a limit on the answer.
import { Agent, request as httpsRequest } from 'node:https';
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

/** Returns the `response` of the answered AdmissionReview. Rejects with a message in the words of Kubernetes. */
export async function callWebhook(call: WebhookCall, resolve: ServiceResolver): Promise<JsonObject> {
  const address = await addressOf(call.config, call.timeoutMs, resolve);
  const body = Buffer.from(JSON.stringify(call.review));
  let text: string;
  try {
    text = await post(address, body, call);
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).name === 'AbortError' ? 'context deadline exceeded' : (error as Error).message;
    throw new Error(`failed to call webhook: Post "${address.url}": ${why}`, { cause: error });
  }
  return readReview(text, call.review);
}

function readReview(text: string, asked: JsonObject): JsonObject {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
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
        servername: address.serverName,
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
          else reject(new Error(`the webhook answered ${res.statusCode}: ${text.slice(0, 500)}`));
        });
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}
