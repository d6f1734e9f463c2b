// An HTTPS server on the loopback for tests: webhooks, conversions, or a whole extension API server.
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePki } from '../../../src/cluster/index.ts';
import type { JsonObject, KubeObject } from '../../../src/machinery/object.ts';

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** What is asked, and what is answered. */
export type Answering = (path: string, body: JsonObject, request: IncomingMessage) => Promise<Reply> | Reply;

export interface HookServer {
  readonly port: number;
  readonly url: string;
  /** PEM of the authority that vouches for it. */
  readonly ca: string;
  readonly caBundle: string;
  stop(): void;
}

export async function startHookServer(answering: Answering, hosts: readonly string[] = []): Promise<HookServer> {
  const directory = mkdtempSync(join(tmpdir(), 'minke-hook-'));
  const pki = await ensurePki({ directory, hosts: ['127.0.0.1', 'localhost', ...hosts], now: Date.now() });
  rmSync(directory, { recursive: true });
  const server = createServer(pki.server, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const body = (text === '' ? {} : JSON.parse(text)) as JsonObject;
      Promise.resolve(answering(request.url ?? '', body, request)).then(
        (reply) => {
          response.writeHead(reply.status, { 'content-type': 'application/json' });
          response.end(JSON.stringify(reply.body));
        },
        (error: unknown) => {
          response.writeHead(500);
          response.end(String(error));
        },
      );
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `https://127.0.0.1:${port}`,
    ca: pki.ca.cert,
    caBundle: Buffer.from(pki.ca.cert).toString('base64'),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The part of an AdmissionRequest that tests look at. */
export interface Admission {
  readonly uid: string;
  readonly operation: string;
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  readonly subResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly object: (KubeObject & { data?: Record<string, string> }) | null;
  readonly oldObject: (KubeObject & { data?: Record<string, string> }) | null;
}

export type Verdict =
  | { readonly deny: string }
  | { readonly patch: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[] }
  | 'allow';

/** Answers AdmissionReviews. */
export async function review(
  body: JsonObject,
  judge: (request: Admission) => Promise<Verdict> | Verdict,
): Promise<Reply> {
  const request = body.request as Admission;
  const verdict = await judge(request);
  const response: JsonObject = { uid: request.uid, allowed: verdict === 'allow' || 'patch' in verdict };
  if (verdict !== 'allow' && 'deny' in verdict) response.status = { message: verdict.deny };
  if (verdict !== 'allow' && 'patch' in verdict && verdict.patch.length > 0) {
    response.patchType = 'JSONPatch';
    response.patch = Buffer.from(JSON.stringify(verdict.patch)).toString('base64');
  }
  return { status: 200, body: { apiVersion: body.apiVersion, kind: 'AdmissionReview', response } };
}
