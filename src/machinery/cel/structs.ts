// Literals of objects: `Object.spec{replicas: 1}`, `JSONPatch{op: "add"}`. Which types there are is said by whoever compiles.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/#mutating-admission-policy-patch-type-apply-configuration
import { fieldNamed } from './access.ts';
import type { ASTNode } from './ast.ts';
import type { Checker, Scope } from './overloads.ts';
import { type Compiled, type Run, spend } from './run.ts';
import { celNameOf } from './type-names.ts';
import { assignable, type CelType, isDyn, optionalOf, type StructType, typeText } from './types.ts';
import { CelError, Optional, StructValue } from './values.ts';

/** The type of a name that stands before braces; undefined where it is none. */
export type StructTypes = (name: string) => StructType | undefined;

const NEW_STRUCT = 40;

type StructNode = Extract<ASTNode, { op: 'struct' }>;
type Field = StructNode['args'][1][number];

/** What the field's value comes to when it is there. */
function givenType(checker: Checker, { value, optional }: Field, made: Compiled): CelType {
  if (!optional) return made.type;
  if (made.type.kind === 'optional') return made.type.of;
  if (!isDyn(made.type))
    checker.error(value.at, `expected type '${typeText(optionalOf(made.type))}' but found '${typeText(made.type)}'`);
  return made.type;
}

function checkField(checker: Checker, type: StructType, field: Field, given: CelType): void {
  const known = fieldNamed(type, field.name);
  if (known === undefined) checker.error(field.at, `undefined field '${field.name}'`);
  else if (!assignable(given, known.type, new Map()))
    checker.error(
      field.at,
      `expected type of field '${field.name}' is '${typeText(known.type)}' but provided type is '${typeText(given)}'`,
    );
}

export function compileStruct(
  checker: Checker,
  node: StructNode,
  where: { scope: Scope; types?: StructTypes },
): Compiled {
  const [name, fields] = node.args;
  const type = where.types?.(name.replace(/^\./, ''));
  if (type === undefined) return checker.error(node.at, `undeclared reference to '${name}' (in container '')`);
  const parts = fields.map((field) => {
    const made = checker.compile(field.value, where.scope);
    checkField(checker, type, field, givenType(checker, field, made));
    return { name: celNameOf(field.name), made, optional: field.optional };
  });
  const run = (state: Run): StructValue => {
    spend(state, NEW_STRUCT);
    const values: [string, unknown][] = [];
    for (const part of parts) {
      const value = part.made.run(state);
      if (!part.optional) values.push([part.name, value]);
      else if (!(value instanceof Optional))
        throw new CelError('cannot initialize optional entry from non-optional value');
      else if (value.present) values.push([part.name, value.value]);
    }
    return new StructValue(type, values);
  };
  return { type, run };
}
