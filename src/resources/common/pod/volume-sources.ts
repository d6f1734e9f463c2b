// Volume plugins: what each needs to be usable, as one table for pods and one for PersistentVolumes.
// Source: https://kubernetes.io/docs/concepts/storage/volumes/#volume-types
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { rangeMessage } from '../../../machinery/names.ts';
import type * as core from '../../generated/core-v1.ts';
import { checkOneOf, checkPresent, type Findings, sortedKeys } from '../collect.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../names.ts';
import { checkDescendingPath, checkNoBacksteps } from '../paths.ts';

const LUN_RANGE = rangeMessage(0, 255);
const PARTITION_RANGE = rangeMessage(1, 255);
const BAD_FORMAT = 'must be valid format';

/** Reports each named field that is absent or empty. */
export function checkFields(source: object, names: readonly string[], path: FieldPath, out: Findings): void {
  const fields = source as Readonly<Record<string, unknown>>;
  for (const name of names) {
    const value = fields[name];
    // A list without items arrives as null.
    if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0))
      out.push(fieldErrors.required(path.child(name)));
  }
}

const HOST_PATH_TYPES: readonly string[] = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function checkHostPath(source: core.HostPathVolumeSource, path: FieldPath, out: Findings): void {
  if (!checkPresent(source.path, path.child('path'), out)) return;
  checkNoBacksteps(source.path, path.child('path'), out);
  if (source.type !== undefined) checkOneOf(source.type, path.child('type'), { supported: HOST_PATH_TYPES }, out);
}

export function checkGitRepo(source: core.GitRepoVolumeSource, path: FieldPath, out: Findings): void {
  checkFields(source, ['repository'], path, out);
  checkDescendingPath(source.directory ?? '', path.child('directory'), out);
}

function checkPartition(partition: number | undefined, path: FieldPath, out: Findings): void {
  if (partition !== undefined && (partition < 0 || partition > 255))
    out.push(fieldErrors.invalid(path.child('partition'), partition, PARTITION_RANGE));
}

export function checkGcePersistentDisk(
  source: core.GCEPersistentDiskVolumeSource,
  path: FieldPath,
  out: Findings,
): void {
  checkFields(source, ['pdName'], path, out);
  checkPartition(source.partition, path, out);
}

export function checkAwsElasticBlockStore(
  source: core.AWSElasticBlockStoreVolumeSource,
  path: FieldPath,
  out: Findings,
): void {
  checkFields(source, ['volumeID'], path, out);
  checkPartition(source.partition, path, out);
}

export function checkNfs(source: core.NFSVolumeSource, path: FieldPath, out: Findings): void {
  checkFields(source, ['server', 'path'], path, out);
  if (!(source.path ?? '').startsWith('/'))
    out.push(fieldErrors.invalid(path.child('path'), source.path ?? '', 'must be an absolute path'));
}

/** iSCSI names. Source: RFC 3720, section 3.2.6. */
const ISCSI_NAMES: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};

function iscsiNameProblem(name: string, unknown: string): string {
  const format = ISCSI_NAMES[name.slice(0, 3)];
  if (format === undefined) return unknown;
  return format.test(name) ? '' : BAD_FORMAT;
}

interface Iscsi {
  readonly targetPortal?: string;
  readonly iqn?: string;
  readonly lun?: number;
  readonly chapAuthDiscovery?: boolean;
  readonly chapAuthSession?: boolean;
  readonly secretRef?: object;
  readonly initiatorName?: string;
}

export function checkIscsi(source: Iscsi, path: FieldPath, out: Findings): void {
  checkFields(source, ['targetPortal'], path, out);
  checkIscsiRest(source, path, 'must be valid format starting with iqn, eui, or naa', out);
}

function checkIscsiRest(source: Iscsi, path: FieldPath, unknown: string, out: Findings): void {
  const iqn = source.iqn ?? '';
  if (checkPresent(iqn, path.child('iqn'), out)) {
    const problem = iscsiNameProblem(iqn, unknown);
    if (problem !== '') out.push(fieldErrors.invalid(path.child('iqn'), iqn, problem));
  }
  const lun = source.lun ?? 0;
  if (lun < 0 || lun > 255) out.push(fieldErrors.invalid(path.child('lun'), lun, LUN_RANGE));
  if ((source.chapAuthDiscovery === true || source.chapAuthSession === true) && !source.secretRef)
    out.push(fieldErrors.required(path.child('secretRef')));
  if (source.initiatorName === undefined) return;
  const problem = iscsiNameProblem(source.initiatorName, unknown);
  if (problem !== '') out.push(fieldErrors.invalid(path.child('initiatorname'), source.initiatorName, problem));
}

export const ISCSI_TOO_LONG =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

export function checkPersistentIscsi(
  source: core.ISCSIPersistentVolumeSource,
  path: FieldPath,
  name: string,
  out: Findings,
): void {
  checkFields(source, ['targetPortal'], path, out);
  if (source.initiatorName !== undefined && `${name}:${source.targetPortal ?? ''}`.length > 64)
    out.push(fieldErrors.invalid(path.child('targetportal'), source.targetPortal ?? '', ISCSI_TOO_LONG));
  checkIscsiRest(source, path, BAD_FORMAT, out);
  if (source.secretRef) checkFields(source.secretRef, ['name'], path.child('secretRef'), out);
}

