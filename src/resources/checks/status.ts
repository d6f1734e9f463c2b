// The `status` subresource: how most kinds' door to the status is made.
import type { KubeObject } from '../../machinery/object.ts';
import type { ObjectSubresource, Strategy } from '../definition.ts';

/** A write to the status may not touch the metadata of these kinds. Source: metav1.ResetObjectMetaForStatus. */
export function keepMetadata(draft: KubeObject, old: KubeObject): void {
  const { labels, annotations, finalizers, ownerReferences, deletionTimestamp, generation } = old.metadata;
  Object.assign(draft.metadata, { labels, annotations, finalizers, ownerReferences, deletionTimestamp, generation });
  for (const key of [
    'labels',
    'annotations',
    'finalizers',
    'ownerReferences',
    'deletionTimestamp',
    'generation',
  ] as const)
    if (draft.metadata[key] === undefined) delete draft.metadata[key];
}

export interface StatusRules<T extends KubeObject> {
  /** The main resource's defaults: bodies sent to the status are read the same way. */
  readonly applyDefaults?: Strategy<T>['applyDefaults'];
  /** What a write through this door leaves as it was, besides `spec`. */
  readonly keep?: 'metadata' | 'labels';
  /** After spec and metadata were put back. */
  readonly prepare?: Strategy<T>['prepareForUpdate'];
  validateUpdate?: Strategy<T>['validateUpdate'];
  readonly resetFields?: readonly string[];
  readonly canonicalize?: Strategy<T>['canonicalize'];
}

type WithSpec = KubeObject & { spec?: unknown };

/** A write to a subresource leaves the spec as it was. */
export function keepSpec(draft: WithSpec, old: WithSpec): void {
  if (old.spec === undefined) delete draft.spec;
  else draft.spec = old.spec;
}

export function statusSubresource<T extends KubeObject>(rules: StatusRules<T> = {}): ObjectSubresource<T> {
  const { applyDefaults, validateUpdate, keep, resetFields, canonicalize } = rules;
  const ownReset = keep === undefined ? ['spec'] : ['spec', 'metadata'];
  return {
    type: 'object',
    verbs: ['get', 'patch', 'update'],
    resetFields: resetFields ?? (keep === 'labels' ? ['spec', 'metadata.labels'] : ownReset),
    strategy: {
      ...(applyDefaults === undefined ? {} : { applyDefaults }),
      prepareForUpdate(draft, old, context) {
        keepSpec(draft, old);
        if (keep === 'metadata') keepMetadata(draft, old);
        if (keep === 'labels') keepLabels(draft, old);
        rules.prepare?.(draft, old, context);
      },
      ...(validateUpdate === undefined ? {} : { validateUpdate }),
      ...(canonicalize === undefined ? {} : { canonicalize }),
    },
  };
}

function keepLabels(draft: KubeObject, old: KubeObject): void {
  if (old.metadata.labels === undefined) delete draft.metadata.labels;
  else draft.metadata.labels = old.metadata.labels;
}

type WithStatus = KubeObject & { status?: unknown };

/** A write to the object itself leaves the status as it was. */
export function keepStatus(draft: WithStatus, old: WithStatus): void {
  if (old.status === undefined) delete draft.status;
  else draft.status = old.status;
}

/** The part of a main strategy that keeps clients from writing the status there. */
export function statusKept<T extends KubeObject>(): Required<
  Pick<Strategy<T>, 'prepareForCreate' | 'prepareForUpdate'>
> {
  return {
    prepareForCreate: (draft) => {
      delete (draft as WithStatus).status;
    },
    prepareForUpdate: keepStatus,
  };
}
