// The options of a request (dryRun, fieldManager, fieldValidation, list and delete options), parsed and checked as Kubernetes does.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/

import { ApiError, badRequest } from '../../machinery/errors.ts';
import { exactBigint } from '../../machinery/exact-json.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import { type Int64, nearest } from '../../machinery/int64.ts';
import { goQuote } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { plainError } from '../http/responses.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Only for apply patches. */
  readonly force: boolean;
  /** What was said, as admission is told of it. */
  readonly sent: JsonObject;
}

type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** The options of a request as webhooks and policies see them. */
export function optionsDocument(
  kind: 'CreateOptions' | 'UpdateOptions' | 'DeleteOptions',
  { sent }: { readonly sent: JsonObject },
): JsonObject {
  return { kind, apiVersion: 'meta.k8s.io/v1', ...sent };
}

const MAX_MANAGER = 128;

export function parseInt64(text: string): Int64 {
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = BigInt(text.replace('+', ''));
  if (value !== BigInt.asIntN(64, value))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return exactBigint(value);
}

/** Kubernetes' reading of a boolean query parameter: present and not `false` or `0`. */
export function parseBool(text: string | null): boolean {
  return text !== null && text.toLowerCase() !== 'false' && text !== '0';
}

export function checkDryRun(values: readonly string[]): FieldError[] {
  if (values.every((v) => v === 'All')) return [];
  return [fieldErrors.notSupported(FieldPath.of('dryRun'), values, ['All'])];
}

function checkManager(manager: string): FieldError[] {
  const path = FieldPath.of('fieldManager');
  const out: FieldError[] = [];
  if (Buffer.byteLength(manager) > MAX_MANAGER) out.push(fieldErrors.tooLong(path, MAX_MANAGER));
  let i = 0;
  for (const ch of manager) {
    if (/[\p{C}\p{Z}]/u.test(ch) && ch !== ' ') {
      const point = (ch.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      out.push(fieldErrors.invalid(path, manager, `invalid character U+${point} (at position ${i})`));
      break;
    }
    i += Buffer.byteLength(ch);
  }
  return out;
}

function checkFieldValidation(value: string): FieldError[] {
  if (value === '' || value === 'Strict' || value === 'Warn' || value === 'Ignore') return [];
  return [fieldErrors.notSupported(FieldPath.of('fieldValidation'), value, ['', 'Ignore', 'Strict', 'Warn'])];
}

/** The manager that a client which named none is known by: the first part of its User-Agent. */
export function managerOf(explicit: string, userAgent: string | undefined): string {
  if (explicit !== '') return explicit;
  const head = (userAgent ?? '').split('/', 1)[0] ?? '';
  let out = '';
  for (const ch of head) {
    if (/[\p{C}]/u.test(ch)) continue;
    if (Buffer.byteLength(out + ch) > MAX_MANAGER) break;
    out += ch;
  }
  return out === '' ? 'unknown' : out;
}

export interface WriteOptionsRequest {
  readonly kind: OptionsKind;
  readonly query: URLSearchParams;
  readonly userAgent: string | undefined;
  readonly apply: boolean;
}

const NO_OPTIONS = new Map<string, WriteOptions>();

function defaultOptions(userAgent: string | undefined): WriteOptions {
  const manager = managerOf('', userAgent);
  let options = NO_OPTIONS.get(manager);
  if (options === undefined) {
    options = { dryRun: false, fieldManager: manager, fieldValidation: 'Warn', force: false, sent: {} };
    if (NO_OPTIONS.size < 1000) NO_OPTIONS.set(manager, options);
  }
  return options;
}

export function parseWriteOptions({ kind, query, userAgent, apply }: WriteOptionsRequest): WriteOptions {
  if (!apply && query.size === 0) return defaultOptions(userAgent);
  const dryRun = query.getAll('dryRun');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const errors: FieldError[] = [];
  if (kind === 'PatchOptions') {
    if (apply && manager === '') {
      errors.push(fieldErrors.required(FieldPath.of('fieldManager'), 'is required for apply patch'));
    } else if (!apply && query.has('force')) {
      errors.push(fieldErrors.forbidden(FieldPath.of('force'), 'may not be specified for non-apply patch'));
    }
  }
  errors.push(...checkManager(manager), ...checkDryRun(dryRun), ...checkFieldValidation(validation));
  if (errors.length > 0) throw invalid(kind, 'meta.k8s.io', '', errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: managerOf(manager, userAgent),
    fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation),
    force: apply && parseBool(query.get('force')),
    sent: {
      ...(dryRun.length === 0 ? {} : { dryRun }),
      ...(manager === '' ? {} : { fieldManager: manager }),
      ...(validation === '' ? {} : { fieldValidation: validation }),
    },
  };
}

