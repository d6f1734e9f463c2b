// Validation of the OpenAPI schema in a CustomResourceDefinition.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation

import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { type Int64, nearest } from '../../machinery/int64.ts';
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions-v1.ts';
import { findPath } from './field-path.ts';
import type { RuleCosts } from './rule-costs.ts';
import { checkRules } from './validate-rules.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const META_FIELDS: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
export const UNSUPPORTED = ['additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

export interface SchemaContext {
  /** Where defaults may not stand, and why. */
  readonly noDefaults?: string;
  readonly insideMetadata?: boolean;
  /** The list or map in which items cannot be told apart from one write to the next. */
  readonly noOldSelf?: FieldPath;
  /** The schema is structural so far: its rules can be compiled. */
  readonly rules: boolean;
  readonly root: boolean;
  /** How many values there can be here at most; absent where a list or map on the way has no end. */
  readonly cardinality?: number;
}

/** The place inside a list or a map of so many. */
function inside(context: SchemaContext, count: Int64 | undefined): SchemaContext {
  const { cardinality, ...rest } = context;
  return cardinality === undefined || count === undefined
    ? rest
    : { ...rest, cardinality: cardinality * nearest(count) };
}

function itemsOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return Array.isArray(schema.items) ? undefined : schema.items;
}

export class SchemaCheck {
  readonly errors: FieldError[] = [];
  readonly ruleErrors: FieldError[] = [];

  /** Without `costs` what the rules cost is not asked. */
  constructor(private readonly costs?: RuleCosts) {}

  private add(error: FieldError): void {
    this.errors.push(error);
  }

  check(schema: JSONSchemaProps, path: FieldPath, context: SchemaContext): void {
    this.own(schema, path, context);
    if (schema.uniqueItems === true) {
      this.add(
        fieldErrors.forbidden(
          path.child('uniqueItems'),
          'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
        ),
      );
    }
    this.children(schema, path, context);
    this.topology(schema, path);
    this.ruleTexts(schema, path);
    if (this.errors.length > 0 || !context.rules) return;
    const { root, noOldSelf, cardinality } = context;
    this.ruleErrors.push(...checkRules(schema, path, { root, noOldSelf, cardinality, costs: this.costs }));
  }

  private own(schema: JSONSchemaProps, path: FieldPath, context: SchemaContext): void {
    const type = schema.type ?? '';
    if (type !== '' && !TYPES.includes(type)) this.add(fieldErrors.notSupported(path.child('type'), type, TYPES));
    if (schema.default !== undefined && context.noDefaults !== undefined) {
      this.add(fieldErrors.forbidden(path.child('default'), `must not be set ${context.noDefaults}`));
    }
    if ((schema.id ?? '') !== '') this.add(fieldErrors.forbidden(path.child('id'), 'id is not supported'));
    for (const name of UNSUPPORTED) {
      if (schema[name] !== undefined) this.add(fieldErrors.forbidden(path.child(name), `${name} is not supported`));
    }
    if (type === 'null')
      this.add(fieldErrors.forbidden(path.child('type'), 'type cannot be set to null, use nullable as an alternative'));
    if (Array.isArray(schema.items) && schema.items.length > 0) {
      this.add(fieldErrors.forbidden(path.child('items'), 'items must be a schema object and not an array'));
    }
    if (context.insideMetadata === true && schema['x-kubernetes-embedded-resource'] === true) {
      this.add(
        fieldErrors.forbidden(path.child('x-kubernetes-embedded-resource'), 'must not be used inside of resource meta'),
      );
    }
  }

