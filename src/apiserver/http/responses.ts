// Makes answers: JSON bodies, Status objects, plain text, warning headers.

import {
  ApiError,
  type GroupResource,
  groupResourceText,
  internalError,
  type Status,
  type StatusDetails,
} from '../../machinery/errors.ts';
import { jsonText } from '../../machinery/exact-json.ts';
import type { WireResponse } from '../../machinery/http.ts';

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

export function jsonResponse(status: number, value: unknown): WireResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: utf8(jsonText(value)) };
}

export function textResponse(status: number, text: string): WireResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: encoder.encode(text) };
}

/** What Go's mux answers for a path that no handler has. */
export function pageNotFound(): WireResponse {
  return {
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: encoder.encode('404 page not found\n'),
  };
}

export function genericNotFound(): ApiError {
  return new ApiError({
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

export function methodNotAllowed(): ApiError {
  return new ApiError({
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });
}

/** As methodNotAllowed, from those who know what the request was about. */
export function methodNotSupported(about: GroupResource, verb: string): ApiError {
  return new ApiError({
    reason: 'MethodNotAllowed',
    message: `${verb} is not supported on resources of kind ${JSON.stringify(groupResourceText(about))}`,
    details: { ...(about.group === '' ? {} : { group: about.group }), kind: about.resource },
  });
}

export function tooLarge(message: string): ApiError {
  return new ApiError({ reason: 'RequestEntityTooLarge', message: `Request entity too large: ${message}` });
}

/** An error with a code but no reason, as Kubernetes answers when a plain Go error reaches the client. */
export function plainError(message: string): ApiError {
  return new ApiError({ reason: '', code: 500, message });
}

export function successStatus(code: number | undefined, details?: StatusDetails): Status {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  if (details !== undefined) status.details = details;
  if (code !== undefined) status.code = code;
  return status;
}

export function toApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : internalError(error);
}

/** Printable text for a quoted header value. Source: https://www.rfc-editor.org/rfc/rfc7234#section-5.5 */
function quoteWarning(text: string): string {
  let out = '';
  for (const ch of text) {
    const code = ch.codePointAt(0) ?? 0;
    if (ch === '"' || ch === '\\') out += `\\${ch}`;
    else if (code < 0x20 || code === 0x7f) out += ' ';
    else if (code > 0x7e) out += Buffer.from(ch, 'utf8').toString('latin1');
    else out += ch;
  }
  return out;
}

const MAX_WARNINGS_LENGTH = 4 * 1024;

/** `Warning: 299 - "text"` headers; each text once, the total bounded. */
export function warningHeaders(warnings: readonly string[]): string[] {
  const out: string[] = [];
  let total = 0;
  for (const text of new Set(warnings)) {
    const shown = text.length > 256 && warnings.length > 16 ? text.slice(0, 256) : text;
    total += shown.length;
    if (total > MAX_WARNINGS_LENGTH) break;
    out.push(`299 - "${quoteWarning(shown)}"`);
  }
  return out;
}
