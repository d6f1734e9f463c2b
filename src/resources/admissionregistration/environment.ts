// What the CEL expressions of webhooks and policies know: names and types, the same when they are written and when they run.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression
import {
  AUTHORIZER,
  BOOL,
  type CelType,
  DYN,
  INT,
  listOf,
  mapOf,
  opaque,
  RESOURCE_CHECK,
  STRING,
  type StructType,
  type StructTypes,
  TIMESTAMP,
} from '../../machinery/cel/index.ts';

function structOf(name: string, fields: Readonly<Record<string, CelType>>): StructType {
  const known = Object.entries(fields).map(([json, type]) => [json, { json, type }] as const);
  return { kind: 'object', name, fields: new Map(known) };
}

const KIND = structOf('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const RESOURCE = structOf('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING });
const USER = structOf('kubernetes.UserInfo', {
  username: STRING,
  uid: STRING,
  groups: listOf(STRING),
  extra: mapOf(STRING, listOf(STRING)),
});
const REQUEST = structOf('kubernetes.AdmissionRequest', {
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

const CONDITION = structOf('kubernetes.NamespaceCondition', {
  status: STRING,
  type: STRING,
  lastTransitionTime: TIMESTAMP,
  message: STRING,
  reason: STRING,
});
const NAMESPACE = structOf('kubernetes.Namespace', {
  metadata: structOf('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: mapOf(STRING, STRING),
    annotations: mapOf(STRING, STRING),
    // In capitals: Kubernetes has it so, and thus never finds it.
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: listOf(STRING),
  }),
  spec: structOf('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
  status: structOf('kubernetes.NamespaceStatus', { conditions: listOf(CONDITION), phase: STRING }),
});

/** Whatever else is named in a patch is there for Kubernetes, but of no type, so nothing can be put there. */
const PATCH: StructType = {
  ...structOf('JSONPatch', { op: STRING, from: STRING, path: STRING, value: DYN }),
  others: opaque(''),
};

/** Literals of mutating policies: operations of a JSON patch, and parts of the object, of which nothing is declared. */
const patchTypes: StructTypes = (name) => {
  if (name === PATCH.name) return PATCH;
  return name === 'Object' || name.startsWith('Object.')
    ? { kind: 'object', name, fields: new Map(), others: DYN }
    : undefined;
};

export interface Scope {
  /** Of the objects that the request is about; anything, when left out. */
  readonly object?: CelType;
  /** Known to policies that name a kind of parameters. */
  readonly params?: CelType;
  /** Known to all but the expressions of messages. */
  readonly authorizer?: boolean;
  /** A policy's own variables, for those who have any. */
  readonly variables?: Readonly<Record<string, CelType>> | 'any';
  /** Whether literals of patches may be written. */
  readonly patches?: boolean;
}

export interface Environment {
  readonly types: Readonly<Record<string, CelType>>;
  readonly structs?: StructTypes;
}

const VARIABLES = 'kubernetes.variables';

function variablesOf(variables: NonNullable<Scope['variables']>): StructType {
  return variables === 'any'
    ? { kind: 'object', name: VARIABLES, fields: new Map(), others: DYN }
    : structOf(VARIABLES, variables);
}

export function admissionEnvironment(scope: Scope): Environment {
  const { object = DYN, params, authorizer = true, variables, patches = false } = scope;
  const types = {
    object,
    oldObject: object,
    request: REQUEST,
    namespaceObject: NAMESPACE,
    ...(params === undefined ? {} : { params }),
    ...(authorizer ? { authorizer: AUTHORIZER, 'authorizer.requestResource': RESOURCE_CHECK } : {}),
    ...(variables === undefined ? {} : { variables: variablesOf(variables) }),
  };
  return { types, ...(patches ? { structs: patchTypes } : {}) };
}

/** What other expressions know of a variable of this type: of what is in objects, and of the libraries' own types, nothing. */
export function variableType(type: CelType): CelType {
  switch (type.kind) {
    case 'simple':
      return type.name.includes('.') ? DYN : type;
    case 'list':
      return listOf(variableType(type.item));
    case 'map':
      return mapOf(variableType(type.key), variableType(type.value));
    default:
      return DYN;
  }
}
