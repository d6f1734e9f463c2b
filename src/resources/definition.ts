// The row of the resource table: all that the house knows about one group/version/kind. One row drives routing, discovery,
// OpenAPI, defaulting, validation, patch and apply rules, printing, the client and the command line.

import type { FieldError } from '../machinery/field-error.ts';
import type { UserInfo } from '../machinery/http.ts';
import type { Int64 } from '../machinery/int64.ts';
import type { JsonObject, KubeObject } from '../machinery/object.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** What a strategy may know besides the object. Pure data: the time is handed in. */
export interface StrategyContext {
  readonly now: Date;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The namespace of the request; '' for cluster-scoped kinds. */
  readonly namespace: string;
}

/** The rules of one kind (or of one of its subresources). `T` is the wire type. Every function works on a private draft that it may
 *  change in place; `old` is shared and must not be changed. All are optional: absent means "nothing special". */
export interface Strategy<T extends KubeObject> {
  /** Fills in defaults. Also run on objects read from the wire before an update is compared; idempotent. */
  applyDefaults?(draft: T): void;
  /** Drops or sets what the client may not decide (e.g. empties status on create). Generation and metadata are the registry's. */
  prepareForCreate?(draft: T, context: StrategyContext): void;
  prepareForUpdate?(draft: T, old: T, context: StrategyContext): void;
  validate?(object: T, context: StrategyContext): FieldError[];
  validateUpdate?(object: T, old: T, context: StrategyContext): FieldError[];
  /** Sent as `Warning: 299` headers. */
  warnings?(object: T, old: T | undefined, context: StrategyContext): string[];
  /** Last touch after validation (e.g. allocate). */
  canonicalize?(draft: T): void;
}

/** How metadata.name is checked on create. */
export type NameRule =
  | 'dns-subdomain' // most kinds
  | 'dns-label' // namespaces, services and StatefulSets
  | 'path-segment'; // RBAC kinds: anything that fits in a path

export interface Column<T extends KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: 'name' | 'date-time' | '';
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  /** The cell. `now` for ages: Kubernetes prints ages into the cell on the server (`5m`), see machinery/duration. */
  cell(object: T, now: Date): string | number | bigint | boolean | null;
}

/** A remark on a row of a table. */
export interface RowCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** A subresource that is a view of the object itself: `status` and the like. */
export interface ObjectSubresource<T extends KubeObject> {
  readonly type: 'object';
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy<T>;
  /** Fields (dotted paths) that a write through this door may not own in managedFields. */
  readonly resetFields?: readonly string[];
}

/** `scale`: autoscaling/v1 Scale over paths of the object. */
export interface ScaleSubresource {
  readonly type: 'scale';
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  /** Path of a LabelSelector object, of a plain map, or of a string. */
  readonly selectorPath?: string;
}

/** A subresource with its own behaviour (binding, eviction, log, exec, token, proxy …): named here for discovery, handled in apiserver. */
export interface ConnectSubresource {
  readonly type: 'connect';
  readonly verbs: readonly ('create' | 'get' | 'update' | 'patch' | 'delete')[];
  /** The kind that is sent or answered, for discovery. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
}

export type Subresource<T extends KubeObject> = ObjectSubresource<T> | ScaleSubresource | ConnectSubresource;

/** What a write on the main resource does to metadata.generation. */
export type GenerationRule<T extends KubeObject> =
  | 'none'
  /** 1 on create, +1 whenever spec (or all but metadata and status) changes. */
  | 'spec'
  | { changed(object: T, old: T): boolean };

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** Key of the schema: the OpenAPI definition name (`io.k8s.api.core.v1.Pod`). */
  readonly schema: string;
  /** Where it is stored when that differs from its own group and version (e.g. events.k8s.io is stored as core events):
   *  another row's `group/version/plural`, plus pure conversions. */
  readonly storedAs?: {
    readonly of: string;
    toStored(object: T): KubeObject;
    fromStored(object: KubeObject): T;
  };
  readonly nameRule?: NameRule;
  /** Overrides the name check, e.g. for kinds whose name tells what is in them. Returns messages. */
  validateName?(name: string, isPrefix: boolean, object: T): readonly string[];
  /** What `metadata.generateName` becomes: itself and five random characters, or itself alone. Default `suffixed`. */
  readonly generatedName?: 'suffixed' | 'as it is';
  /** The kind has no rules for its metadata: those of any object hold, and are looked at when nothing else is wrong. */
  readonly plainMetadata?: boolean;
  /** On creation any qualified finalizer will do, with a domain or without. */
  readonly anyFinalizer?: boolean;
  readonly strategy: Strategy<T>;
  readonly generation: GenerationRule<T>;
  /** Dotted paths the main resource resets, hence never owns in managedFields (mostly `status`). */
  readonly resetFields?: readonly string[];
  readonly subresources?: Readonly<Record<string, Subresource<T>>>;
  readonly columns: readonly Column<T>[];
  /** The order of a table's rows, where it is not the list's. */
  tableOrder?(a: T, b: T): number;
  /** What a table says of a whole row, e.g. of a pod that has finished. Source: meta/v1 TableRowCondition. */
  rowConditions?(object: T): readonly RowCondition[];
  /** Field labels usable in `fieldSelector`, besides metadata.name and metadata.namespace. */
  readonly selectableFields?: {
    readonly labels: readonly string[];
    values(object: T): Readonly<Record<string, string>>;
    /** What a client reads that asks for another label, where that is not the usual text. */
    refusal?(label: string): string;
  };
  /** PUT to a missing name creates it. */
  readonly createOnUpdate?: boolean;
  /** PUT without resourceVersion is taken. Default true. */
  readonly unconditionalUpdate?: boolean;
  /** Never stored: answers come from a handler in apiserver (reviews, ComponentStatus, Binding). */
  readonly virtual?: boolean;
  /** `kubectl delete` waits: the grace period that a deletion gets; undefined or 0 deletes at once. Changes nothing. */
  gracePeriod?(object: T, requested: Int64 | undefined): Int64;
  /** DELETE answers with the object (pods, services …) or with a Status. Default Status. */
  readonly deleteAnswersObject?: boolean;
  /** Kubernetes cannot compute the managedFields of this kind (a list-typed bytes field): it has none. */
  readonly untracked?: boolean;
  /** What a client is warned of that deletes without saying what becomes of dependents. */
  readonly deleteWarning?: string;
  /** Why the object of this name may never be deleted (403 Forbidden), or undefined. */
  refuseDelete?(name: string): string | undefined;
  /** Default propagation of a DELETE without one. Default background. */
  readonly defaultPropagation?: 'Background' | 'Orphan';
  /** Why what was read cannot be an object of the kind, in Go's words: text that ought to be a number, say. Undefined when it can. */
  unreadable?(object: T): string | undefined;
  /** Deprecated versions carry a `Warning` header with this text. */
  readonly deprecation?: string;
}

/** A row whose wire type nobody needs to know (the table's own view). Members are methods, so that rows of all types fit. */
export type AnyResource = ResourceDefinition<KubeObject>;

/** Helps type inference where a row is written. */
export function defineResource<T extends KubeObject>(row: ResourceDefinition<T>): ResourceDefinition<T> {
  return row;
}

/** `apps/v1/deployments`, `/v1/pods`. */
export function resourceKey(row: { group: string; version: string; plural: string }): string {
  return `${row.group}/${row.version}/${row.plural}`;
}

export function apiVersionOf(row: { group: string; version: string }): string {
  return row.group === '' ? row.version : `${row.group}/${row.version}`;
}

export type { JsonObject };
