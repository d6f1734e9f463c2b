// Plugins of a few lines: default tolerations, taints of new nodes, protection of storage objects, default classes.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
import { parseTime } from '../../machinery/time.ts';
import type { Node, PersistentVolumeClaim, Pod, Toleration } from '../../resources/generated/core-v1.ts';
import type { Ingress, IngressClass } from '../../resources/generated/networking-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource } from './match.ts';
import type { AdmissionPlugin } from './plugin.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const TOLERATION_SECONDS = 300;

function tolerates(tolerations: readonly Toleration[], key: string): boolean {
  return tolerations.some(
    (t) =>
      (t.key === key || t.key === undefined || t.key === '') &&
      (t.effect === 'NoExecute' || t.effect === undefined || t.effect === ''),
  );
}

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  admit(request) {
    if (!isResource(request, '', 'pods')) return;
    const { spec } = request.object as Pod;
    if (spec === undefined) return;
    const tolerations = spec.tolerations ?? [];
    const added: Toleration[] = [];
    for (const key of [NOT_READY, UNREACHABLE]) {
      if (tolerates(tolerations, key)) continue;
      added.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS });
    }
    if (added.length > 0) spec.tolerations = [...tolerations, ...added];
  },
};

/** A node is not scheduled onto before it said that it is ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  admit(request) {
    if (!isResource(request, '', 'nodes')) return;
    const node = request.object as Node;
    node.spec ??= {};
    const taints = node.spec.taints ?? [];
    if (taints.some((t) => t.key === NOT_READY && t.effect === 'NoSchedule')) return;
    node.spec.taints = [...taints, { key: NOT_READY, effect: 'NoSchedule' }];
  },
};

function addFinalizer(object: { metadata?: { finalizers?: string[] } }, finalizer: string): void {
  object.metadata ??= {};
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) object.metadata.finalizers = [...finalizers, finalizer];
}

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  admit(request) {
    if (request.object === undefined) return;
    if (isResource(request, '', 'persistentvolumeclaims')) addFinalizer(request.object, 'kubernetes.io/pvc-protection');
    if (isResource(request, '', 'persistentvolumes')) addFinalizer(request.object, 'kubernetes.io/pv-protection');
    if (isResource(request, 'storage.k8s.io', 'volumeattributesclasses'))
      addFinalizer(request.object, 'kubernetes.io/vac-protection');
  },
};

const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class';
const BETA_DEFAULT_STORAGE_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';
const BETA_STORAGE_CLASS = 'volume.beta.kubernetes.io/storage-class';

function createdAt(object: { metadata?: { creationTimestamp?: string | null } }): number {
  return parseTime(object.metadata?.creationTimestamp ?? '') ?? 0;
}

/** The default class: of several, the newest. */
function defaultStorageClassOf(classes: LiveCache<StorageClass>): StorageClass | undefined {
  let found: StorageClass | undefined;
  for (const one of classes.list()) {
    const annotations = one.metadata?.annotations ?? {};
    if (annotations[DEFAULT_STORAGE_CLASS] !== 'true' && annotations[BETA_DEFAULT_STORAGE_CLASS] !== 'true') continue;
    if (found === undefined || createdAt(one) > createdAt(found)) found = one;
  }
  return found;
}

export function defaultStorageClass(classes: LiveCache<StorageClass>): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    operations: ['CREATE'],
    admit(request) {
      if (!isResource(request, '', 'persistentvolumeclaims')) return;
      const claim = request.object as PersistentVolumeClaim;
      if (claim.spec === undefined || claim.spec.storageClassName !== undefined) return;
      if (claim.metadata?.annotations?.[BETA_STORAGE_CLASS] !== undefined) return;
      const name = defaultStorageClassOf(classes)?.metadata?.name;
      if (name !== undefined) claim.spec.storageClassName = name;
    },
  };
}

const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class';

export function defaultIngressClass(classes: LiveCache<IngressClass>): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    operations: ['CREATE'],
    admit(request) {
      if (!isResource(request, 'networking.k8s.io', 'ingresses')) return;
      const ingress = request.object as Ingress;
      if (ingress.spec === undefined || ingress.spec.ingressClassName !== undefined) return;
      if (ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
      const defaults = [...classes.list()].filter(
        (one) => one.metadata?.annotations?.[DEFAULT_INGRESS_CLASS] === 'true',
      );
      if (defaults.length === 0) return;
      defaults.sort(
        (a, b) => createdAt(b) - createdAt(a) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1),
      );
      const name = defaults[0]?.metadata?.name;
      if (name !== undefined) ingress.spec.ingressClassName = name;
    },
  };
}
