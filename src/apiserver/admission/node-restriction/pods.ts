// What a kubelet may do with pods: show those that it has by itself, and report, delete and evict those bound to it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { notFound } from '../../../machinery/errors.ts';
import { deepEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { Pod, Volume, VolumeProjection } from '../../../resources/generated/core-v1.ts';
import { configMapsOf, secretsOf } from '../../auth/pod-references.ts';
import type { LiveLookup } from '../lookup.ts';
import { MIRROR_ANNOTATION, refuse } from '../match.ts';
import type { AdmissionRequest } from '../plugin.ts';

type StoredPod = Pod & KubeObject;

/** The pod as it is; throws, as Kubernetes' own copies of objects do, when there is none. */
export async function podNamed(lookup: LiveLookup, namespace: string, name: string): Promise<StoredPod> {
  const pod = await lookup('pods', namespace, name);
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, name);
  return pod as StoredPod;
}

/** Volumes that need nothing of the API. */
const LOCAL: readonly (keyof Volume)[] = [
  'awsElasticBlockStore',
  'azureDisk',
  'cephfs',
  'cinder',
  'downwardAPI',
  'emptyDir',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'hostPath',
  'image',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

const REFERRING: readonly (readonly [keyof Volume, what: string])[] = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
];

const REFERRING_SOURCES: readonly (readonly [keyof VolumeProjection, what: string])[] = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
];

const has = <T extends object>(object: T, key: keyof T): boolean => (object[key] ?? undefined) !== undefined;

/** What a volume refers to in the API; undefined for nothing. Throws for what it does not know: that may refer to anything. */
function referredByVolume(volume: Volume): string | undefined {
  if (LOCAL.some((key) => has(volume, key))) return undefined;
  const direct = REFERRING.find(([key]) => has(volume, key));
  if (direct !== undefined) return direct[1];
  for (const source of volume.projected?.sources ?? []) {
    const found = REFERRING_SOURCES.find(([key]) => has(source, key));
    if (found !== undefined) return found[1];
    if (!has(source, 'downwardAPI'))
      throw new Error(`unknown source for projected volume ${JSON.stringify(volume.name)}`);
  }
  if (!has(volume, 'projected')) throw new Error(`unknown volume type for volume  ${JSON.stringify(volume.name)}`);
  return undefined;
}

function referredBy(pod: StoredPod): string | undefined {
  if ((pod.spec?.serviceAccountName ?? '') !== '') return 'serviceaccounts';
  if (secretsOf(pod).size > 0) return 'secrets';
  if (configMapsOf(pod).size > 0) return 'configmaps';
  if ((pod.spec?.resourceClaims ?? []).length > 0) return 'resourceclaims';
  for (const volume of pod.spec?.volumes ?? []) {
    const found = referredByVolume(volume);
    if (found !== undefined) return found;
  }
  return undefined;
}

function referencesIn(request: AdmissionRequest, pod: StoredPod): string | undefined {
  try {
    return referredBy(pod);
  } catch (error) {
    throw refuse(request, `error checking mirror pod for API references: ${(error as Error).message}`);
  }
}

async function checkOwner(request: AdmissionRequest, node: string, lookup: LiveLookup): Promise<void> {
  const who = `node ${JSON.stringify(node)}`;
  const [owner, ...others] = request.object?.metadata.ownerReferences ?? [];
  if (others.length > 0)
    throw refuse(request, `${who} can only create pods with a single owner reference set to itself`);
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    throw refuse(request, `${who} can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    throw refuse(request, `${who} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true)
    throw refuse(request, `${who} must not set blockOwnerDeletion on an owner reference`);
  const found = await lookup('nodes', '', node);
  if (found === undefined) throw notFound({ group: '', resource: 'node' }, node);
  const { uid = '' } = found.metadata;
  if (owner.uid !== uid) throw refuse(request, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
}

async function checkNew(request: AdmissionRequest, node: string, lookup: LiveLookup): Promise<void> {
  const pod = request.object as StoredPod;
  const who = `node ${JSON.stringify(node)}`;
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined)
    throw refuse(request, `pod does not have "${MIRROR_ANNOTATION}" annotation, ${who} can only create mirror pods`);
  if (pod.spec?.nodeName !== node)
    throw refuse(request, `${who} can only create pods with spec.nodeName set to itself`);
  await checkOwner(request, node, lookup);
  const referred = referencesIn(request, pod);
  if (referred !== undefined) throw refuse(request, `${who} can not create pods that reference ${referred}`);
}

function checkStatus(request: AdmissionRequest, node: string): void {
  const who = `node ${JSON.stringify(node)}`;
  if (request.operation !== 'UPDATE')
    throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  const before = request.old as StoredPod;
  const now = request.object as StoredPod;
  if (before.spec?.nodeName !== node)
    throw refuse(request, `${who} can only update pod status for pods with spec.nodeName set to itself`);
  if (!deepEqual(now.metadata.labels ?? {}, before.metadata.labels ?? {}))
    throw refuse(request, `${who} cannot update labels through pod status`);
  if (!deepEqual(now.status?.resourceClaimStatuses ?? [], before.status?.resourceClaimStatuses ?? []))
    throw refuse(request, `${who} cannot update resource claim statues`);
  if (!deepEqual(now.status?.extendedResourceClaimStatus, before.status?.extendedResourceClaimStatus))
    throw refuse(request, `${who} cannot update extended resource claim status`);
}

async function checkEviction(request: AdmissionRequest, node: string, lookup: LiveLookup): Promise<void> {
  if (request.operation !== 'CREATE') throw refuse(request, `unexpected operation ${request.operation}`);
  const pod = await podNamed(lookup, request.namespace, request.name);
  if (pod.spec?.nodeName !== node)
    throw refuse(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
}

export function checkPod(request: AdmissionRequest, node: string, lookup: LiveLookup): void | Promise<void> {
  const { operation, subresource } = request;
  if (subresource === 'status') return checkStatus(request, node);
  if (subresource === 'eviction') return checkEviction(request, node, lookup);
  const who = `node ${JSON.stringify(node)}`;
  if (subresource !== '') {
    const what = `unexpected pod subresource ${JSON.stringify(subresource)}`;
    throw refuse(request, `${what}, only 'status' and 'eviction' are allowed`);
  }
  if (operation === 'CREATE') return checkNew(request, node, lookup);
  if (operation !== 'DELETE') {
    const what = `unexpected operation ${JSON.stringify(operation)}`;
    throw refuse(request, `${what}, ${who} can only create and delete mirror pods`);
  }
  if ((request.old as StoredPod).spec?.nodeName !== node)
    throw refuse(request, `${who} can only delete pods with spec.nodeName set to itself`);
}
