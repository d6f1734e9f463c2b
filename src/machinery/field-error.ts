// Field paths and the errors of validation, worded as Kubernetes words them.
// Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation/field
import { ApiError, type StatusCause } from './errors.ts';
import { goJson, goQuote } from './json.ts';

/** A path to a field: `spec.containers[0].env[key]`. Immutable and cheap: the text is made when asked for. */
export class FieldPath {
  private constructor(
    private readonly parent: FieldPath | undefined,
    private readonly part: string,
    private readonly kind: 'root' | 'name' | 'index',
  ) {}

  static of(...names: string[]): FieldPath {
    return FieldPath.below(new FieldPath(undefined, '', 'root'), names);
  }

  private static below(start: FieldPath, names: readonly string[]): FieldPath {
    let path = start;
    for (const name of names) path = new FieldPath(path, name, 'name');
    return path;
  }

  child(...names: string[]): FieldPath {
    return FieldPath.below(this, names);
  }

  index(i: number): FieldPath {
    return new FieldPath(this, `[${i}]`, 'index');
  }

  key(k: string): FieldPath {
    return new FieldPath(this, `[${k}]`, 'index');
  }

  toString(): string {
    if (this.parent === undefined) return this.part;
    const before = this.parent.toString();
    if (this.kind === 'index' || before === '') return before + this.part;
    return `${before}.${this.part}`;
  }
}

/** The kinds of validation error; the value is the cause's `reason`. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

const TITLES: Record<FieldErrorType, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  /** `Invalid value: "x": must be …` — all that follows the field and a colon. */
  readonly body: string;
  /** It was wrong before and has not changed: whoever writes is warned of it, and not refused. */
  readonly isKept?: true;
}

/** How Kubernetes prints the rejected value: quoted strings, bare numbers and booleans, JSON for the rest. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? goQuote(value) : goJson(value);
}

function make(type: FieldErrorType, path: FieldPath, value: string | undefined, detail: string): FieldError {
  let body = TITLES[type];
  if (value !== undefined) body += `: ${value}`;
  if (detail !== '') body += `: ${detail}`;
  return { type, field: path.toString(), body };
}

export const fieldErrors = {
  notFound: (path: FieldPath, value: unknown): FieldError => make('FieldValueNotFound', path, shown(value), ''),
  required: (path: FieldPath, detail = ''): FieldError => make('FieldValueRequired', path, undefined, detail),
  duplicate: (path: FieldPath, value: unknown): FieldError => make('FieldValueDuplicate', path, shown(value), ''),
  invalid: (path: FieldPath, value: unknown, detail: string): FieldError =>
    make('FieldValueInvalid', path, shown(value), detail),
  typeInvalid: (path: FieldPath, value: unknown, detail: string): FieldError =>
    make('FieldValueTypeInvalid', path, shown(value), detail),
  /** `supported` in the order given: sort before where Kubernetes prints a sorted set. */
  notSupported: (path: FieldPath, value: unknown, supported: readonly string[]): FieldError =>
    make(
      'FieldValueNotSupported',
      path,
      shown(value),
      supported.length === 0 ? '' : `supported values: ${supported.map(goQuote).join(', ')}`,
    ),
  forbidden: (path: FieldPath, detail: string): FieldError => make('FieldValueForbidden', path, undefined, detail),
  tooLong: (path: FieldPath, max: number): FieldError =>
    make('FieldValueTooLong', path, undefined, `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`),
  tooMany: (path: FieldPath, actual: number, max: number): FieldError =>
    make('FieldValueTooMany', path, String(actual), `must have at most ${max} ${max === 1 ? 'item' : 'items'}`),
  internal: (path: FieldPath, detail: string): FieldError => make('InternalError', path, undefined, detail),
};

/** The 422 answer for an object that failed validation. `kind` and `group` are the object's own. */
export function invalid(kind: string, group: string, name: string, errors: readonly FieldError[]): ApiError {
  const causes: StatusCause[] = errors.map((e) => ({ reason: e.type, message: e.body, field: e.field }));
  const qualified = group === '' ? kind : `${kind}.${group}`;
  const lines = [...new Set(errors.map((e) => (e.field === '' ? e.body : `${e.field}: ${e.body}`)))];
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new ApiError({
    reason: 'Invalid',
    message: `${qualified} ${goQuote(name)} is invalid${lines.length === 0 ? '' : `: ${text}`}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      ...(kind === '' ? {} : { kind }),
      causes,
    },
  });
}
