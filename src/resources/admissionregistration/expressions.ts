// CEL expressions of webhooks and policies: compiled when they are written, so that mistakes are refused and not found by later requests.
// Source: https://kubernetes.io/docs/reference/using-api/cel/
import {
  BOOL,
  CelSyntaxError,
  type CelType,
  compileCel,
  DYN,
  listOf,
  mapOf,
  STRING,
  typeText,
} from '../../machinery/cel/index.ts';
import type { FieldPath } from '../../machinery/field-error.ts';
import type { ErrorList } from '../checks/index.ts';

function objectType(name: string, fields: Readonly<Record<string, CelType>>): CelType {
  const known = Object.entries(fields).map(([json, type]) => [json, { json, type }] as const);
  return { kind: 'object', name, fields: new Map(known) };
}

const KIND = objectType('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const RESOURCE = objectType('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING });
const USER = objectType('kubernetes.UserInfo', {
  username: STRING,
  uid: STRING,
  groups: listOf(STRING),
  extra: mapOf(STRING, listOf(STRING)),
});
const REQUEST = objectType('kubernetes.AdmissionRequest', {
  kind: KIND,
  resource: RESOURCE,
  subResource: STRING,
  requestKind: KIND,
  requestResource: RESOURCE,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: USER,
  dryRun: BOOL,
  options: DYN,
});

export interface Scope {
  /** `params` is known to policies that name a kind of parameters. */
  readonly params?: boolean;
  /** `namespaceObject` is known to policies. */
  readonly namespace?: boolean;
  /** Names of a policy's own variables. */
  readonly variables?: readonly string[];
}

function typesOf(scope: Scope): Record<string, CelType> {
  const own = Object.fromEntries((scope.variables ?? []).map((name) => [name, DYN]));
  return {
    object: DYN,
    oldObject: DYN,
    request: REQUEST,
    ...(scope.params === true ? { params: DYN } : {}),
    ...(scope.namespace === true ? { namespaceObject: DYN } : {}),
    ...(scope.variables === undefined ? {} : { variables: objectType('kubernetes.variables', own) }),
  };
}

/** A name that an expression can be about: no literal, no reserved word. */
export function isIdentifier(name: string): boolean {
  if (!/^\w+$/.test(name)) return false;
  try {
    return compileCel(name, { [name]: DYN }).uses.has(name);
  } catch (error) {
    if (error instanceof CelSyntaxError) return false;
    throw error;
  }
}

export interface Wanted {
  readonly scope: Scope;
  /** What the expression must come to; anything, when left out. */
  readonly types?: readonly ('bool' | 'string' | 'null_type')[];
}

function shown(types: readonly string[]): string {
  return types.length === 1 ? `must evaluate to ${types[0] ?? ''}` : `must evaluate to one of [${types.join(' ')}]`;
}

/** Questions to the authorizer are only understood when they are asked. */
function isBeyondUs(expression: string): boolean {
  return /\bauthorizer\b/.test(expression);
}

export function checkExpression(found: ErrorList, expression: string, path: FieldPath, wanted: Wanted): void {
  if (isBeyondUs(expression)) return;
  try {
    const { type, failure } = compileCel(expression, typesOf(wanted.scope));
    const name = typeText(type);
    const fits = wanted.types === undefined || wanted.types.some((one) => one === name);
    if (!fits) found.invalid(path, expression, `${shown(wanted.types ?? [])} but got ${name}`);
    else if (failure !== undefined) found.invalid(path, expression, `program instantiation failed: ${failure}`);
  } catch (error) {
    if (!(error instanceof CelSyntaxError)) throw error;
    found.invalid(path, expression, `compilation failed: ${error.message}`);
  }
}