export function checkFc(source: core.FCVolumeSource, path: FieldPath, out: Findings): void {
  const targets = source.targetWWNs ?? [];
  const ids = source.wwids ?? [];
  const at = path.child('targetWWNs');
  if (targets.length === 0 && ids.length === 0)
    out.push(fieldErrors.required(at, 'must specify either targetWWNs or wwids, but not both'));
  if (targets.length === 0) return;
  if (ids.length > 0)
    out.push(fieldErrors.invalid(at, targets, 'targetWWNs and wwids can not be specified simultaneously'));
  if (source.lun === undefined)
    out.push(fieldErrors.required(path.child('lun'), 'lun is required if targetWWNs is specified'));
  else if (source.lun < 0 || source.lun > 255) out.push(fieldErrors.invalid(path.child('lun'), source.lun, LUN_RANGE));
}

const HOST_PORT_PAIRS = 'must be a host:port pair or multiple pairs separated by commas';

export function checkQuobyte(source: core.QuobyteVolumeSource, path: FieldPath, out: Findings): void {
  const registry = source.registry ?? '';
  if (registry === '') out.push(fieldErrors.required(path.child('registry'), HOST_PORT_PAIRS));
  else if ((source.tenant ?? '').length >= 65)
    out.push(fieldErrors.required(path.child('tenant'), 'must be a UUID and may not exceed a length of 64 characters'));
  else
    for (const pair of registry.split(',')) {
      if (!/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(pair))
        out.push(fieldErrors.invalid(path.child('registry'), registry, HOST_PORT_PAIRS));
    }
  checkFields(source, ['volume'], path, out);
}

export function checkFlocker(source: core.FlockerVolumeSource, path: FieldPath, out: Findings): void {
  const name = source.datasetName ?? '';
  const uuid = source.datasetUUID ?? '';
  if (name === '' && uuid === '')
    out.push(fieldErrors.required(path, 'one of datasetName and datasetUUID is required'));
  if (name !== '' && uuid !== '')
    out.push(fieldErrors.invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  if (name.includes('/')) out.push(fieldErrors.invalid(path.child('datasetName'), name, "must not contain '/'"));
}

export function checkFlexVolume(
  source: core.FlexVolumeSource | core.FlexPersistentVolumeSource,
  path: FieldPath,
  out: Findings,
): void {
  checkFields(source, ['driver'], path, out);
  for (const key of sortedKeys(source.options)) {
    const domain = `.${(key.includes('/') ? key.slice(0, key.indexOf('/')) : key).toLowerCase()}`;
    if (domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io'))
      out.push(
        fieldErrors.invalid(path.child('options').key(key), key, 'kubernetes.io and k8s.io namespaces are reserved'),
      );
  }
}

/** A reference that must name a secret (and its namespace, from a PersistentVolume), where it is given. */
export function checkSecretRef(
  ref: { name?: string; namespace?: string } | undefined,
  path: FieldPath,
  names: readonly string[],
  out: Findings,
): void {
  if (ref) checkFields(ref, names, path.child('secretRef'), out);
}

export function checkStorageOs(
  source: core.StorageOSVolumeSource | core.StorageOSPersistentVolumeSource,
  path: FieldPath,
  out: Findings,
): void {
  if (checkPresent(source.volumeName, path.child('volumeName'), out))
    checkDnsLabel(source.volumeName ?? '', path.child('volumeName'), out);
  if (source.volumeNamespace) checkDnsLabel(source.volumeNamespace, path.child('volumeNamespace'), out);
}

const AZURE_CACHING = { supported: ['None', 'ReadOnly', 'ReadWrite'] };
const AZURE_KINDS = { supported: ['Dedicated', 'Managed', 'Shared'] };
const MANAGED_URI = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

export function checkAzureDisk(source: core.AzureDiskVolumeSource, path: FieldPath, out: Findings): void {
  checkFields(source, ['diskName', 'diskURI'], path, out);
  if (source.cachingMode !== undefined) checkOneOf(source.cachingMode, path.child('cachingMode'), AZURE_CACHING, out);
  if (source.kind === undefined) return;
  checkOneOf(source.kind, path.child('kind'), AZURE_KINDS, out);
  const uri = source.diskURI ?? '';
  const managed = source.kind === 'Managed';
  if (!uri.startsWith(managed ? '/subscriptions/' : 'https://'))
    out.push(fieldErrors.notSupported(path.child('diskURI'), uri, [managed ? MANAGED_URI : BLOB_URI]));
}

export function checkCsiDriverName(name: string, path: FieldPath, out: Findings): void {
  if (!checkPresent(name, path, out)) return;
  if (name.length > 63) out.push(fieldErrors.tooLong(path, 63));
  const lower: Findings = [];
  checkDnsSubdomain(name.toLowerCase(), path, lower);
  for (const error of lower)
    out.push(
      name === name.toLowerCase()
        ? error
        : { ...error, body: error.body.replace(JSON.stringify(name.toLowerCase()), JSON.stringify(name)) },
    );
}
