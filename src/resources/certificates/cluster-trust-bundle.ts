// ClusterTrustBundle: certificates that pods may trust. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#cluster-trust-bundles
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { column, ErrorList, nameColumn, twinOf } from '../checks/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { ClusterTrustBundle } from '../generated/certificates-v1beta1.ts';
import { isCertificate, pemBlocks } from './pem.ts';
import { checkSignerName } from './signer-name.ts';

const MAX_SIZE = 1024 * 1024;
const SIGNER = FieldPath.of('spec', 'signerName');
const BUNDLE = FieldPath.of('spec', 'trustBundle');

function checkName(found: ErrorList, bundle: ClusterTrustBundle): void {
  const signer = bundle.spec?.signerName ?? '';
  const name = bundle.metadata.name ?? '';
  const path = FieldPath.of('metadata', 'name');
  if (signer === '') {
    if (name.includes(':'))
      found.invalid(path, name, 'ClusterTrustBundle without signer name must not have ":" in its name');
    else found.text(path, name, isDns1123Subdomain);
    return;
  }
  const prefix = `${signer.replaceAll('/', ':')}:`;
  if (!name.startsWith(prefix))
    found.invalid(path, name, `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`);
  else found.text(path, name.slice(prefix.length), isDns1123Subdomain);
}

function checkBundle(found: ErrorList, pem: string): void {
  if (Buffer.byteLength(pem) > MAX_SIZE) {
    found.tooLong(BUNDLE, MAX_SIZE);
    return;
  }
  const blocks = pemBlocks(pem);
  if (blocks.length === 0) found.invalid(BUNDLE, '<value omitted>', 'at least one trust anchor must be provided');
  const seen = new Map<string, number>();
  blocks.forEach((block, i) => {
    if (block.type !== 'CERTIFICATE')
      found.invalid(BUNDLE, '<value omitted>', `entry ${i} has bad block type: ${block.type}`);
    else if (block.hasHeaders) found.invalid(BUNDLE, '<value omitted>', `entry ${i} has PEM block headers`);
    else if (!isCertificate(block.bytes))
      found.invalid(BUNDLE, '<value omitted>', `entry ${i} does not parse as X.509`);
    const key = block.bytes.toString('base64');
    const earlier = seen.get(key);
    if (earlier !== undefined)
      found.invalid(BUNDLE, '<value omitted>', `duplicate trust anchor (indices [${earlier} ${i}])`);
    else seen.set(key, i);
  });
}

function validate(bundle: ClusterTrustBundle): FieldError[] {
  const found = new ErrorList();
  checkName(found, bundle);
  const signer = bundle.spec?.signerName ?? '';
  if (signer !== '') checkSignerName(found, signer, SIGNER);
  checkBundle(found, bundle.spec?.trustBundle ?? '');
  return found.errors;
}

function row(version: 'v1beta1' | 'v1alpha1'): ResourceDefinition<ClusterTrustBundle> {
  const stored = 'certificates.k8s.io/v1beta1/clustertrustbundles';
  return defineResource<ClusterTrustBundle>({
    group: 'certificates.k8s.io',
    version,
    kind: 'ClusterTrustBundle',
    plural: 'clustertrustbundles',
    singular: 'clustertrustbundle',
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.certificates.${version}.ClusterTrustBundle`,
    nameRule: 'path-segment',
    unconditionalUpdate: false,
    strategy: {
      validate,
      validateUpdate(bundle, old) {
        const found = new ErrorList().add(validate(bundle));
        found.unchanged(SIGNER, bundle.spec?.signerName ?? '', old.spec?.signerName ?? '');
        return found.errors;
      },
    },
    generation: 'none',
    selectableFields: {
      labels: ['spec.signerName'],
      values: (bundle) => ({ 'spec.signerName': bundle.spec?.signerName ?? '' }),
    },
    columns: [
      nameColumn(),
      column({
        name: 'SignerName',
        description: ['certificates/v1beta1', 'ClusterTrustBundleSpec', 'signerName'],
        cell: (o) => o.spec?.signerName || '<none>',
      }),
    ],
    ...(version === 'v1beta1'
      ? {}
      : { storedAs: twinOf<ClusterTrustBundle>(stored, `certificates.k8s.io/${version}`) }),
  });
}

export const clusterTrustBundleRows = [row('v1beta1'), row('v1alpha1')];
