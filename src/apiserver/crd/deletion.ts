// The deletion of a CustomResourceDefinition: its objects go first, held by a finalizer of the server's own.
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { CustomResourceDefinition } from '../../resources/generated/apiextensions-v1.ts';

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

export function isDefinition(object: KubeObject): object is CustomResourceDefinition & KubeObject {
  return object.kind === 'CustomResourceDefinition' && object.apiVersion === 'apiextensions.k8s.io/v1';
}

/** Marks the draft as being deleted. False when it was marked already and nothing of ours holds it. */
export function markDefinition(draft: CustomResourceDefinition, now: number): boolean {
  const meta = draft.metadata;
  if (meta.deletionTimestamp !== undefined) return (meta.finalizers?.length ?? 0) > 0;
  meta.deletionTimestamp = rfc3339(now);
  const finalizers = meta.finalizers ?? [];
  if (!finalizers.includes(CLEANUP_FINALIZER)) meta.finalizers = [...finalizers, CLEANUP_FINALIZER];
  if (draft.status === undefined) return true;
  draft.status.conditions = [
    ...(draft.status.conditions ?? []),
    {
      type: 'Terminating',
      status: 'True',
      lastTransitionTime: rfc3339(now),
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
  ];
  return true;
}
