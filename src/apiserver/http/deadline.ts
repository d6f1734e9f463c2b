// `?timeout=`: how long a client is willing to wait for a request that is no stream; what comes too late is not written.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go
import { ApiError, badRequest } from '../../machinery/errors.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import { goQuote } from '../../machinery/json.ts';
import { parseGoDuration } from '../../machinery/time.ts';
import type { RequestInfo } from './request-info.ts';
import { utf8 } from './responses.ts';

/** Kubernetes' --request-timeout: what is longer is as if nothing had been said. */
const LONGEST_MS = 60_000;
const LONG_VERBS: ReadonlySet<string> = new Set(['watch', 'proxy']);
const LONG_SUBRESOURCES: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

const LONG_PATHS = '/debug/pprof/';

/** Why Go does not take a duration. */
function durationProblem(text: string): string {
  const shown = goQuote(text);
  const body = text.replace(/^[+-]/, '');
  const part = /^(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(
    body.replace(/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?![^\d.]))+/, ''),
  );
  if (part === null) return `time: invalid duration ${shown}`;
  const unit = part[1] ?? '';
  if (unit === '') return `time: missing unit in duration ${shown}`;
  if (/^(?:ns|us|µs|μs|ms|s|m|h)$/.test(unit)) return `time: invalid duration ${shown}`;
  return `time: unknown unit ${goQuote(unit)} in duration ${shown}`;
}

/** Go's durations are 64 bits of nanoseconds. */
const MAX_DURATION_MS = 2 ** 63 / 1e6;

/** The time that the client gives the request, if it says one that counts. */
export function deadlineOf(query: URLSearchParams, info: RequestInfo): number | undefined {
  const text = query.get('timeout') ?? '';
  if (text === '') return undefined;
  if (info.isResource && (LONG_VERBS.has(info.verb) || LONG_SUBRESOURCES.has(info.subresource))) return undefined;
  if (!info.isResource && info.path.startsWith(LONG_PATHS)) return undefined;
  const ms = parseGoDuration(text);
  if (ms === undefined || Math.abs(ms) >= MAX_DURATION_MS)
    throw badRequest(`invalid timeout specified in the request URL - ${durationProblem(text)}`);
  return ms > 0 && ms < LONGEST_MS ? ms : undefined;
}

const TOO_LATE: WireResponse = {
  status: 504,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: utf8(
    `${JSON.stringify({
      metadata: {},
      status: 'Failure',
      message: 'Timeout: request did not complete within the allotted timeout',
      reason: 'Timeout',
      details: {},
      code: 504,
    })}\n`,
  ),
};

/** Answers in time, or says that it was too late; a write that has not happened until then does not happen. */
export function answerInTime(
  request: WireRequest,
  deadline: AbortSignal,
  answer: (request: WireRequest) => Promise<WireResponse>,
): Promise<WireResponse> {
  const { method, path, query, headers, body, user } = request;
  const limited: WireRequest = {
    method,
    path,
    query,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(user === undefined ? {} : { user }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    deadline,
  };
  return new Promise((resolve, reject) => {
    const late = (): void => resolve(TOO_LATE);
    deadline.addEventListener('abort', late, { once: true });
    answer(limited)
      .then(resolve, reject)
      .finally(() => deadline.removeEventListener('abort', late));
  });
}

export function checkDeadline({ deadline }: WireRequest): void {
  if (deadline?.aborted !== true) return;
  const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded';
  throw new ApiError({ reason: 'Timeout', message });
}
