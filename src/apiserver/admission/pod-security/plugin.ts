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

function policyOf(labels: Readonly<Record<string, string>>, mode: 'enforce' | 'warn'): Policy {
  const level = labels[LABEL + mode];
  const version = labels[`${LABEL}${mode}-version`] ?? 'latest';
  if (level === undefined || level === 'privileged') return { level: 'privileged', version };
  // A label that nobody understands is held to the strictest standard.
  return { level: level === 'baseline' ? 'baseline' : 'restricted', version };
}

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
      const enforce = policyOf(labels, 'enforce');
      const warn = policyOf(labels, 'warn');
      if (enforce.level === 'privileged' && warn.level === 'privileged') return;
      const found = podOf(request, request.object);
      if (found === undefined) return;
      const before = podOf(request, request.old);
      // What ran before may run on: labels and the like can still be changed.
      if (before !== undefined && deepEqual(before.pod.spec, found.pod.spec)) return;
      if (found.isPod) {
        const broken = violations(enforce.level, found.pod);
        if (broken.length > 0) {
          throw refuse(
            request,
            `violates PodSecurity ${JSON.stringify(`${enforce.level}:${enforce.version}`)}: ${violationsText(broken)}`,
          );
        }
      }
      const warned = violations(warn.level, found.pod);
      if (warned.length > 0) {
        request.warn(
          `would violate PodSecurity ${JSON.stringify(`${warn.level}:${warn.version}`)}: ${violationsText(warned)}`,
        );
      }
    },
  };
}
