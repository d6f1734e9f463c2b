// The one schema node that describes built-in kinds and custom resources alike: types, wire facts, list and map topology, value rules.

export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'any';

/** How strings and numbers are read: the Go type behind the field, where it matters. */
export type SchemaFormat =
  | 'int32'
  | 'int64'
  | 'double'
  | 'byte' // base64 bytes
  | 'date-time' // metav1.Time, to the second
  | 'micro-time' // metav1.MicroTime
  | 'quantity'
  | 'int-or-string'
  | 'duration' // metav1.Duration
  | 'raw' // RawExtension, FieldsV1, JSON: anything, kept as sent
  | 'schema-or-bool' // JSONSchemaPropsOrBool and its sisters: `items` is the schema they may hold
  | 'schema-or-array'
  | 'schema-or-strings'
  | string;

/** A field of an object, with the facts of its wire form. */
export interface FieldNode {
  readonly name: string;
  /** The structs that Go embeds on the way to the field (`PersistentVolumeSource.`), which decoding errors name. */
  readonly embedded?: string;
  readonly schema: SchemaNode;
  readonly required: boolean;
  /** Left out when empty (Go `omitempty`; structs held by value are never empty). */
  readonly omitEmpty: boolean;
  /** Tells "absent" from "zero": a pointer in Go. A field that is neither pointer nor omitEmpty is always sent. */
  readonly pointer: boolean;
  /** `omitzero`: a struct held by value that is left out when all of it is zero. */
  readonly omitZero?: boolean;
  /** Field number in Kubernetes protobuf. */
  readonly proto?: number;
  readonly patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey?: string;
  readonly default?: unknown;
  readonly description?: string;
}

export interface SchemaNode {
  readonly type: SchemaType;
  readonly format?: SchemaFormat;
  /** OpenAPI definition name of a built-in type (`io.k8s.api.core.v1.Container`). */
  readonly id?: string;
  /** Go's name of the type (`Container`), for decoding errors. */
  readonly goName?: string;
  /** Go's text of the type (`[]v1.Container`), for decoding errors. */
  readonly goType?: string;
  /** The values that a string type names; told in OpenAPI, checked by the kind's own validation. */
  readonly knownValues?: readonly string[];
  readonly description?: string;
  /** Keyed safely: any string may be a field's name. */
  readonly properties?: ReadonlyMap<string, FieldNode>;
  /** The values of a map. */
  readonly additionalProperties?: SchemaNode;
  readonly items?: SchemaNode;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  /** Of a type of which at most one field is set: the field that says which, or '' when none does. Told in OpenAPI. */
  readonly union?: string;
  readonly preserveUnknown?: boolean;
  readonly embeddedResource?: boolean;
  readonly nullable?: boolean;
  /** Value rules: custom resources only (built-in kinds are validated by their strategy). */
  readonly rules?: ValueRules;
  readonly default?: unknown;
}

/** OpenAPI v3 value validation of a structural schema. */
export interface ValueRules {
  readonly enum?: readonly unknown[];
  /** Properties that must be there (they need not be declared). */
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly not?: SchemaNode;
  readonly cel?: readonly CelRule[];
}

/** x-kubernetes-validations. */
export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}
