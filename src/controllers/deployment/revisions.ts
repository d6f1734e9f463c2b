// Which ReplicaSet is a Deployment's new one, how it is named and numbered. Pure.
import { fnv32a, safeEncode } from '../../machinery/hash.ts';
import { canonicalJson, deepEqual } from '../../machinery/json.ts';
import type { Deployment, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { createdAt, ownerReference } from '../shared/pods.ts';

export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED = 'deployment.kubernetes.io/desired-replicas';
export const MAX = 'deployment.kubernetes.io/max-replicas';
/** Annotations of a Deployment that do not go over to its ReplicaSets. */
const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAX,
  'deprecated.deployment.rollback.to',
]);

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const { labels: _labels, creationTimestamp: _time, ...metadata } = template?.metadata ?? {};
  return { ...template, metadata: { ...metadata, ...(Object.keys(labels).length === 0 ? {} : { labels }) } };
}

export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b));
}

/** Revisions are 64-bit numbers: what people write there may be larger than a JavaScript number holds. */
export function revisionOf(set: ReplicaSet): bigint {
  const text = set.metadata.annotations?.[REVISION] ?? '';
  return /^[+-]?\d{1,19}$/.test(text) ? BigInt.asIntN(64, BigInt(text)) : 0n;
}

export function oldestFirst(sets: readonly ReplicaSet[]): ReplicaSet[] {
  return [...sets].sort(
    (a, b) => createdAt(a) - createdAt(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  );
}

/** Of several with the same template (which can happen) the oldest is the new one. */
export function newSetOf(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
}

export function nextRevision(old: readonly ReplicaSet[]): bigint {
  let most = 0n;
  for (const set of old) {
    const revision = revisionOf(set);
    if (revision > most) most = revision;
  }
  return most + 1n;
}

export function templateHash(deployment: Deployment): string {
  const collisions = deployment.status?.collisionCount;
  const text =
    canonicalJson(withoutHash(deployment.spec?.template)) + (collisions === undefined ? '' : String(collisions));
  return safeEncode(String(fnv32a(text)));
}

/** The Deployment's annotations, and the revision; what was revision before goes into the history. */
export function annotationsFor(
  deployment: Deployment,
  set: ReplicaSet | undefined,
  revision: bigint,
): Record<string, string> {
  const out: Record<string, string> = { ...set?.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) if (!OWN.has(key)) out[key] = value;
  const before = set === undefined ? 0n : revisionOf(set);
  if (before >= revision) return out;
  out[REVISION] = String(revision);
  if (before > 0n) {
    const history = (out[REVISION_HISTORY] ?? '').split(',').filter((one) => one !== '');
    if (!history.includes(String(before))) history.push(String(before));
    out[REVISION_HISTORY] = history.join(',');
  }
  return out;
}

export function newSet(
  deployment: Deployment,
  replicas: number,
  options: { revision: bigint; maxReplicas: number },
): ReplicaSet {
  const hash = templateHash(deployment);
  const {
    template,
    selector,
    minReadySeconds,
    replicas: desired = 1,
  } = deployment.spec ?? { selector: {}, template: {} };
  const labels = { ...template?.metadata?.labels, [HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name ?? ''}-${hash}`,
      ...(deployment.metadata.namespace === undefined ? {} : { namespace: deployment.metadata.namespace }),
      labels,
      annotations: {
        ...annotationsFor(deployment, undefined, options.revision),
        [DESIRED]: String(desired),
        [MAX]: String(options.maxReplicas),
      },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}
