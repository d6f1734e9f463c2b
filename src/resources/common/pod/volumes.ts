// A pod's volumes: names, exactly one plugin each, and what that plugin needs.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../../machinery/names.ts';
import type { Volume } from '../../generated/core-v1.ts';
import type { Findings } from '../collect.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../names.ts';
import { isNegative } from '../resource-lists.ts';
import { checkClaimTemplate } from '../volume-claim.ts';
import { checkConfigMapVolume, checkDownwardApiVolume, checkProjectedVolume, checkSecretVolume } from './projected.ts';
import type { PodScope } from './scope.ts';
import * as sources from './volume-sources.ts';

type VolumeKind = Exclude<keyof Volume, 'name'>;
type Given<K extends VolumeKind> = NonNullable<Volume[K]>;

interface Plugin {
  readonly kind: VolumeKind;
  /** The name in "more than one" errors and in the plugin's own, where Kubernetes' differs from the field. */
  readonly many?: string;
  readonly own?: string;
  readonly check: (volume: Volume, path: FieldPath, scope: PodScope) => void;
}

/** A row for a plugin whose check needs no more than its source. */
function plugin<K extends VolumeKind>(
  kind: K,
  check: (source: Given<K>, path: FieldPath, out: Findings) => void,
  names: { many?: string; own?: string } = {},
): Plugin {
  return {
    kind,
    ...names,
    check: (volume, path, scope) => check(volume[kind] as Given<K>, path, scope.out),
  };
}

/** A row for a plugin that only needs some fields to be there. */
function fields<K extends VolumeKind>(kind: K, required: readonly string[], names: { many?: string } = {}): Plugin {
  return plugin(kind, (source, path, out) => sources.checkFields(source, required, path, out), names);
}

/** In Kubernetes' order: the first plugin found counts, all others are one too many. */
const PLUGINS: readonly Plugin[] = [
  plugin('emptyDir', (source, path, out) => {
    if (source.sizeLimit !== undefined && isNegative(String(source.sizeLimit)))
      out.push(fieldErrors.forbidden(path.child('sizeLimit'), 'SizeLimit field must be a valid resource quantity'));
  }),
  plugin('hostPath', sources.checkHostPath),
  plugin('gitRepo', sources.checkGitRepo),
  plugin('gcePersistentDisk', sources.checkGcePersistentDisk, { own: 'persistentDisk' }),
  plugin('awsElasticBlockStore', sources.checkAwsElasticBlockStore),
  plugin('secret', checkSecretVolume),
  plugin('nfs', sources.checkNfs),
  plugin('iscsi', sources.checkIscsi),
  fields('glusterfs', ['endpoints', 'path']),
  plugin('flocker', sources.checkFlocker),
  fields('persistentVolumeClaim', ['claimName']),
  fields('rbd', ['monitors', 'image']),
  plugin('cinder', (source, path, out) => {
    sources.checkFields(source, ['volumeID'], path, out);
    sources.checkSecretRef(source.secretRef, path, ['name'], out);
  }),
  fields('cephfs', ['monitors'], { many: 'cephFS' }),
  plugin('quobyte', sources.checkQuobyte),
  plugin('downwardAPI', checkDownwardApiVolume, { many: 'downwarAPI' }),
  plugin('fc', sources.checkFc),
  plugin('flexVolume', sources.checkFlexVolume),
  plugin('configMap', checkConfigMapVolume),
  fields('azureFile', ['secretName', 'shareName']),
  fields('vsphereVolume', ['volumePath']),
  fields('photonPersistentDisk', ['pdID']),
  fields('portworxVolume', ['volumeID']),
  plugin('azureDisk', sources.checkAzureDisk),
  plugin('storageos', (source, path, out) => {
    sources.checkStorageOs(source, path, out);
    sources.checkSecretRef(source.secretRef, path, ['name'], out);
  }),
  {
    kind: 'projected',
    check: (volume, path, scope) => checkProjectedVolume(volume.projected ?? {}, path, scope),
  },
  fields('scaleIO', ['gateway', 'system', 'volumeName']),
  plugin('csi', (source, path, out) => {
    sources.checkCsiDriverName(source.driver ?? '', path.child('driver'), out);
    // As measured: a name that is missing is told to be no name as well.
    if (!source.driver) checkDnsSubdomain('', path.child('driver'), out);
    const secret = source.nodePublishSecretRef;
    if (!secret) return;
    if (!secret.name) out.push(fieldErrors.required(path.child('nodePublishSecretRef', 'name')));
    else checkDnsSubdomain(secret.name, path.child('name'), out);
  }),
  { kind: 'ephemeral', check: checkEphemeral },
  {
    kind: 'image',
    check: (volume, path, { out, rules }) => {
      if (rules.isPod && !volume.image?.reference) out.push(fieldErrors.required(path.child('reference')));
      checkPullPolicy(volume.image?.pullPolicy, path.child('pullPolicy'), out);
    },
  },
];

