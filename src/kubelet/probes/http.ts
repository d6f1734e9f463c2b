// HTTP probes. https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#http-probes
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { hostPort, networkError, type ProbeResult } from './result.ts';

export interface HttpTarget {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

const MAX_BODY = 10 * 1024;
const MAX_REDIRECTS = 10;
const AGENT = 'kube-probe/1.36';

function urlText(target: HttpTarget): string {
  return `${target.scheme}://${hostPort(target.host, target.port)}${target.path}`;
}

/** Empty values take the default headers away, as Kubernetes has it. */
function headersOf(target: HttpTarget): http.OutgoingHttpHeaders {
  const out: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const { name, value } of target.headers) {
    const key = name.toLowerCase();
    const old = out[key];
    out[key] = old === undefined ? value : [...(Array.isArray(old) ? old : [old]), value];
  }
  if (out['user-agent'] === undefined) out['user-agent'] = AGENT;
  if (out.accept === undefined) out.accept = '*/*';
  for (const key of ['user-agent', 'accept']) if (out[key] === '') delete out[key];
  if (out.host === undefined) out.host = hostPort(target.host, target.port);
  out.connection = 'close';
  return out;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

function readBody(response: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (): void => done(Buffer.concat(chunks).subarray(0, MAX_BODY).toString('utf8'));
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < MAX_BODY) return;
    response.destroy();
    finish();
  });
  response.on('end', finish);
  response.on('error', finish);
}

function once(target: HttpTarget, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'GET',
      host: target.host,
      port: target.port,
      path: target.path,
      headers: headersOf(target),
      agent: false as const,
      signal,
      // A probe asks whether it answers, not who it is.
      rejectUnauthorized: false,
      // Nor how well it speaks: small servers end their lines as they like.
      insecureHTTPParser: true,
    };
    const request = (target.scheme === 'https' ? https : http).request(options);
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      readBody(response, (body) => resolve({ status, location: response.headers.location, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

/** The next target, or undefined when the redirect leads to another host. */
function redirected(target: HttpTarget, location: string): HttpTarget | undefined {
  const url = new URL(location, urlText(target));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host !== target.host) return undefined;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  return { ...target, scheme, host, port, path: `${url.pathname}${url.search}` };
}

function verdict(answer: Answer): ProbeResult {
  if (answer.status >= 200 && answer.status < 400) return { outcome: 'success', output: answer.body };
  return { outcome: 'failure', output: `HTTP probe failed with statuscode: ${answer.status}` };
}

async function follow(first: HttpTarget, signal: AbortSignal): Promise<ProbeResult> {
  let target = first;
  for (let hops = 0; ; hops++) {
    const answer = await once(target, signal);
    const moves = [301, 302, 303, 307, 308].includes(answer.status) && answer.location !== undefined;
    if (!moves || answer.location === undefined) return verdict(answer);
    const next = redirected(target, answer.location);
    if (next === undefined) return { outcome: 'warning', output: 'Probe terminated redirects, Response body: ' };
    if (hops >= MAX_REDIRECTS) {
      return { outcome: 'failure', output: `Get "${urlText(target)}": stopped after ${MAX_REDIRECTS} redirects` };
    }
    target = next;
  }
}

export async function probeHttp(target: HttpTarget, timeoutMs: number): Promise<ProbeResult> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await follow(target, signal);
  } catch (error) {
    const why = signal.aborted
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : networkError(error, target.host, target.port);
    return { outcome: 'failure', output: `Get "${urlText(target)}": ${why}` };
  }
}
