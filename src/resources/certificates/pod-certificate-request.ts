// PodCertificateRequest: a node asks for a certificate of one of its pods (KEP-4317).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { checkConditions, ErrorList, nameAndAge, statusKept, statusSubresource } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PodCertificateRequest } from '../generated/certificates-v1beta1.ts';
import { checkSignerName } from './signer-name.ts';

const SPEC = FieldPath.of('spec');
const MIN_SECONDS = 3600;
const MAX_SECONDS = 91 * 24 * 3600;
const NAMES = ['podName', 'serviceAccountName', 'nodeName'] as const;
const UIDS = ['podUID', 'serviceAccountUID', 'nodeUID'] as const;
const MAX_UID = 128;

function validate(request: PodCertificateRequest): FieldError[] {
  const found = new ErrorList();
  const { spec } = request;
  checkSignerName(found, spec?.signerName ?? '', SPEC.child('signerName'));
  for (const field of NAMES) found.text(SPEC.child(field), spec?.[field] ?? '', isDns1123Subdomain);
  for (const field of UIDS) {
    const uid = spec?.[field] ?? '';
    if (uid === '') found.required(SPEC.child(field), 'must not be empty');
    if (uid.length > MAX_UID) found.tooLong(SPEC.child(field), MAX_UID);
  }
  const seconds = spec?.maxExpirationSeconds;
  const path = SPEC.child('maxExpirationSeconds');
  if (seconds === undefined) found.required(path, 'must be set');
  else if (seconds < MIN_SECONDS) found.invalid(path, seconds, `must be in the range [${MIN_SECONDS}, ${MAX_SECONDS}]`);
  else if (seconds > MAX_SECONDS) found.invalid(path, seconds, `must be in the range [${MIN_SECONDS}, ${MAX_SECONDS}]`);
  return found.errors;
}

export const podCertificateRequests = defineResource<PodCertificateRequest>({
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  singular: 'podcertificaterequest',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.certificates.v1beta1.PodCertificateRequest',
  resetFields: ['status'],
  strategy: {
    applyDefaults(draft) {
      if (draft.spec !== undefined) draft.spec.maxExpirationSeconds ??= 86400;
    },
    ...statusKept<PodCertificateRequest>(),
    validate,
    validateUpdate(request, old) {
      const found = new ErrorList();
      if (!semanticEqual(request.spec, old.spec)) found.invalid(SPEC, request.spec, 'field is immutable');
      return found.errors;
    },
  },
  generation: 'none',
  subresources: {
    status: statusSubresource<PodCertificateRequest>({
      keep: 'metadata',
      validateUpdate: (request) =>
        checkConditions(request.status?.conditions, FieldPath.of('status', 'conditions')).errors,
    }),
  },
  selectableFields: {
    labels: ['spec.signerName', 'spec.podName', 'spec.nodeName'],
    values: ({ spec }) => ({
      'spec.signerName': spec?.signerName ?? '',
      'spec.podName': spec?.podName ?? '',
      'spec.nodeName': spec?.nodeName ?? '',
    }),
  },
  columns: nameAndAge<PodCertificateRequest>(),
});
