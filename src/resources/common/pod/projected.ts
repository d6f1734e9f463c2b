// Files that Kubernetes writes into volumes: secrets, config maps, the downward API, and projected volumes that mix them.
// Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type {
  ClusterTrustBundleProjection,
  ConfigMapVolumeSource,
  DownwardAPIVolumeFile,
  DownwardAPIVolumeSource,
  KeyToPath,
  PodCertificateProjection,
  ProjectedVolumeSource,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../../generated/core-v1.ts';
import { addInvalid, checkOneOf, checkPresent, type Findings } from '../collect.ts';
import { checkLabelSelector } from '../labels.ts';
import { nameCheck } from '../object-meta.ts';
import { checkNonReservedPath } from '../paths.ts';
import { checkFieldSelector, checkResourceFieldSelector, VOLUME_FIELDS } from './field-refs.ts';
import type { PodScope } from './scope.ts';

const MODE_RANGE = 'must be a number between 0 and 0777 (octal), both inclusive';

function checkMode(mode: number | undefined, path: FieldPath, out: Findings): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) out.push(fieldErrors.invalid(path, mode, MODE_RANGE));
}

function checkItems(items: readonly KeyToPath[] | undefined, path: FieldPath, out: Findings): void {
  for (const [i, item] of (items ?? []).entries()) checkKeyToPath(item, path.child('items').index(i), out);
}

function checkKeyToPath(item: KeyToPath, path: FieldPath, out: Findings): void {
  checkPresent(item.key, path.child('key'), out);
  checkPresent(item.path, path.child('path'), out);
  checkNonReservedPath(item.path ?? '', path.child('path'), out);
  checkMode(item.mode, path.child('mode'), out);
}

export function checkSecretVolume(source: SecretVolumeSource, path: FieldPath, out: Findings): void {
  checkPresent(source.secretName, path.child('secretName'), out);
  checkMode(source.defaultMode, path.child('defaultMode'), out);
  checkItems(source.items, path, out);
}

export function checkConfigMapVolume(source: ConfigMapVolumeSource, path: FieldPath, out: Findings): void {
  checkPresent(source.name, path.child('name'), out);
  checkMode(source.defaultMode, path.child('defaultMode'), out);
  checkItems(source.items, path, out);
}

export function checkDownwardApiVolume(source: DownwardAPIVolumeSource, path: FieldPath, out: Findings): void {
  checkMode(source.defaultMode, path.child('defaultMode'), out);
  // Kubernetes reports all files at the path of the volume.
  for (const file of source.items ?? []) checkDownwardApiFile(file, path, out);
}

function checkDownwardApiFile(file: DownwardAPIVolumeFile, path: FieldPath, out: Findings): void {
  checkPresent(file.path, path.child('path'), out);
  checkNonReservedPath(file.path ?? '', path.child('path'), out);
  if (file.fieldRef) {
    checkFieldSelector(file.fieldRef, path.child('fieldRef'), VOLUME_FIELDS, out);
    if (file.resourceFieldRef)
      out.push(
        fieldErrors.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      );
  } else if (file.resourceFieldRef)
    checkResourceFieldSelector(file.resourceFieldRef, path.child('resourceFieldRef'), true, out);
  else out.push(fieldErrors.required(path, 'one of fieldRef and resourceFieldRef is required'));
  checkMode(file.mode, path.child('mode'), out);
}

/** Remembers which paths are taken inside one projected volume. */
class TakenPaths {
  private readonly taken = new Set<string>();
  private readonly path: FieldPath;
  private readonly out: Findings;

  constructor(path: FieldPath, out: Findings) {
    this.path = path;
    this.out = out;
  }

  take(target: string | undefined, shown: string): void {
    if (!target) return;
    if (this.taken.has(target)) this.out.push(fieldErrors.invalid(this.path, shown, 'conflicting duplicate paths'));
    else this.taken.add(target);
  }
}

export function checkProjectedVolume(source: ProjectedVolumeSource, path: FieldPath, scope: PodScope): void {
  checkMode(source.defaultMode, path.child('defaultMode'), scope.out);
  const taken = new TakenPaths(path, scope.out);
  for (const [i, projection] of (source.sources ?? []).entries()) {
    checkProjection(projection, { volume: path, source: path.child('sources').index(i) }, taken, scope);
  }
}

interface ProjectionPaths {
  readonly volume: FieldPath;
  readonly source: FieldPath;
}

