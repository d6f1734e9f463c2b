// Validation of the schema of one version, or of all of them: its root, its structure, its defaults, its rules.
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { CustomResourceValidation, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { RuleCosts } from './rule-costs.ts';
import { validateDefaults } from './validate-defaults.ts';
import { SchemaCheck, UNSUPPORTED } from './validate-schema.ts';
import { validateStructural } from './validate-structural.ts';

const ROOT_FIELDS: readonly string[] = [
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
];
const ROOT_NAMES =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations';

function validateRoot(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const suffix = 'at the root of the schema if the status subresource is enabled';
  if ((schema.type ?? '') !== '' && schema.type !== 'object') {
    return [fieldErrors.invalid(path.child('type'), schema.type, `only "object" is allowed as the type ${suffix}`)];
  }
  if (Object.keys(schema).every((name) => ROOT_FIELDS.includes(name))) return [];
  return [fieldErrors.invalid(path, schema, `only [${ROOT_NAMES}] fields are allowed ${suffix}`)];
}

/** The schema of one version, or of all of them. */
export function validateSchema(
  validation: CustomResourceValidation | undefined,
  path: FieldPath,
  { hasStatus, weigh }: { readonly hasStatus: boolean; readonly weigh: boolean },
): FieldError[] {
  const schema = validation?.openAPIV3Schema;
  if (schema === undefined) return [];
  const at = path.child('openAPIV3Schema');
  const errors: FieldError[] = hasStatus ? validateRoot(schema, at) : [];
  if (schema.nullable === true)
    errors.push(fieldErrors.forbidden(at.child('nullable'), 'nullable cannot be true at the root'));
  const unsupported = hasUnsupported(schema);
  const structural = unsupported ? [] : validateStructural(schema, at);
  errors.push(...structural);
  const defaults = unsupported || structural.length > 0 ? [] : validateDefaults(schema, at);
  errors.push(...defaults);
  const costs = weigh ? new RuleCosts() : undefined;
  const check = new SchemaCheck(costs);
  const rules = !unsupported && structural.length === 0 && defaults.length === 0;
  check.check(schema, at, { root: true, cardinality: 1, rules });
  const found = [...errors, ...check.errors, ...check.ruleErrors, ...(costs?.all(at) ?? [])];
  const word = unsupported && found.length === 0 ? foreignWordIn(schema) : undefined;
  return word === undefined ? found : [fieldErrors.invalid(at, '', `OpenAPIV3Schema '${word}' is not supported`)];
}

/** Words of JSON Schema that nothing else is said about. */
function foreignWord(schema: JSONSchemaProps): string | undefined {
  if ((schema.id ?? '') !== '') return 'id';
  return (schema.$schema ?? '') === '' ? undefined : 'schema';
}

function foreignWordIn(schema: JSONSchemaProps): string | undefined {
  const own = foreignWord(schema);
  if (own !== undefined) return own;
  for (const inner of innerSchemas(schema)) {
    const found = foreignWordIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function innerSchemas(schema: JSONSchemaProps): JSONSchemaProps[] {
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if (items !== undefined) inner.push(items);
  if (schema.not !== undefined) inner.push(schema.not);
  if (typeof schema.additionalProperties === 'object') inner.push(schema.additionalProperties);
  return inner;
}

/** Schemas with these cannot be made structural at all: only that is reported. */
function hasUnsupported(schema: JSONSchemaProps): boolean {
  if (UNSUPPORTED.some((name) => schema[name] !== undefined) || Array.isArray(schema.items)) return true;
  if (foreignWord(schema) !== undefined) return true;
  return innerSchemas(schema).some(hasUnsupported);
}
