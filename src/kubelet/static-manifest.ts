// A static pod out of its file: read, defaulted and checked as the API server would, which it never passes.
// https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
import { createHash } from 'node:crypto';
import { deepClone } from '../machinery/json.ts';
import { isJsonObject } from '../machinery/object.ts';
import type { Pod, PodSpec, Volume, VolumeProjection } from '../resources/generated/core-v1.ts';
import { apiVersionOf, findKind, findResource, validateCreate } from '../resources/index.ts';
import { builtinSchema, decode } from '../resources/schema/index.ts';
import { ANNOTATION } from './pod/identity.ts';

const SURVIVES = { operator: 'Exists', effect: 'NoExecute' } as const;

function read(text: string): Pod {
  const row = findResource('', 'v1', 'pods');
  if (row === undefined) throw new Error('there are no pods');
  const registered = (apiVersion: string, kind: string): boolean => {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    return findKind(group, version, kind) !== undefined;
  };
  const options = { kind: 'Pod', apiVersion: apiVersionOf(row), registered, contentType: 'application/yaml' };
  const { object } = decode(builtinSchema(row.schema), Buffer.from(text), options);
  const pod = deepClone(object) as unknown as Pod;
  if (!isJsonObject(object.metadata) || (pod.metadata.name ?? '') === '')
    throw new Error('invalid pod: name is needed for the pod');
  row.strategy.applyDefaults?.(pod);
  return pod;
}

function check(pod: Pod): void {
  const row = findResource('', 'v1', 'pods');
  if (row === undefined) return;
  const namespace = pod.metadata.namespace ?? 'default';
  const user = { username: '', groups: [] };
  const errors = validateCreate(row, pod, { now: new Date(0), user, dryRun: true, namespace });
  if (errors.length > 0) throw new Error(`invalid pod: [${errors.map((e) => `${e.field}: ${e.body}`).join(', ')}]`);
}

function projected(source: VolumeProjection): string | undefined {
  if (source.configMap !== undefined) return 'configmaps (via projected volumes)';
  if (source.secret !== undefined) return 'secrets (via projected volumes)';
  if (source.serviceAccountToken !== undefined) return 'serviceaccounts (via projected volumes)';
  if (source.clusterTrustBundle !== undefined) return 'clustertrustbundles';
  return source.podCertificate === undefined ? undefined : 'podcertificates';
}

function inVolume(volume: Volume): string | undefined {
  if (volume.configMap !== undefined) return 'configmaps (via configmap volumes)';
  if (volume.secret !== undefined) return 'secrets (via secret volumes)';
  if (volume.csi !== undefined) return 'csidrivers (via CSI volumes)';
  if (volume.glusterfs !== undefined) return 'endpoints (via glusterFS volumes)';
  if (volume.persistentVolumeClaim !== undefined) return 'persistentvolumeclaims';
  if (volume.ephemeral !== undefined) return 'persistentvolumeclaims (via ephemeral volumes)';
  if (volume.azureFile !== undefined) return 'secrets (via azureFile volumes)';
  return (volume.projected?.sources ?? []).map(projected).find((found) => found !== undefined);
}

/** What of the API a pod speaks of: without an API server nothing of it could be had. */
export function apiReference(spec: PodSpec): string | undefined {
  if ((spec.serviceAccountName ?? '') !== '') return 'serviceaccounts';
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const env = containers.flatMap((c) => c.env ?? []);
  const envFrom = containers.flatMap((c) => c.envFrom ?? []);
  const secrets =
    (spec.imagePullSecrets ?? []).length > 0 ||
    env.some((e) => e.valueFrom?.secretKeyRef !== undefined) ||
    envFrom.some((e) => e.secretRef !== undefined) ||
    (spec.volumes ?? []).some(hasSecret);
  if (secrets) return 'secrets';
  const maps =
    env.some((e) => e.valueFrom?.configMapKeyRef !== undefined) ||
    envFrom.some((e) => e.configMapRef !== undefined) ||
    (spec.volumes ?? []).some(hasConfigMap);
  if (maps) return 'configmaps';
  if ((spec.resourceClaims ?? []).length > 0) return 'resourceclaims';
  return (spec.volumes ?? []).map(inVolume).find((found) => found !== undefined);
}

function hasSecret(volume: Volume): boolean {
  return (
    volume.secret !== undefined ||
    volume.azureFile !== undefined ||
    (volume.projected?.sources ?? []).some((s) => s.secret !== undefined)
  );
}

function hasConfigMap(volume: Volume): boolean {
  return volume.configMap !== undefined || (volume.projected?.sources ?? []).some((s) => s.configMap !== undefined);
}

export interface ManifestPlace {
  readonly file: string;
  readonly nodeName: string;
  /** When the file was first seen, as annotations tell it. */
  readonly seen: string;
}

/** Throws, with a reason, where the file holds no pod that could run. */
export function staticPod(text: string, { file, nodeName, seen }: ManifestPlace): Pod {
  const pod = read(text);
  const { metadata } = pod;
  const spec = pod.spec ?? { containers: [] };
  const hash = createHash('md5')
    .update(JSON.stringify([metadata, spec]))
    .update(`host:${nodeName}file:${file}`);
  const uid = metadata.uid ?? hash.digest('hex');
  const tolerations = spec.tolerations ?? [];
  const tolerated = tolerations.some((t) => t.key === undefined && t.operator === 'Exists' && t.effect === 'NoExecute');
  const made: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName.toLowerCase()}`,
      namespace: metadata.namespace ?? 'default',
      uid,
      annotations: {
        ...metadata.annotations,
        [ANNOTATION.configHash]: uid,
        [ANNOTATION.configSeen]: seen,
        [ANNOTATION.configSource]: 'file',
      },
    },
    // Whatever becomes of the node, they stay.
    spec: { ...spec, nodeName, tolerations: tolerated ? tolerations : [...tolerations, SURVIVES] },
    status: { phase: 'Pending' },
  };
  check(made);
  const reference = apiReference(spec);
  if (reference !== undefined) throw new Error(`static pods may not reference ${reference}`);
  return made;
}
