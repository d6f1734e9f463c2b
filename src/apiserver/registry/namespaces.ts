// How namespaces go: marked first, removed when their content is gone.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';

export function isNamespace(object: KubeObject): boolean {
  return object.kind === 'Namespace' && object.apiVersion === 'v1';
}

type NamespaceLike = KubeObject & { spec?: { finalizers?: string[] }; status?: { phase?: string } };

/** A namespace stays until its content is gone: its spec has finalizers of its own. */
export function holdsContent(object: KubeObject): boolean {
  if (!isNamespace(object)) return false;
  return ((object as NamespaceLike).spec?.finalizers ?? []).length > 0;
}

/** The first deletion only marks a namespace; the one after its content went removes it. */
export function markNamespace(draft: KubeObject, now: number): boolean {
  const marked = draft.metadata.deletionTimestamp !== undefined;
  draft.metadata.deletionTimestamp ??= rfc3339(now);
  const namespace = draft as NamespaceLike;
  namespace.status = { ...namespace.status, phase: 'Terminating' };
  return marked;
}
