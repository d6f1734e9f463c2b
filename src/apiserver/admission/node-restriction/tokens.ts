// Which tokens of service accounts a kubelet may ask for: bound to a pod of its own, for an audience that the pod names.
// Sources: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction and
// https://kubernetes.io/docs/reference/access-authn-authz/node/ (ServiceAccountNodeAudienceRestriction, KEP-4412)
import type { KubeObject } from '../../../machinery/object.ts';
import type { TokenRequest } from '../../../resources/generated/authentication-v1.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../../resources/generated/core-v1.ts';
import type { CSIDriver } from '../../../resources/generated/storage-v1.ts';
import type { Authorizer } from '../../auth/authorizer.ts';
import { claimOfVolume } from '../../auth/pod-references.ts';
import type { LiveLookup } from '../lookup.ts';
import { refuse } from '../match.ts';
import type { AdmissionRequest } from '../plugin.ts';
import { podNamed } from './pods.ts';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

interface TokenParts {
  readonly lookup: LiveLookup;
  readonly authorizer: Authorizer;
}

/** The drivers that have taken kinds of volumes over. Source: https://kubernetes.io/docs/concepts/storage/volumes/#csi-migration */
const MIGRATED = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  portworxVolume: 'pxd.portworx.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
} as const;

function migrated(source: Readonly<Partial<Record<keyof typeof MIGRATED, unknown>>>): string {
  for (const [kind, driver] of Object.entries(MIGRATED))
    if ((source[kind as keyof typeof MIGRATED] ?? undefined) !== undefined) return driver;
  return '';
}

async function found<T>(lookup: LiveLookup, [plural, singular]: readonly [string, string], key: string): Promise<T> {
  const [name = '', namespace = ''] = key.split('/').reverse();
  const object = await lookup(plural, namespace, name);
  if (object === undefined) throw new Error(`${singular} ${JSON.stringify(name)} not found`);
  return object as KubeObject as T;
}

/** The CSI driver that mounts a volume of a pod; '' for none. */
async function driverOf(lookup: LiveLookup, pod: Pod & KubeObject, volume: Volume): Promise<string> {
  const claim = claimOfVolume(pod, volume);
  if (claim === undefined) return volume.csi?.driver ?? migrated(volume);
  const { spec } = await found<PersistentVolumeClaim>(
    lookup,
    ['persistentvolumeclaims', 'persistentvolumeclaim'],
    `${pod.metadata.namespace ?? ''}/${claim}`,
  );
  const pv = await found<PersistentVolume>(lookup, ['persistentvolumes', 'persistentvolume'], spec?.volumeName ?? '');
  return pv.spec?.csi?.driver ?? migrated(pv.spec ?? {});
}

async function volumeNames(
  lookup: LiveLookup,
  pod: Pod & KubeObject,
  asked: readonly [Volume, string],
): Promise<boolean> {
  const [volume, audience] = asked;
  const driver = await driverOf(lookup, pod, volume);
  if (driver === '') return false;
  const kind = ['storage.k8s.io/v1/csidrivers', 'csidriver.storage.k8s.io'] as const;
  const { spec } = await found<CSIDriver>(lookup, kind, driver);
  return (spec?.tokenRequests ?? []).some((one) => one.audience === audience);
}

/** Whether a volume of the pod is given tokens for the audience; '' is the API server's. */
async function podNames(lookup: LiveLookup, pod: Pod & KubeObject, audience: string): Promise<boolean> {
  const failures: string[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const tokens = (volume.projected?.sources ?? []).flatMap((source) => source.serviceAccountToken ?? []);
    if (tokens.some((token) => (token.audience ?? '') === audience)) return true;
    try {
      if (await volumeNames(lookup, pod, [volume, audience])) return true;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  if (failures.length === 0) return false;
  const [first = ''] = failures;
  const all = new Set(failures).size === 1 ? first : `[${[...new Set(failures)].join(', ')}]`;
  throw new Error(`error validating audience ${JSON.stringify(audience)}: ${all}`);
}

async function checkAudience(request: AdmissionRequest, pod: Pod & KubeObject, parts: TokenParts): Promise<void> {
  const { audiences } = (request.object as TokenRequest & KubeObject).spec ?? {};
  if ((audiences ?? []).length > 1) throw refuse(request, 'node may only request 0 or 1 audiences');
  const audience = audiences?.[0] ?? '';
  const named = await podNames(parts.lookup, pod, audience).catch((error: unknown) => {
    throw refuse(request, messageOf(error));
  });
  if (named) return;
  const { allowed } = parts.authorizer.authorize({
    user: request.user,
    verb: 'request-serviceaccounts-token-audience',
    isResource: true,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: request.namespace,
    name: request.name,
    path: '',
  });
  if (allowed) return;
  const who = `${request.user.username} is not authorized to request tokens for this audience`;
  throw refuse(request, `audience ${JSON.stringify(audience)} not found in pod spec volume, ${who}`);
}

export async function checkToken(request: AdmissionRequest, node: string, parts: TokenParts): Promise<void> {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const ref = (request.object as TokenRequest & KubeObject).spec?.boundObjectRef ?? undefined;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || (ref.name ?? '') === '')
    throw refuse(request, 'node requested token not bound to a pod');
  const { uid = '', name = '' } = ref;
  if (uid === '') throw refuse(request, 'node requested token with a pod binding without a uid');
  const pod = await podNamed(parts.lookup, request.namespace, name);
  if (uid !== pod.metadata.uid) {
    const what = `the UID in the bound object reference (${uid}) does not match the UID in record`;
    throw refuse(request, `${what}. The object might have been deleted and then recreated`);
  }
  if (pod.spec?.nodeName !== node)
    throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
  await checkAudience(request, pod, parts);
}
