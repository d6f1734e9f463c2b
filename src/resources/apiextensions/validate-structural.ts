// Whether the schema of a CustomResourceDefinition is structural.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { RE2JS } from 're2js';
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { deepEqual } from '../../machinery/json.ts';
import { compareText } from '../../machinery/order.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';

type Level = 'root' | 'item' | 'field';

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];
const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function itemsOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return Array.isArray(schema.items) ? schema.items[0] : schema.items;
}

function moreOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** Go's words for a regular expression that does not compile. */
function patternProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replace(/^.*?error parsing regexp: /s, 'error parsing regexp: ');
  }
}

export class StructuralCheck {
  readonly errors: FieldError[] = [];

  private add(error: FieldError): void {
    this.errors.push(error);
  }

  check(schema: JSONSchemaProps, level: Level, path: FieldPath): void {
    const items = itemsOf(schema);
    if (schema.type === 'array' && items === undefined)
      this.add(fieldErrors.required(path.child('items'), 'must be specified'));
    if (items !== undefined) this.check(items, 'item', path.child('items'));
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      this.check(property, 'field', path.child('properties').key(name));
    }
    if (schema.additionalProperties !== undefined) {
      if (level === 'root')
        this.add(fieldErrors.forbidden(path.child('additionalProperties'), 'must not be used at the root'));
      const more = moreOf(schema);
      if (more !== undefined) this.check(more, 'field', path.child('additionalProperties'));
    }
    this.extensions(schema, path);
    this.values(schema, {
      level,
      path,
      skipAnyOf: deepEqual(schema.anyOf, INT_OR_STRING),
      skipFirstAllOf: deepEqual(schema.allOf?.[0]?.anyOf, INT_OR_STRING),
    });
    this.type(schema, level, path);
    this.metadata(schema, level, path);
  }

  private extensions(schema: JSONSchemaProps, path: FieldPath): void {
    if (schema['x-kubernetes-int-or-string'] !== true) return;
    const problem = 'must be false if x-kubernetes-int-or-string is true';
    for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
      if (schema[name] === true) this.add(fieldErrors.invalid(path.child(name), true, problem));
    }
  }

  private type(schema: JSONSchemaProps, level: Level, path: FieldPath): void {
    const type = schema.type ?? '';
    const at = path.child('type');
    const embedded = schema['x-kubernetes-embedded-resource'] === true;
    if (embedded && type !== 'object') {
      const problem = 'must be object if x-kubernetes-embedded-resource is true';
      this.add(type === '' ? fieldErrors.required(at, problem) : fieldErrors.invalid(at, type, problem));
    } else if (
      type === '' &&
      schema['x-kubernetes-int-or-string'] !== true &&
      schema['x-kubernetes-preserve-unknown-fields'] !== true
    ) {
      this.add(fieldErrors.required(at, EMPTY_TYPE[level]));
    }
    if (embedded && schema.additionalProperties !== undefined) {
      this.add(
        fieldErrors.forbidden(
          path.child('additionalProperties'),
          'must not be used if x-kubernetes-embedded-resource is set',
        ),
      );
    }
    if (level === 'root' && type !== '' && type !== 'object')
      this.add(fieldErrors.invalid(at, type, 'must be object at the root'));
  }

  private metadata(schema: JSONSchemaProps, level: Level, path: FieldPath): void {
    const embedded = schema['x-kubernetes-embedded-resource'] === true;
    const whole = level === 'root' || embedded;
    const properties = schema.properties ?? {};
    for (const name of ['kind', 'apiVersion']) {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (whole && property !== undefined && property.type !== 'string') {
        this.add(
          fieldErrors.invalid(path.child('properties').key(name).child('type'), property.type ?? '', 'must be string'),
        );
      }
    }
    const metadata = Object.hasOwn(properties, 'metadata') ? properties.metadata : undefined;
    if (metadata !== undefined) {
      const at = path.child('properties').key('metadata');
      if (whole && metadata.type !== 'object')
        this.add(fieldErrors.invalid(at.child('type'), metadata.type ?? '', 'must be object'));
      if (level === 'root' && !isNameOnly(metadata)) {
        this.add(
          fieldErrors.forbidden(
            at,
            'must not specify anything other than name and generateName, but metadata is implicitly specified',
          ),
        );
      }
    }
    if (embedded && schema['x-kubernetes-preserve-unknown-fields'] !== true && Object.keys(properties).length === 0) {
      this.add(
        fieldErrors.required(
          path.child('properties'),
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      );
    }
  }

  private values(
    schema: JSONSchemaProps,
    at: { level: Level; path: FieldPath; skipAnyOf?: boolean; skipFirstAllOf?: boolean },
  ): void {
    const { path } = at;
    if (at.skipAnyOf !== true)
      schema.anyOf?.forEach((s, i) => {
        this.nested(s, path.child('anyOf').index(i), {});
      });
    schema.allOf?.forEach((s, i) => {
      this.nested(s, path.child('allOf').index(i), { skipAnyOf: at.skipFirstAllOf === true && i === 0 });
    });
    schema.oneOf?.forEach((s, i) => {
      this.nested(s, path.child('oneOf').index(i), {});
    });
    if (schema.not !== undefined) this.nested(schema.not, path.child('not'), {});
    if ((schema.pattern ?? '') === '') return;
    const problem = patternProblem(schema.pattern ?? '');
    if (problem !== undefined) {
      this.add(
        fieldErrors.invalid(
          path.child('pattern'),
          schema.pattern,
          `must be a valid regular expression, but isn't: ${problem}`,
        ),
      );
    }
  }

  /** A schema below anyOf and the like: it may restrict values, but not say what there is. */
  private nested(schema: JSONSchemaProps, path: FieldPath, options: { skipAnyOf?: boolean }): void {
    this.values(schema, { level: 'field', path, skipAnyOf: options.skipAnyOf === true });
    const items = itemsOf(schema);
    if (items !== undefined) this.nested(items, path.child('items'), {});
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      this.nested(property, path.child('properties').key(name), {});
    const rules: readonly [keyof JSONSchemaProps, boolean, string][] = [
      ['type', (schema.type ?? '') !== '', 'must be empty to be structural'],
      ['additionalProperties', schema.additionalProperties !== undefined, 'must be undefined to be structural'],
      ['default', schema.default !== undefined, 'must be undefined to be structural'],
      ['title', (schema.title ?? '') !== '', 'must be empty to be structural'],
      ['description', (schema.description ?? '') !== '', 'must be empty to be structural'],
      ['nullable', schema.nullable === true, 'must be false to be structural'],
      [
        'x-kubernetes-preserve-unknown-fields',
        schema['x-kubernetes-preserve-unknown-fields'] === true,
        'must be false to be structural',
      ],
      [
        'x-kubernetes-embedded-resource',
        schema['x-kubernetes-embedded-resource'] === true,
        'must be false to be structural',
      ],
      ['x-kubernetes-int-or-string', schema['x-kubernetes-int-or-string'] === true, 'must be false to be structural'],
      [
        'x-kubernetes-list-map-keys',
        (schema['x-kubernetes-list-map-keys']?.length ?? 0) > 0,
        'must be empty to be structural',
      ],
      ['x-kubernetes-list-type', schema['x-kubernetes-list-type'] !== undefined, 'must be undefined to be structural'],
      ['x-kubernetes-map-type', schema['x-kubernetes-map-type'] !== undefined, 'must be undefined to be structural'],
      [
        'x-kubernetes-validations',
        (schema['x-kubernetes-validations']?.length ?? 0) > 0,
        'must be empty to be structural',
      ],
    ];
    for (const [name, broken, problem] of rules) if (broken) this.add(fieldErrors.forbidden(path.child(name), problem));
    if (Object.hasOwn(schema.properties ?? {}, 'metadata')) {
      this.add(
        fieldErrors.forbidden(path.child('properties').key('metadata'), 'must not be specified in a nested context'),
      );
    }
  }

  /** Every value rule must be about something that is declared. */
  complete(
    rules: JSONSchemaProps,
    schema: JSONSchemaProps | undefined,
    at: { schema: FieldPath; rules: FieldPath },
  ): void {
    if (schema === undefined) {
      this.add(fieldErrors.required(at.schema, `because it is defined in ${at.rules.toString()}`));
      return;
    }
    const { path } = { path: at.rules };
    if (rules.not !== undefined)
      this.completeNested(rules.not, schema, { schema: at.schema, rules: path.child('not') });
    for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
      rules[name]?.forEach((s, i) => {
        this.completeNested(s, schema, { schema: at.schema, rules: path.child(name).index(i) });
      });
    }
  }

  private completeNested(
    rules: JSONSchemaProps,
    schema: JSONSchemaProps | undefined,
    at: { schema: FieldPath; rules: FieldPath },
  ): void {
    if (schema === undefined) {
      this.add(fieldErrors.required(at.schema, `because it is defined in ${at.rules.toString()}`));
      return;
    }
    this.complete(rules, schema, at);
    const items = itemsOf(rules);
    if (items !== undefined) {
      this.completeNested(items, itemsOf(schema), { schema: at.schema.child('items'), rules: at.rules.child('items') });
    }
    for (const [name, property] of Object.entries(rules.properties ?? {})) {
      const declared = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
      this.completeNested(property, declared, {
        schema: at.schema.child('properties').key(name),
        rules: at.rules.child('properties').key(name),
      });
    }
  }
}

/** metadata at the root may restrict the name and nothing else. */
function isNameOnly(metadata: JSONSchemaProps): boolean {
  const { type: _type, properties, default: _default, ...rest } = metadata;
  const names = Object.keys(properties ?? {});
  return Object.keys(rest).length === 0 && names.every((n) => n === 'name' || n === 'generateName');
}

/** In order of their text, as Kubernetes reports them. */
export function validateStructural(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const check = new StructuralCheck();
  check.check(schema, 'root', path);
  check.complete(schema, schema, { schema: path, rules: path });
  return check.errors.sort((a, b) => compareText(`${a.field}: ${a.body}`, `${b.field}: ${b.body}`));
}