  private children(schema: JSONSchemaProps, path: FieldPath, outer: SchemaContext): void {
    const context = { ...outer, root: false };
    const properties = Object.entries(schema.properties ?? {});
    const more = schema.additionalProperties;
    if (more !== undefined) {
      if (properties.length > 0 && more !== true) {
        this.add(
          fieldErrors.forbidden(
            path.child('additionalProperties'),
            'additionalProperties and properties are mutual exclusive',
          ),
        );
      }
      if (typeof more === 'object') {
        const meta =
          context.insideMetadata === true
            ? { noDefaults: 'inside additionalProperties applying to object metadata' }
            : {};
        const place = { ...inside(context, schema.maxProperties), ...meta };
        this.check(more, path.child('additionalProperties'), place);
      }
    }
    for (const [name, property] of properties) {
      this.check(property, path.child('properties').key(name), this.propertyContext(schema, name, { path, outer }));
    }
    const nested = { ...context, rules: false };
    if (schema.not !== undefined) this.check(schema.not, path.child('not'), nested);
    for (const kind of ['allOf', 'oneOf', 'anyOf'] as const) {
      schema[kind]?.forEach((s, i) => {
        this.check(s, path.child(kind).index(i), nested);
      });
    }
    const items = itemsOf(schema);
    if (items !== undefined) {
      const lost =
        schema['x-kubernetes-list-type'] === 'map' || context.noOldSelf !== undefined ? {} : { noOldSelf: path };
      this.check(items, path.child('items'), { ...inside(context, schema.maxItems), ...lost });
    }
  }

  private propertyContext(
    schema: JSONSchemaProps,
    name: string,
    at: { path: FieldPath; outer: SchemaContext },
  ): SchemaContext {
    const { path, outer } = at;
    const atomic = schema['x-kubernetes-map-type'] === 'atomic' && outer.noOldSelf === undefined;
    const meta = (outer.root || schema['x-kubernetes-embedded-resource'] === true) && META_FIELDS.has(name);
    return {
      ...outer,
      root: false,
      ...(atomic ? { noOldSelf: path } : {}),
      ...(meta ? { insideMetadata: true } : {}),
      ...(meta && outer.root ? { noDefaults: `in top-level ${name}` } : {}),
    };
  }

  private topology(schema: JSONSchemaProps, path: FieldPath): void {
    const preserve = schema['x-kubernetes-preserve-unknown-fields'];
    if (preserve === false) {
      this.add(
        fieldErrors.invalid(path.child('x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'),
      );
    }
    const type = schema.type ?? '';
    const mapType = schema['x-kubernetes-map-type'];
    const wrongType = (wanted: string, extension: string): void => {
      const problem = `must be ${wanted} if ${extension} is specified`;
      this.add(
        type === ''
          ? fieldErrors.required(path.child('type'), problem)
          : fieldErrors.invalid(path.child('type'), type, problem),
      );
    };
    if (mapType !== undefined && type !== 'object') wrongType('object', 'x-kubernetes-map-type');
    if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') {
      this.add(fieldErrors.notSupported(path.child('x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
    }
    const listType = schema['x-kubernetes-list-type'];
    if (listType !== undefined && type !== 'array') wrongType('array', 'x-kubernetes-list-type');
    else if (listType === 'set') this.setItems(schema, path);
    if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) {
      this.add(fieldErrors.notSupported(path.child('x-kubernetes-list-type'), listType, ['atomic', 'set', 'map']));
    }
    this.listMap(schema, path);
    this.listKeys(schema, path);
  }

  private setItems(schema: JSONSchemaProps, path: FieldPath): void {
    const items = itemsOf(schema);
    const problem = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    const listType = items?.['x-kubernetes-list-type'];
    if (items?.type === 'array' && listType !== undefined && listType !== 'atomic') {
      this.add(fieldErrors.invalid(path.child('items', 'x-kubernetes-list-type'), listType, problem));
    }
    if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
      this.add(fieldErrors.invalid(path.child('items', 'x-kubernetes-map-type'), listType ?? null, problem));
    }
  }

  private listMap(schema: JSONSchemaProps, path: FieldPath): void {
    const listType = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    const at = path.child('x-kubernetes-list-map-keys');
    if (keys.length > 0 && listType !== 'map') {
      const problem = 'must be map if x-kubernetes-list-map-keys is non-empty';
      const where = path.child('x-kubernetes-list-type');
      this.add(
        listType === undefined ? fieldErrors.required(where, problem) : fieldErrors.invalid(where, listType, problem),
      );
    }
    if (listType !== 'map') return;
    if (keys.length === 0) this.add(fieldErrors.required(at, 'must not be empty if x-kubernetes-list-type is map'));
    if (schema.items === undefined) {
      this.add(fieldErrors.required(path.child('items'), 'must have a schema if x-kubernetes-list-type is map'));
      return;
    }
    const items = itemsOf(schema);
    if (items === undefined) {
      this.add(
        fieldErrors.invalid(
          path.child('items'),
          schema.items,
          'must only have a single schema if x-kubernetes-list-type is map',
        ),
      );
      return;
    }
    if (items.type !== 'object') {
      this.add(
        fieldErrors.invalid(
          path.child('items', 'type'),
          items.type ?? '',
          "must be object if parent array's x-kubernetes-list-type is map",
        ),
      );
      return;
    }
    keys.forEach((key, i) => {
      const property = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
      if (property === undefined)
        this.add(fieldErrors.invalid(at, keys, 'entries must all be names of item properties'));
      else if (property.type === 'array' || property.type === 'object') {
        const where = path.child('items', 'properties').key(key).child('type');
        this.add(
          fieldErrors.invalid(
            where,
            items.type,
            "must be a scalar type if parent array's x-kubernetes-list-type is map",
          ),
        );
      }
      if (keys.indexOf(key) < i) this.add(fieldErrors.invalid(at, keys, 'must not contain duplicate entries'));
    });
  }

  private listKeys(schema: JSONSchemaProps, path: FieldPath): void {
    const listType = schema['x-kubernetes-list-type'];
    const items = itemsOf(schema);
    if (items === undefined || (listType !== 'set' && listType !== 'map')) return;
    if (items.nullable === true) {
      this.add(
        fieldErrors.forbidden(
          path.child('items', 'nullable'),
          `cannot be nullable when x-kubernetes-list-type is ${listType}`,
        ),
      );
    }
    if (listType !== 'map') return;
    const required = new Set(items.required ?? []);
    for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
      const property = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
      if (property === undefined) continue;
      const at = path.child('items', 'properties').key(key);
      if (!required.has(key) && property.default === undefined) {
        const problem =
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
        this.add(fieldErrors.required(at.child('default'), problem));
      }
      if (property.nullable === true) {
        this.add(
          fieldErrors.forbidden(
            at.child('nullable'),
            'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
          ),
        );
      }
    }
  }

