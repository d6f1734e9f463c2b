// PodSecurity: holds pods to the standard that their namespace's labels ask for.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
import { deepEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { Namespace, PodSpec, PodTemplateSpec } from '../../../resources/generated/core-v1.ts';
import type { LiveCache } from '../../registry/live-cache.ts';
import { refuse } from '../match.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { type Level, type PodToCheck, violations, violationsText } from './checks.ts';

const LABEL = 'pod-security.kubernetes.io/';

interface Policy {
  readonly level: Level;
  readonly version: string;
}

function policyOf(labels: Readonly<Record<string, string>>, mode: 'enforce' | 'audit' | 'warn'): Policy {
  const level = labels[LABEL + mode];
  const version = labels[`${LABEL}${mode}-version`] ?? 'latest';
  if (level === undefined || level === 'privileged') return { level: 'privileged', version };
  // A label that nobody understands is held to the strictest standard.
  return { level: level === 'baseline' ? 'baseline' : 'restricted', version };
}

interface Policies {
  readonly enforce: Policy;
  readonly audit: Policy;
  readonly warn: Policy;
}

const policiesOf = (labels: Readonly<Record<string, string>>): Policies => ({
  enforce: policyOf(labels, 'enforce'),
  audit: policyOf(labels, 'audit'),
  warn: policyOf(labels, 'warn'),
});

const TEMPLATES: ReadonlySet<string> = new Set([
  'replicationcontrollers',
  'podtemplates',
  'replicasets',
  'deployments',
  'statefulsets',
  'daemonsets',
  'jobs',
  'cronjobs',
]);

type Templated = KubeObject & {
  template?: PodTemplateSpec;
  spec?: { template?: PodTemplateSpec; jobTemplate?: { spec?: { template?: PodTemplateSpec } } };
};

function templateOf(object: KubeObject): PodTemplateSpec | undefined {
  const { template, spec } = object as Templated;
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
}

interface Found {
  readonly pod: PodToCheck;
  readonly isPod: boolean;
}

function podOf(request: AdmissionRequest, object: KubeObject | undefined): Found | undefined {
  if (object === undefined) return undefined;
  const { plural } = request.entry.row;
  if (plural === 'pods') {
    const { spec } = object as KubeObject & { spec?: PodSpec };
    return spec === undefined
      ? undefined
      : { pod: { spec, annotations: object.metadata.annotations ?? {} }, isPod: true };
  }
  if (!TEMPLATES.has(plural) || request.subresource !== '') return undefined;
  const template = templateOf(object);
  if (template?.spec === undefined) return undefined;
  return { pod: { spec: template.spec, annotations: template.metadata?.annotations ?? {} }, isPod: false };
}

function applies(request: AdmissionRequest): boolean {
  const { subresource } = request;
  return subresource === '' || (subresource === 'ephemeralcontainers' && request.entry.row.plural === 'pods');
}

export function podSecurity(namespaces: LiveCache<Namespace & KubeObject>): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    operations: ['CREATE', 'UPDATE'],
    validate(request) {
      const { row } = request.entry;
      if (!applies(request) || (row.plural !== 'pods' && !TEMPLATES.has(row.plural))) return;
      const labels = namespaces.get(request.namespace)?.metadata.labels ?? {};
      const policies = policiesOf(labels);
      const { enforce, audit, warn } = policies;
      if ([enforce, audit, warn].every(({ level }) => level === 'privileged')) {
        if (row.plural === 'pods') request.annotate?.(`${LABEL}enforce-policy`, 'privileged:latest');
        return;
      }
      const found = podOf(request, request.object);
      if (found === undefined) return;
      const before = podOf(request, request.old);
      // What ran before may run on: labels and the like can still be changed.
      if (before !== undefined && deepEqual(before.pod.spec, found.pod.spec)) return;
      judge(request, found, policies);
    },
  };
}

const textOf = ({ level, version }: Policy): string => `${level}:${version}`;

/** What a pod does not hold to; undefined when it is as the policy has it. */
function breachOf(policy: Policy, pod: PodToCheck): string | undefined {
  const broken = violations(policy.level, pod);
  return broken.length === 0 ? undefined : `PodSecurity ${JSON.stringify(textOf(policy))}: ${violationsText(broken)}`;
}

/** Told of in the audit log, whatever becomes of the request; warned of only when it is not refused. */
function judge(request: AdmissionRequest, { pod, isPod }: Found, { enforce, audit, warn }: Policies): void {
  const refused = isPod ? breachOf(enforce, pod) : undefined;
  if (isPod) request.annotate?.(`${LABEL}enforce-policy`, textOf(enforce));
  const noted = breachOf(audit, pod);
  if (noted !== undefined) request.annotate?.(`${LABEL}audit-violations`, `would violate ${noted}`);
  if (refused !== undefined) throw refuse(request, `violates ${refused}`);
  const warned = breachOf(warn, pod);
  if (warned !== undefined) request.warn(`would violate ${warned}`);
}
