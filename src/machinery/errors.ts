// The one catalogue of errors: each knows its Status reason, HTTP code, and whether it is retryable, a conflict or final.
import { goQuote } from './json.ts';

/** One cause in `status.details.causes`. Source: meta/v1 StatusCause. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** meta/v1 StatusDetails. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** The wire form of a failure (or of a plain success). Source: meta/v1 Status. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, unknown>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code?: number;
}

/** What a caller may do about an error. */
export type Retry = 'retryable' | 'conflict' | 'final';

interface ReasonRow {
  readonly code: number;
  readonly retry: Retry;
}

/** Status reasons, with the HTTP code that goes with each. */
export const REASONS = {
  BadRequest: { code: 400, retry: 'final' },
  Unauthorized: { code: 401, retry: 'final' },
  Forbidden: { code: 403, retry: 'final' },
  NotFound: { code: 404, retry: 'final' },
  MethodNotAllowed: { code: 405, retry: 'final' },
  NotAcceptable: { code: 406, retry: 'final' },
  AlreadyExists: { code: 409, retry: 'conflict' },
  Conflict: { code: 409, retry: 'conflict' },
  Gone: { code: 410, retry: 'final' },
  Expired: { code: 410, retry: 'final' },
  RequestEntityTooLarge: { code: 413, retry: 'final' },
  UnsupportedMediaType: { code: 415, retry: 'final' },
  Invalid: { code: 422, retry: 'final' },
  TooManyRequests: { code: 429, retry: 'retryable' },
  InternalError: { code: 500, retry: 'retryable' },
  ServerTimeout: { code: 500, retry: 'retryable' },
  ServiceUnavailable: { code: 503, retry: 'retryable' },
  Timeout: { code: 504, retry: 'retryable' },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

export interface ApiErrorInit {
  readonly reason: Reason | '';
  readonly message: string;
  readonly details?: StatusDetails;
  /** Overrides the code that belongs to the reason (some answers of Kubernetes carry an unusual pair). */
  readonly code?: number;
  readonly cause?: unknown;
}

/** An error that a client is shown as a `Status` object. Anything else thrown in a request becomes an InternalError. */
export class ApiError extends Error {
  readonly reason: Reason | '';
  readonly code: number;
  readonly retry: Retry;
  readonly details: StatusDetails | undefined;

  constructor(init: ApiErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'ApiError';
    this.reason = init.reason;
    const row = init.reason === '' ? undefined : REASONS[init.reason];
    this.code = init.code ?? row?.code ?? 500;
    this.retry = row?.retry ?? 'final';
    this.details = init.details;
  }

  toStatus(): Status {
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message };
    if (this.reason !== '') status.reason = this.reason;
    if (this.details !== undefined) status.details = this.details;
    status.code = this.code;
    return status;
  }

  /** The error a client makes of a Status that a server sent. */
  static fromStatus(status: Partial<Status>, httpCode: number): ApiError {
    const reason = status.reason !== undefined && status.reason in REASONS ? (status.reason as Reason) : '';
    return new ApiError({
      reason,
      code: status.code ?? httpCode,
      message: status.message ?? `the server answered ${httpCode}`,
      details: status.details,
    });
  }
}

/** Group and plural name of a resource, as error messages name it (`deployments.apps`, `pods`). */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

export function groupResourceText(gr: GroupResource): string {
  return gr.group === '' ? gr.resource : `${gr.resource}.${gr.group}`;
}

function about(gr: GroupResource, name: string): StatusDetails {
  const details: StatusDetails = {};
  if (name !== '') details.name = name;
  if (gr.group !== '') details.group = gr.group;
  if (gr.resource !== '') details.kind = gr.resource;
  return details;
}

export function notFound(gr: GroupResource, name: string): ApiError {
  return new ApiError({
    reason: 'NotFound',
    message: `${groupResourceText(gr)} ${goQuote(name)} not found`,
    details: about(gr, name),
  });
}

export function alreadyExists(gr: GroupResource, name: string): ApiError {
  return new ApiError({
    reason: 'AlreadyExists',
    message: `${groupResourceText(gr)} ${goQuote(name)} already exists`,
    details: about(gr, name),
  });
}

/** Also told of an object that was sent with a name beside its `generateName`. */
export function noUniqueName(gr: GroupResource, name: string): ApiError {
  const { message } = alreadyExists(gr, name);
  return new ApiError({
    reason: 'AlreadyExists',
    message: `${message}, the server was not able to generate a unique name for the object`,
    details: { ...about(gr, name), retryAfterSeconds: 1 },
  });
}

export function conflict(gr: GroupResource, name: string, why: string): ApiError {
  return new ApiError({
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${groupResourceText(gr)} ${goQuote(name)}: ${why}`,
    details: about(gr, name),
  });
}

export function forbidden(gr: GroupResource, name: string, why: string): ApiError {
  const subject =
    name === '' ? `${groupResourceText(gr)} is forbidden` : `${groupResourceText(gr)} ${goQuote(name)} is forbidden`;
  return new ApiError({ reason: 'Forbidden', message: `${subject}: ${why}`, details: about(gr, name) });
}

export function badRequest(message: string): ApiError {
  return new ApiError({ reason: 'BadRequest', message });
}

export function internalError(cause: unknown): ApiError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ApiError({
    reason: 'InternalError',
    message: `Internal error occurred: ${text}`,
    details: { causes: [{ message: text }] },
    cause,
  });
}

export function isApiError(error: unknown, reason?: Reason): error is ApiError {
  return error instanceof ApiError && (reason === undefined || error.reason === reason);
}