const PULL_POLICIES: readonly string[] = ['Always', 'IfNotPresent', 'Never'];

export function checkPullPolicy(policy: string | undefined, path: FieldPath, out: Findings): void {
  if (policy === undefined || policy === '') out.push(fieldErrors.required(path));
  else if (!PULL_POLICIES.includes(policy)) out.push(fieldErrors.notSupported(path, policy, PULL_POLICIES));
}

function checkEphemeral(volume: Volume, path: FieldPath, scope: PodScope): void {
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (!template) scope.out.push(fieldErrors.required(path.child('volumeClaimTemplate')));
  else checkClaimTemplate(template, path.child('volumeClaimTemplate'), scope.out);
}

const PLUGIN_OF = new Map<string, Plugin>(PLUGINS.map((p) => [p.kind, p]));

function checkSource(volume: Volume, path: FieldPath, scope: PodScope): void {
  const given = Object.keys(volume).filter(
    (key) => PLUGIN_OF.has(key) && volume[key as VolumeKind] !== undefined && volume[key as VolumeKind] !== null,
  );
  if (given.length === 0) scope.out.push(fieldErrors.required(path, 'must specify a volume type'));
  else if (given.length === 1) checkPlugin(PLUGIN_OF.get(given[0] ?? ''), volume, path, scope);
  else {
    let found = false;
    for (const row of PLUGINS) {
      if (!given.includes(row.kind)) continue;
      if (found)
        scope.out.push(
          fieldErrors.forbidden(path.child(row.many ?? row.kind), 'may not specify more than 1 volume type'),
        );
      else checkPlugin(row, volume, path, scope);
      found = true;
    }
  }
}

function checkPlugin(row: Plugin | undefined, volume: Volume, path: FieldPath, scope: PodScope): void {
  if (row === undefined) return;
  row.check(volume, path.child(row.own ?? row.kind), scope);
  if (row.kind === 'iscsi') checkIscsiLength(volume, path, scope);
  if (row.kind === 'ephemeral') checkClaimName(volume, path, scope);
}

function checkIscsiLength(volume: Volume, path: FieldPath, scope: PodScope): void {
  const portal = volume.iscsi?.targetPortal ?? '';
  if (volume.iscsi?.initiatorName !== undefined && `${volume.name}:${portal}`.length > 64)
    scope.out.push(fieldErrors.invalid(path.child('name'), volume.name, sources.ISCSI_TOO_LONG));
}

/** The claim will be named after the pod and the volume. */
function checkClaimName(volume: Volume, path: FieldPath, scope: PodScope): void {
  if (scope.podName === '' || !volume.name) return;
  const claim = `${scope.podName}-${volume.name}`;
  for (const message of isDns1123Subdomain(claim))
    scope.out.push(
      fieldErrors.invalid(path.child('name'), volume.name, `PVC name ${JSON.stringify(claim)}: ${message}`),
    );
}

export function checkVolumes(volumes: readonly Volume[], path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  const ownClaims = new Set<string>();
  if (scope.podName !== '')
    for (const volume of volumes) if (volume.ephemeral) ownClaims.add(`${scope.podName}-${volume.name}`);
  for (const [i, volume] of volumes.entries()) {
    const at = path.index(i);
    const before = out.length;
    checkSource(volume, at, scope);
    if (!volume.name) out.push(fieldErrors.required(at.child('name')));
    else checkDnsLabel(volume.name, at.child('name'), out);
    if (scope.volumes.has(volume.name)) out.push(fieldErrors.duplicate(at.child('name'), volume.name));
    if (out.length === before) scope.volumes.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName ?? '';
    if (ownClaims.has(claim))
      out.push(
        fieldErrors.invalid(
          at.child('persistentVolumeClaim', 'claimName'),
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
  }
}
