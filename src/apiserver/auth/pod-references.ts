// What a pod, and a volume, refers to in the API: whoever runs the pod has to read that.
// Sources: https://kubernetes.io/docs/reference/access-authn-authz/node/ and
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/
import { claimsOfPod } from '../../client/index.ts';
import type { PersistentVolume, Pod, Volume } from '../../resources/generated/core-v1.ts';
import { MIRROR_ANNOTATION } from '../admission/match.ts';

export interface PodReferences {
  /** The node that it is bound to. */
  readonly node: string;
  readonly namespace: string;
  /** All below are names in the pod's namespace; none for mirror pods, which a kubelet makes itself. */
  readonly serviceAccount: string;
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
}

export interface VolumeReferences {
  /** `namespace/name` of the claim that has it. */
  readonly claim: string;
  /** `namespace/name` of the Secrets that a node needs to mount it. */
  readonly secrets: ReadonlySet<string>;
}

type Name = string | undefined;

const NONE: ReadonlySet<string> = new Set();

function named(names: readonly Name[]): ReadonlySet<string> {
  const out = names.filter((name): name is string => name !== undefined && name !== '');
  return out.length === 0 ? NONE : new Set(out);
}

const containersOf = (pod: Pod) => [
  ...(pod.spec?.initContainers ?? []),
  ...(pod.spec?.containers ?? []),
  ...(pod.spec?.ephemeralContainers ?? []),
];

function secretsOfVolume(volume: Volume): Name[] {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, projected, rbd, scaleIO, secret, storageos } = volume;
  const mounted = [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef?.name);
  const projections = (projected?.sources ?? []).map((source) => source.secret?.name);
  return [secret?.secretName, azureFile?.secretName, csi?.nodePublishSecretRef?.name, ...mounted, ...projections];
}

/** The Secrets of its volumes, its variables and its images; not those of volumes that it claims. */
export function secretsOf(pod: Pod): ReadonlySet<string> {
  return named([
    ...(pod.spec?.imagePullSecrets ?? []).map((one) => one.name),
    ...containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.secretRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap(secretsOfVolume),
  ]);
}

export function configMapsOf(pod: Pod): ReadonlySet<string> {
  return named([
    ...containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.configMapRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap((volume) => [
      volume.configMap?.name,
      ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ]);
}

/** The PersistentVolumeClaim that a volume of a pod is, or is made for; undefined for other volumes. */
export function claimOfVolume(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name ?? ''}-${volume.name}`;
}

function resourceClaimsOf(pod: Pod): ReadonlySet<string> {
  const claimed = claimsOfPod(pod).map((claim) => (claim.kind === 'named' ? claim.name : undefined));
  return named([...claimed, pod.status?.extendedResourceClaimStatus?.resourceClaimName]);
}

/** undefined while the pod is bound to no node. */
export function podReferences(pod: Pod): PodReferences | undefined {
  const node = pod.spec?.nodeName ?? '';
  if (node === '') return undefined;
  const namespace = pod.metadata.namespace ?? '';
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined)
    return { node, namespace, serviceAccount: '', secrets: NONE, configMaps: NONE, claims: NONE, resourceClaims: NONE };
  return {
    node,
    namespace,
    serviceAccount: pod.spec?.serviceAccountName ?? '',
    secrets: secretsOf(pod),
    configMaps: configMapsOf(pod),
    claims: named((pod.spec?.volumes ?? []).map((volume) => claimOfVolume(pod, volume))),
    resourceClaims: resourceClaimsOf(pod),
  };
}

interface SecretPlace {
  readonly name?: string;
  readonly namespace?: string;
}

/** undefined for a volume that nobody claims. */
export function volumeReferences({ spec }: PersistentVolume): VolumeReferences | undefined {
  const { claimRef } = spec ?? {};
  if (spec === undefined || claimRef === undefined) return undefined;
  const home = claimRef.namespace ?? '';
  const key = (namespace: string, name: Name): Name => ((name ?? '') === '' ? undefined : `${namespace}/${name}`);
  const inOwn = (ref: SecretPlace | undefined): Name => key(ref?.namespace ?? '', ref?.name);
  const inClaims = (ref: SecretPlace | undefined): Name => key(ref?.namespace || home, ref?.name);
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = spec;
  return {
    claim: `${home}/${claimRef.name ?? ''}`,
    secrets: named([
      key(azureFile?.secretNamespace || home, azureFile?.secretName),
      ...[cephfs, flexVolume, iscsi, rbd, scaleIO].map((source) => inClaims(source?.secretRef)),
      ...[cinder, storageos].map((source) => inOwn(source?.secretRef)),
      // Those of the controller are none of the node's business.
      ...[csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef].map(inOwn),
    ]),
  };
}
