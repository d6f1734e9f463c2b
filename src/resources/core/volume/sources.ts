// The plugins a PersistentVolume may have, in the order in which Kubernetes looks for them.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { checkDnsLabel, checkDnsSubdomain, checkNoBacksteps, checkPresent, type Findings } from '../../common/index.ts';
import * as sources from '../../common/pod/volume-sources.ts';
import type {
  CSIPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  PersistentVolume,
  PersistentVolumeSpec,
  SecretReference,
} from '../../generated/core-v1.ts';

export const VOLUME_SOURCES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies readonly (keyof PersistentVolumeSpec)[];

export type SourceKind = (typeof VOLUME_SOURCES)[number];
type Given<K extends SourceKind> = NonNullable<PersistentVolumeSpec[K]>;
type Check<K extends SourceKind> = (source: Given<K>, path: FieldPath, out: Findings, volume: PersistentVolume) => void;

function needs<K extends SourceKind>(...names: readonly string[]): Check<K> {
  return (source, path, out) => sources.checkFields(source, names, path, out);
}

const CHECKS: { readonly [K in SourceKind]: Check<K> } = {
  hostPath: sources.checkHostPath,
  gcePersistentDisk: sources.checkGcePersistentDisk,
  awsElasticBlockStore: sources.checkAwsElasticBlockStore,
  glusterfs: checkGlusterfs,
  flocker: sources.checkFlocker,
  nfs: sources.checkNfs,
  rbd: needs('monitors', 'image'),
  quobyte: sources.checkQuobyte,
  cephfs: needs('monitors'),
  iscsi: (source, path, out, volume) => sources.checkPersistentIscsi(source, path, volume.metadata.name ?? '', out),
  cinder: (source, path, out) => {
    sources.checkFields(source, ['volumeID'], path, out);
    sources.checkSecretRef(source.secretRef, path, ['name', 'namespace'], out);
  },
  fc: sources.checkFc,
  flexVolume: sources.checkFlexVolume,
  azureFile: (source, path, out) => {
    sources.checkFields(source, ['secretName', 'shareName'], path, out);
    if (source.secretNamespace === '') out.push(fieldErrors.required(path.child('secretNamespace')));
  },
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk: sources.checkAzureDisk,
  scaleIO: needs('gateway', 'system', 'volumeName'),
  local: (source, path, out) => {
    if (checkPresent(source.path, path.child('path'), out)) checkNoBacksteps(source.path, path.child('path'), out);
  },
  storageos: (source, path, out) => {
    sources.checkStorageOs(source, path, out);
    sources.checkSecretRef(source.secretRef, path, ['name', 'namespace'], out);
  },
  csi: checkCsi,
};

/** Where Kubernetes' names in errors differ from the fields: "more than one" errors, and the plugin's own. */
const MANY_NAMES: Partial<Record<SourceKind, string>> = { cephfs: 'cephFS' };
const OWN_NAMES: Partial<Record<SourceKind, string>> = { gcePersistentDisk: 'persistentDisk' };

function checkGlusterfs(source: GlusterfsPersistentVolumeSource, path: FieldPath, out: Findings): void {
  sources.checkFields(source, ['endpoints', 'path'], path, out);
  const namespace = source.endpointsNamespace;
  if (namespace === undefined) return;
  const at = path.child('endpointsNamespace');
  if (namespace === '')
    out.push(fieldErrors.invalid(at, namespace, 'if the endpointnamespace is set, it must be a valid namespace name'));
  else checkDnsLabel(namespace, at, out);
}

function checkCsi(source: CSIPersistentVolumeSource, path: FieldPath, out: Findings): void {
  sources.checkCsiDriverName(source.driver ?? '', path.child('driver'), out);
  checkPresent(source.volumeHandle, path.child('volumeHandle'), out);
  for (const field of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const) {
    const secret = source[field];
    if (secret) checkSecret(secret, path.child(field), out);
  }
}

function checkSecret(secret: SecretReference, path: FieldPath, out: Findings): void {
  if (checkPresent(secret.name, path.child('name'), out)) checkDnsSubdomain(secret.name ?? '', path.child('name'), out);
  if (checkPresent(secret.namespace, path.child('namespace'), out))
    checkDnsLabel(secret.namespace ?? '', path.child('namespace'), out);
}

function checkOne<K extends SourceKind>(kind: K, volume: PersistentVolume, path: FieldPath, out: Findings): void {
  const source = volume.spec?.[kind];
  if (source) CHECKS[kind](source as Given<K>, path.child(OWN_NAMES[kind] ?? kind), out, volume);
}

export function checkVolumeSource(volume: PersistentVolume, path: FieldPath, out: Findings): void {
  let found = false;
  for (const kind of VOLUME_SOURCES) {
    if (!volume.spec?.[kind]) continue;
    // A flex volume is checked even as the second one.
    if (found && kind !== 'flexVolume') {
      out.push(fieldErrors.forbidden(path.child(MANY_NAMES[kind] ?? kind), 'may not specify more than 1 volume type'));
      continue;
    }
    checkOne(kind, volume, path, out);
    if (kind === 'local' && !volume.spec.nodeAffinity)
      out.push(fieldErrors.required(path.child('nodeAffinity'), 'Local volume requires node affinity'));
    found = true;
  }
  if (!found) out.push(fieldErrors.required(path, 'must specify a volume type'));
}
