// Validation of CertificateSigningRequests: new ones, and what each of the doors (main, approval, status) may change.
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { ErrorList } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import type { CertificateSigningRequest } from '../generated/certificates-v1.ts';
import { certificatesProblem, requestProblem } from './pem.ts';
import { checkSignerName } from './signer-name.ts';

const SPEC = FieldPath.of('spec');
const CONDITIONS = FieldPath.of('status', 'conditions');
const CERTIFICATE = FieldPath.of('status', 'certificate');
const MIN_SECONDS = 600;
const DECISIONS = ['Approved', 'Denied', 'Failed'];
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';

function checkUsages(found: ErrorList, usages: readonly string[]): void {
  const path = SPEC.child('usages');
  if (usages.length === 0) found.required(path);
  usages.forEach((usage, i) => {
    found.oneOf(path.index(i), usage, USAGES);
  });
  const seen = new Set<string>();
  usages.forEach((usage, i) => {
    if (seen.has(usage)) found.duplicate(path.index(i), usage);
    seen.add(usage);
  });
}

function checkConditions(found: ErrorList, request: CertificateSigningRequest): void {
  const seen = new Set<string>();
  request.status?.conditions?.forEach((condition, i) => {
    const path = CONDITIONS.index(i);
    const { type = '', status = '' } = condition;
    if (type === '') found.required(path.child('type'));
    const allowed = DECISIONS.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') found.required(path.child('status'));
    else found.oneOf(path.child('status'), status, allowed);
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : '';
    if (opposite !== '' && seen.has(opposite))
      found.invalid(path.child('type'), type, 'Approved and Denied conditions are mutually exclusive');
    if (seen.has(type)) found.duplicate(path.child('type'), type);
    seen.add(type);
  });
}

/** Old objects may keep what was allowed when they were made: then the spec is not looked at. */
function checkRequest(found: ErrorList, request: CertificateSigningRequest): void {
  const { request: pem, signerName = '', usages = [], expirationSeconds } = request.spec ?? {};
  const problem = requestProblem(pem);
  if (problem !== undefined) found.invalid(SPEC.child('request'), pem ?? null, problem);
  checkUsages(found, usages);
  if (signerName === LEGACY_SIGNER)
    found.invalid(SPEC.child('signerName'), signerName, 'the legacy signerName is not allowed via this API version');
  else checkSignerName(found, signerName, SPEC.child('signerName'));
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS)
    found.invalid(
      SPEC.child('expirationSeconds'),
      expirationSeconds,
      `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
    );
}

function checkStatus(found: ErrorList, request: CertificateSigningRequest): void {
  checkConditions(found, request);
  const certificate = request.status?.certificate ?? '';
  if (certificate === '') return;
  const problem = certificatesProblem(Buffer.from(certificate, 'base64').toString('latin1'));
  if (problem !== undefined) found.invalid(CERTIFICATE, '<certificate data>', problem);
}

export function validateRequest(request: CertificateSigningRequest): FieldError[] {
  const found = new ErrorList();
  checkRequest(found, request);
  checkStatus(found, request);
  return found.errors;
}

interface Door {
  readonly mayDecide: boolean;
  readonly mayIssue: boolean;
}

function checkDecisions(
  found: ErrorList,
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  door: Door,
): void {
  for (const type of DECISIONS) {
    const now = request.status?.conditions?.filter((one) => one.type === type) ?? [];
    const before = old.status?.conditions?.filter((one) => one.type === type) ?? [];
    if (now.length < before.length)
      found.forbidden(CONDITIONS, `updates may not remove a condition of type ${JSON.stringify(type)}`);
    else if (now.length > before.length && !door.mayDecide && type !== 'Failed')
      found.forbidden(CONDITIONS, `updates may not add a condition of type ${JSON.stringify(type)}`);
    else if (now.length === before.length && !semanticEqual(now, before))
      found.forbidden(CONDITIONS, `updates may not modify a condition of type ${JSON.stringify(type)}`);
  }
}

export function validateRequestUpdate(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  door: Door,
): FieldError[] {
  const found = new ErrorList();
  if (!semanticEqual(request.spec, old.spec)) checkRequest(found, request);
  checkStatus(found, request);
  checkDecisions(found, request, old, door);
  const now = request.status?.certificate ?? '';
  const before = old.status?.certificate ?? '';
  if (now !== before) {
    if (!door.mayIssue) found.forbidden(CERTIFICATE, 'updates may not set certificate content');
    else if (before !== '') found.forbidden(CERTIFICATE, 'updates may not modify existing certificate content');
  }
  return found.errors;
}
