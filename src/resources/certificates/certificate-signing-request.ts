// CertificateSigningRequest. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import { humanDuration } from '../../machinery/duration.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, type Column, defineResource, type ObjectSubresource, type StrategyContext } from '../definition.ts';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../generated/certificates-v1.ts';
import { validateRequest, validateRequestUpdate } from './csr-rules.ts';

type Request = CertificateSigningRequest;

/** Who asks is for the server to say. */
function prepareForCreate(draft: Request, { user }: StrategyContext): void {
  delete draft.status;
  const { spec } = draft;
  if (spec === undefined) return;
  for (const field of ['username', 'uid', 'groups', 'extra'] as const) delete spec[field];
  if (user.username !== '') spec.username = user.username;
  if (user.uid !== undefined && user.uid !== '') spec.uid = user.uid;
  if (user.groups.length > 0) spec.groups = [...user.groups];
  const extra = Object.entries(user.extra ?? {});
  if (extra.length > 0) spec.extra = Object.fromEntries(extra.map(([key, values]) => [key, [...values]]));
}

function restore(draft: Request, field: 'spec' | 'status', old: Request): void {
  const { [field]: value } = old;
  if (value === undefined) delete draft[field];
  else Object.assign(draft, { [field]: value });
}

/** New conditions get the time of now, unless they say otherwise or were there before. */
function fillTimes(draft: Request, old: Request, now: Date): void {
  for (const condition of draft.status?.conditions ?? []) {
    condition.lastUpdateTime ??= rfc3339(now);
    if (condition.lastTransitionTime !== undefined) continue;
    const before = old.status?.conditions?.find(
      (one) => one.type === condition.type && one.status === condition.status,
    );
    condition.lastTransitionTime = before?.lastTransitionTime ?? rfc3339(now);
  }
}

function copyOf(conditions: readonly CertificateSigningRequestCondition[]): CertificateSigningRequestCondition[] {
  return conditions.map((condition) => ({ ...condition }));
}

const approval: ObjectSubresource<Request> = {
  type: 'object',
  verbs: ['get', 'patch', 'update'],
  resetFields: ['spec', 'status.certificate'],
  strategy: {
    prepareForUpdate(draft, old, context) {
      const conditions = copyOf(draft.status?.conditions ?? []);
      restore(draft, 'spec', old);
      const certificate = old.status?.certificate;
      draft.status = {};
      if (conditions.length > 0) draft.status.conditions = conditions;
      if (certificate !== undefined) draft.status.certificate = certificate;
      fillTimes(draft, old, context.now);
    },
    validateUpdate: (request, old) => validateRequestUpdate(request, old, { mayDecide: true, mayIssue: false }),
  },
};

/** Approval has its own door: those conditions come back as they were when this one leaves them out. */
function keepDecisions(draft: Request, old: Request): void {
  const decided = (conditions: readonly CertificateSigningRequestCondition[] | undefined) =>
    (conditions ?? []).filter(({ type }) => type === 'Approved' || type === 'Denied');
  const kept = decided(old.status?.conditions);
  if (kept.length === 0 || decided(draft.status?.conditions).length > 0) return;
  draft.status ??= {};
  draft.status.conditions = [...copyOf(kept), ...(draft.status.conditions ?? [])];
}

const status: ObjectSubresource<Request> = {
  type: 'object',
  verbs: ['get', 'patch', 'update'],
  resetFields: ['spec', 'status.conditions'],
  strategy: {
    prepareForUpdate(draft, old, context) {
      restore(draft, 'spec', old);
      keepDecisions(draft, old);
      fillTimes(draft, old, context.now);
    },
    validateUpdate: (request, old) => validateRequestUpdate(request, old, { mayDecide: false, mayIssue: true }),
  },
};

function conditionText(request: Request): string {
  const conditions = request.status?.conditions ?? [];
  const has = (type: string): boolean => conditions.some((condition) => condition.type === type);
  const parts = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) parts.push('Failed');
  if ((request.status?.certificate ?? '') !== '') parts.push('Issued');
  return parts.join(',');
}

const spec = (field: string): readonly [string, string, string] => [
  'certificates/v1',
  'CertificateSigningRequestSpec',
  field,
];
const COLUMNS: readonly Column<Request>[] = [
  nameColumn(),
  ageColumn(),
  column({ name: 'SignerName', description: spec('signerName'), cell: (o) => o.spec?.signerName || '<none>' }),
  column({ name: 'Requestor', description: spec('request'), cell: (o) => o.spec?.username ?? '' }),
  column({
    name: 'RequestedDuration',
    description: spec('expirationSeconds'),
    cell: ({ spec: s }) => (s?.expirationSeconds === undefined ? '<none>' : humanDuration(s.expirationSeconds * 1000)),
  }),
  column({
    name: 'Condition',
    description: ['certificates/v1', 'CertificateSigningRequestStatus', 'conditions'],
    cell: conditionText,
  }),
];

export const certificateSigningRequests = defineResource<Request>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  nameRule: 'path-segment',
  resetFields: ['spec', 'status'],
  strategy: {
    prepareForCreate,
    prepareForUpdate(draft, old) {
      restore(draft, 'spec', old);
      restore(draft, 'status', old);
    },
    validate: validateRequest,
    validateUpdate: (request, old) => validateRequestUpdate(request, old, { mayDecide: false, mayIssue: false }),
  },
  generation: 'none',
  subresources: { approval, status },
  selectableFields: {
    labels: ['spec.signerName'],
    values: (request) => ({ 'spec.signerName': request.spec?.signerName ?? '' }),
  },
  columns: COLUMNS,
});