function checkProjection(projection: VolumeProjection, at: ProjectionPaths, taken: TakenPaths, scope: PodScope): void {
  const { out } = scope;
  let sources = 0;
  for (const kind of ['secret', 'configMap'] as const) {
    const files = projection[kind];
    if (!files) continue;
    sources++;
    checkPresent(files.name, at.source.child(kind, 'name'), out);
    for (const [i, item] of (files.items ?? []).entries()) {
      checkKeyToPath(item, at.source.child(kind, 'items').index(i), out);
      taken.take(item.path, files.name ?? '');
    }
  }
  if (projection.downwardAPI) {
    sources++;
    for (const file of projection.downwardAPI.items ?? []) {
      checkDownwardApiFile(file, at.source.child('downwardAPI'), out);
      taken.take(file.path, file.path);
    }
  }
  if (projection.serviceAccountToken) {
    sources++;
    checkToken(projection.serviceAccountToken, at, scope);
  }
  if (projection.clusterTrustBundle) {
    sources++;
    checkTrustBundle(projection.clusterTrustBundle, at.source.child('clusterTrustBundle'), out);
    taken.take(projection.clusterTrustBundle.path, projection.clusterTrustBundle.path);
  }
  if (projection.podCertificate) {
    sources++;
    checkPodCertificate(projection.podCertificate, at.source.child('podCertificate'), taken, scope);
  }
  if (sources > 1) out.push(fieldErrors.forbidden(at.source, 'may not specify more than 1 volume type per source'));
}

const TEN_MINUTES = 600;

function checkToken(token: ServiceAccountTokenProjection, at: ProjectionPaths, scope: PodScope): void {
  const { out } = scope;
  const seconds = token.expirationSeconds ?? 0;
  const path = at.source.child('serviceAccountToken', 'expirationSeconds');
  if (seconds < TEN_MINUTES)
    out.push(fieldErrors.invalid(path, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > 2 ** 32)
    out.push(fieldErrors.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds'));
  // The path is reported at the volume, not at the token.
  if (!token.path) out.push(fieldErrors.required(at.volume.child('path')));
  else if (!scope.rules.allowNonLocalTokenPath) checkNonReservedPath(token.path, at.volume.child('path'), out);
}

/** Source: KEP-3257. */
function checkTrustBundle(bundle: ClusterTrustBundleProjection, path: FieldPath, out: Findings): void {
  if (bundle.name !== undefined && bundle.signerName !== undefined)
    out.push(fieldErrors.invalid(path, bundle, 'only one of name and signerName may be used'));
  else if (bundle.name !== undefined) {
    if (bundle.name === '') out.push(fieldErrors.required(path.child('name'), 'must be a valid object name'));
    const messages = nameCheck('dns-subdomain')(bundle.name.split(':').at(-1) ?? '', false);
    addInvalid(
      bundle.name,
      path.child('name'),
      messages.map((m) => `not a valid clustertrustbundlename: ${m}`),
      out,
    );
    if (bundle.labelSelector)
      out.push(
        fieldErrors.invalid(
          path.child('labelSelector'),
          bundle.labelSelector,
          'labelSelector must be unset if name is specified',
        ),
      );
  } else if (bundle.signerName !== undefined) {
    checkSignerName(bundle.signerName, path.child('signerName'), out);
    checkLabelSelector(bundle.labelSelector, path.child('labelSelector'), {}, out);
  } else out.push(fieldErrors.required(path, 'either name or signerName must be specified'));
  checkPresent(bundle.path, path.child('path'), out);
  checkNonReservedPath(bundle.path ?? '', path.child('path'), out);
}

/** `example.com/my-signer`. Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#signers */
function checkSignerName(name: string, path: FieldPath, out: Findings): void {
  if (name === '') {
    out.push(fieldErrors.required(path, 'must be a valid signer name'));
    return;
  }
  const slash = name.indexOf('/');
  if (slash < 0 || name.indexOf('/', slash + 1) >= 0) {
    out.push(
      fieldErrors.invalid(
        path,
        name,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    );
    return;
  }
  addInvalid(name.slice(0, slash), path, nameCheck('dns-subdomain')(name.slice(0, slash), false), out);
  for (const label of name.slice(slash + 1).split('.'))
    addInvalid(label, path, nameCheck('dns-label')(label, false), out);
}

const KEY_TYPES = { supported: ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'] };
const HOUR = 3600;
const MAX_CERTIFICATE_AGE = 91 * 24 * HOUR;

/** Source: KEP-4317. */
function checkPodCertificate(
  certificate: PodCertificateProjection,
  path: FieldPath,
  taken: TakenPaths,
  scope: PodScope,
): void {
  const { out } = scope;
  checkSignerName(certificate.signerName ?? '', path.child('signerName'), out);
  checkOneOf(certificate.keyType ?? '', path.child('keyType'), KEY_TYPES, out);
  const seconds = certificate.maxExpirationSeconds;
  if (seconds !== undefined && seconds < HOUR)
    out.push(
      fieldErrors.invalid(
        path.child('maxExpirationSeconds'),
        seconds,
        'if provided, maxExpirationSeconds must be >= 3600',
      ),
    );
  if (seconds !== undefined && seconds > MAX_CERTIFICATE_AGE)
    out.push(
      fieldErrors.invalid(
        path.child('maxExpirationSeconds'),
        seconds,
        'if provided, maxExpirationSeconds must be <= 7862400',
      ),
    );
  let paths = 0;
  for (const field of ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const) {
    const target = certificate[field] ?? '';
    if (target === '') continue;
    paths++;
    checkNonReservedPath(target, path.child(field), out);
    taken.take(target, target);
  }
  if (paths === 0)
    out.push(
      fieldErrors.required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'),
    );
}
