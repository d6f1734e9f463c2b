// CEL expressions of webhooks and policies: compiled when they are written, so that mistakes are refused and not found by later requests.
// Source: https://kubernetes.io/docs/reference/using-api/cel/
import { CelSyntaxError, type CelType, compileCel, DYN, ownTypeText } from '../../machinery/cel/index.ts';
import type { FieldPath } from '../../machinery/field-error.ts';
import type { ErrorList } from '../checks/index.ts';
import { admissionEnvironment, type Scope } from './environment.ts';

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A name that an expression can be about: no literal, no reserved word. */
export function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z]\w*$/.test(name) && !RESERVED.has(name);
}

export interface Wanted {
  readonly scope: Scope;
  /** What the expression must come to; anything, when left out. */
  readonly types?: readonly string[];
  /** The expression as it was written, where spaces around it were taken away. */
  readonly shown?: string;
}

function need(types: readonly string[]): string {
  return types.length === 1 ? `must evaluate to ${types[0] ?? ''}` : `must evaluate to one of [${types.join(' ')}]`;
}

/** Reports what is wrong with the expression, and answers with its type; anything, where it has none. */
export function checkExpression(found: ErrorList, expression: string, path: FieldPath, wanted: Wanted): CelType {
  const { types, structs } = admissionEnvironment(wanted.scope);
  const told = wanted.shown ?? expression;
  try {
    const { type, failure } = compileCel(expression, types, structs);
    const name = ownTypeText(type);
    const fits = wanted.types === undefined || wanted.types.includes(name);
    if (!fits) found.invalid(path, told, `${need(wanted.types ?? [])} but got ${name}`);
    else if (failure !== undefined) found.internal(path, `program instantiation failed: ${failure}`);
    else return type;
  } catch (error) {
    if (!(error instanceof CelSyntaxError)) throw error;
    found.invalid(path, told, `compilation failed: ${error.message}`);
  }
  return DYN;
}
