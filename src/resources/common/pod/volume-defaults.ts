// Defaults of volumes, as rows: which plugin gets which values where none are given.
import type { Volume, VolumeProjection } from '../../generated/core-v1.ts';
import { defaultClaimSpec } from '../volume-claim.ts';
import { defaultPullPolicy } from './image-name.ts';

const FILE_MODE = 0o644;
const AN_HOUR = 3600;
const A_DAY = 86400;

/** Plain values, shared with PersistentVolumes. Absent and empty both count as not given. */
export const SOURCE_DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  iscsi: { iscsiInterface: 'default' },
  rbd: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
  azureDisk: { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' },
  scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' },
  secret: { defaultMode: FILE_MODE },
  configMap: { defaultMode: FILE_MODE },
  downwardAPI: { defaultMode: FILE_MODE },
  projected: { defaultMode: FILE_MODE },
};

export function defaultSource(kind: string, source: object): void {
  const defaults = SOURCE_DEFAULTS[kind];
  if (defaults === undefined) return;
  const fields = source as Record<string, unknown>;
  // A pointer tells an empty text from none, and so keeps it.
  const keepsEmpty = kind === 'azureDisk';
  for (const name of Object.keys(defaults)) {
    const value = fields[name];
    if (value === undefined || value === null || (value === '' && !keepsEmpty)) fields[name] = defaults[name];
  }
}

export function defaultVolume(volume: Volume): void {
  let given = false;
  for (const kind of Object.keys(volume)) {
    if (kind === 'name') continue;
    const source = volume[kind as keyof Volume];
    if (source === undefined || source === null || typeof source !== 'object') continue;
    given = true;
    defaultSource(kind, source);
  }
  if (!given) volume.emptyDir = {};
  if (volume.hostPath) volume.hostPath.type ??= '';
  for (const file of volume.downwardAPI?.items ?? []) if (file.fieldRef) file.fieldRef.apiVersion ||= 'v1';
  for (const source of volume.projected?.sources ?? []) defaultProjection(source);
  if (volume.ephemeral?.volumeClaimTemplate?.spec) defaultClaimSpec(volume.ephemeral.volumeClaimTemplate.spec);
  if (volume.image) volume.image.pullPolicy ||= defaultPullPolicy(volume.image.reference ?? '');
}

function defaultProjection(source: VolumeProjection): void {
  if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= AN_HOUR;
  if (source.podCertificate) source.podCertificate.maxExpirationSeconds ??= A_DAY;
  for (const file of source.downwardAPI?.items ?? []) if (file.fieldRef) file.fieldRef.apiVersion ||= 'v1';
}
