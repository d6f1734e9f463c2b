// Which certificate requests the cluster's own signers take, and when a request has had its time: all of it pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
import { parseTime } from '../../machinery/time.ts';
import type { CertificateSigningRequest } from '../../resources/generated/certificates-v1.ts';
import type { RequestFacts } from '../shared/context.ts';

type Problem = string | undefined;
type Rule = (facts: RequestFacts, usages: readonly string[]) => Problem;

const NODE_PREFIX = 'system:node:';
const NODES_GROUP = 'system:nodes';

function clientUsages(usages: readonly string[]): Problem {
  const odd = usages.find((u) => !['digital signature', 'key encipherment', 'client auth'].includes(u));
  if (odd !== undefined) return `invalid usage for client certificate: ${odd}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

function sameUsages(usages: readonly string[], wanted: readonly string[]): boolean {
  const rest = usages.filter((u) => u !== 'key encipherment');
  return rest.length === wanted.length && wanted.every((u) => rest.includes(u));
}

function nodeSubject(facts: RequestFacts): Problem {
  if (facts.organizations.length !== 1 || facts.organizations[0] !== NODES_GROUP)
    return 'subject organization is not system:nodes';
  return facts.commonName.startsWith(NODE_PREFIX)
    ? undefined
    : 'subject common name does not begin with "system:node:"';
}

function kubeletClient(facts: RequestFacts, usages: readonly string[]): Problem {
  const subject = nodeSubject(facts);
  if (subject !== undefined) return subject;
  if (facts.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (facts.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (facts.addresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (facts.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return sameUsages(usages, ['digital signature', 'client auth']) ? undefined : 'usages did not match expected';
}

function kubeletServing(facts: RequestFacts, usages: readonly string[]): Problem {
  const subject = nodeSubject(facts);
  if (subject !== undefined) return subject;
  if (facts.dnsNames.length === 0 && facts.addresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (facts.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (facts.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return sameUsages(usages, ['digital signature', 'server auth']) ? undefined : 'usages did not match expected';
}

const SIGNERS: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['kubernetes.io/kube-apiserver-client', (_facts, usages) => clientUsages(usages)],
  ['kubernetes.io/kube-apiserver-client-kubelet', kubeletClient],
  ['kubernetes.io/kubelet-serving', kubeletServing],
]);

/** True when the request has been approved, is for one of our signers, and waits for its certificate. */
export function waitsForCertificate({ spec, status }: CertificateSigningRequest): boolean {
  if (!SIGNERS.has(spec?.signerName ?? '')) return false;
  if ((status?.certificate ?? '') !== '') return false;
  const types = (status?.conditions ?? []).map((c) => c.type);
  return types.includes('Approved') && !types.includes('Denied') && !types.includes('Failed');
}

/** Why the signer refuses the request; undefined when it does not. */
export function refusalOf(signerName: string, facts: RequestFacts, usages: readonly string[]): Problem {
  return SIGNERS.get(signerName)?.(facts, usages);
}

const HOUR = 3_600_000;
const DECIDED_LIFE = HOUR;
const PENDING_LIFE = 24 * HOUR;

/** When the cleaner deletes the request: an hour after it was answered, a day after it was made and nobody answered. */
export function endOfRequest({ metadata, status }: CertificateSigningRequest): number | undefined {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) {
    const made = parseTime(metadata.creationTimestamp ?? '');
    return made === undefined ? undefined : made + PENDING_LIFE;
  }
  const issued = (status?.certificate ?? '') !== '';
  const ends = conditions.flatMap((condition) => {
    const ended =
      condition.type === 'Denied' || condition.type === 'Failed' || (condition.type === 'Approved' && issued);
    const at = parseTime(condition.lastUpdateTime ?? '');
    return ended && at !== undefined ? [at + DECIDED_LIFE] : [];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}