export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly watch: boolean;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly timeoutSeconds: number | undefined;
  readonly limit: number;
  readonly continue: string;
}

const PLAIN_LIST: ListOptions = {
  labelSelector: '',
  fieldSelector: '',
  watch: false,
  allowWatchBookmarks: false,
  sendInitialEvents: undefined,
  resourceVersion: '',
  resourceVersionMatch: '',
  timeoutSeconds: undefined,
  limit: 0,
  continue: '',
};

/** Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/1904-efficient-watch-resumption and 3157-watch-list */
function checkListOptions(options: ListOptions): FieldError[] {
  const match = FieldPath.of('resourceVersionMatch');
  if (options.watch) return checkWatchOptions(options, match);
  const out: FieldError[] = [];
  if (options.sendInitialEvents !== undefined) {
    out.push(fieldErrors.forbidden(FieldPath.of('sendInitialEvents'), 'sendInitialEvents is forbidden for list'));
  }
  if (options.resourceVersionMatch === '') return out;
  if (options.resourceVersion === '') {
    out.push(fieldErrors.forbidden(match, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
  }
  if (options.continue !== '') {
    out.push(fieldErrors.forbidden(match, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  if (options.resourceVersionMatch !== 'Exact' && options.resourceVersionMatch !== 'NotOlderThan') {
    out.push(fieldErrors.notSupported(match, options.resourceVersionMatch, ['Exact', 'NotOlderThan', '']));
  }
  if (options.resourceVersionMatch === 'Exact' && options.resourceVersion === '0') {
    out.push(fieldErrors.forbidden(match, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return out;
}

function checkWatchOptions(options: ListOptions, match: FieldPath): FieldError[] {
  const out: FieldError[] = [];
  const wanted = options.resourceVersionMatch;
  if (options.sendInitialEvents !== undefined && wanted !== 'NotOlderThan')
    out.push(fieldErrors.forbidden(match, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (wanted === '') return out;
  if (options.sendInitialEvents === undefined)
    out.push(
      fieldErrors.forbidden(match, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    );
  if (wanted !== 'NotOlderThan') out.push(fieldErrors.notSupported(match, wanted, ['NotOlderThan']));
  if (options.continue !== '')
    out.push(fieldErrors.forbidden(match, 'resourceVersionMatch is forbidden when continue is provided'));
  return out;
}

/** A watch that says nothing of where it begins, or "0", begins with what is there, as if it had asked for that. */
function withInitialEvents(options: ListOptions): ListOptions {
  const { resourceVersion, resourceVersionMatch, sendInitialEvents } = options;
  const says = sendInitialEvents !== undefined || resourceVersionMatch !== '';
  if (!options.watch || says || (resourceVersion !== '' && resourceVersion !== '0')) return options;
  return { ...options, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
}

export function parseListOptions(query: URLSearchParams, watch: boolean): ListOptions {
  if (query.size === 0 && !watch) return PLAIN_LIST;
  const timeout = query.get('timeoutSeconds');
  const limit = query.get('limit');
  const initial = query.get('sendInitialEvents');
  const options = withInitialEvents({
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    watch,
    allowWatchBookmarks: parseBool(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : parseBool(initial),
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    timeoutSeconds: timeout === null ? undefined : nearest(parseInt64(timeout)),
    limit: limit === null ? 0 : nearest(parseInt64(limit)),
    continue: query.get('continue') ?? '',
  });
  const errors = checkListOptions(options);
  if (errors.length > 0) throw invalid('ListOptions', 'meta.k8s.io', '', errors);
  return options;
}

/** The number behind a resourceVersion: '' and '0' are 0. */
export function parseResourceVersion(text: string, refuse: (problem: string) => ApiError = plainError): number {
  if (text === '' || text === '0') return 0;
  if (!/^\d+$/.test(text)) {
    const shown = goQuote(text);
    throw refuse(`resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`);
  }
  return Number(text);
}

/** As lists word it. */
export function parseListVersion(text: string): number {
  return parseResourceVersion(text, (problem: string) => badRequest(`invalid resource version: ${problem}`));
}

export function tooLargeResourceVersion(requested: number, current: number): ApiError {
  return new ApiError({
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${requested}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