  private ruleTexts(schema: JSONSchemaProps, path: FieldPath): void {
    schema['x-kubernetes-validations']?.forEach((rule, i) => {
      this.ruleText(rule, { at: path.child('x-kubernetes-validations').index(i), schema });
    });
  }

  private ruleText(rule: ValidationRule, place: { at: FieldPath; schema: JSONSchemaProps }): void {
    const { at } = place;
    const lines = (text: string): boolean => /[\n\r]/.test(text);
    const text = (rule.rule ?? '').trim();
    const message = (rule.message ?? '').trim();
    if (text === '') this.add(fieldErrors.required(at.child('rule'), 'rule is not specified'));
    else if ((rule.message ?? '') !== '' && message === '') {
      this.add(fieldErrors.invalid(at.child('message'), rule.message, 'must be non-empty if specified'));
    } else if (lines(message))
      this.add(fieldErrors.invalid(at.child('message'), rule.message, 'must not contain line breaks'));
    else if (lines(text) && message === '') {
      this.add(fieldErrors.required(at.child('message'), 'message must be specified if rule contains line breaks'));
    }
    if ((rule.messageExpression ?? '') !== '' && (rule.messageExpression ?? '').trim() === '') {
      this.add(fieldErrors.required(at.child('messageExpression'), 'messageExpression must be non-empty if specified'));
    }
    if (rule.reason !== undefined && !REASONS.includes(rule.reason)) {
      this.add(fieldErrors.notSupported(at.child('reason'), rule.reason, REASONS));
    }
    this.fieldPath(rule.fieldPath ?? '', place);
  }

  private fieldPath(fieldPath: string, place: { at: FieldPath; schema: JSONSchemaProps }): void {
    if (fieldPath === '') return;
    const at = place.at.child('fieldPath');
    if (fieldPath.trim() === '') this.add(fieldErrors.invalid(at, fieldPath, 'must be non-empty if specified'));
    if (/[\n\r]/.test(fieldPath)) this.add(fieldErrors.invalid(at, fieldPath, 'must not contain line breaks'));
    if (findPath(place.schema, fieldPath) === undefined)
      this.add(fieldErrors.invalid(at, fieldPath, 'must be a valid path'));
  }
}
