// Plain answers of the kubelet's API.
import type { WireResponse } from '../../machinery/http.ts';

export const TEXT = { 'content-type': 'text/plain; charset=utf-8' } as const;

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = TEXT): WireResponse {
  return { status, headers, body: Buffer.from(body, 'utf8') };
}
