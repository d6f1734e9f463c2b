// The downward API: which fields of a pod and which resources of a container may be referred to, in variables and in files.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isQualifiedName } from '../../../machinery/names.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import type { ObjectFieldSelector, ResourceFieldSelector } from '../../generated/core-v1.ts';
import { addInvalid, type Findings } from '../collect.ts';

export const ENV_FIELDS: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export const VOLUME_FIELDS: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Fields that Kubernetes can look up at all; `spec.host` is an old name. */
const KNOWN_FIELDS = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]);

const WITH_SUBSCRIPT = /^(.+)\['(.*)'\]$/s;

interface Looked {
  readonly path: string;
  readonly subscript: string | undefined;
  readonly problem?: string;
}

function lookUp(fieldPath: string): Looked {
  const parts = WITH_SUBSCRIPT.exec(fieldPath);
  if (parts !== null) {
    const path = parts[1] ?? '';
    if (path === 'metadata.annotations' || path === 'metadata.labels') return { path, subscript: parts[2] ?? '' };
    return { path, subscript: undefined, problem: `field label does not support subscript: ${fieldPath}` };
  }
  if (KNOWN_FIELDS.has(fieldPath)) return { path: fieldPath, subscript: undefined };
  if (fieldPath === 'spec.host') return { path: 'spec.nodeName', subscript: undefined };
  return { path: fieldPath, subscript: undefined, problem: `field label not supported: ${fieldPath}` };
}

export function checkFieldSelector(
  selector: ObjectFieldSelector,
  path: FieldPath,
  allowed: readonly string[],
  out: Findings,
): void {
  if (!selector.apiVersion) {
    out.push(fieldErrors.required(path.child('apiVersion')));
    return;
  }
  const field = selector.fieldPath ?? '';
  if (field === '') {
    out.push(fieldErrors.required(path.child('fieldPath')));
    return;
  }
  const looked: Looked =
    selector.apiVersion === 'v1'
      ? lookUp(field)
      : { path: field, subscript: undefined, problem: `unsupported pod version: ${selector.apiVersion}` };
  if (looked.problem !== undefined) {
    out.push(fieldErrors.invalid(path.child('fieldPath'), field, `error converting fieldPath: ${looked.problem}`));
  } else if (looked.subscript !== undefined) {
    const key = looked.path === 'metadata.annotations' ? looked.subscript.toLowerCase() : looked.subscript;
    addInvalid(key, path, isQualifiedName(key), out);
  } else if (!allowed.includes(looked.path)) {
    out.push(fieldErrors.notSupported(path.child('fieldPath'), looked.path, allowed));
  }
}

const RESOURCE_FIELDS: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** Which divisors a resource takes, and how Kubernetes names the resource when it refuses one. */
const DIVISORS: readonly { readonly of: RegExp; readonly allowed: readonly string[]; readonly message: string }[] = [
  {
    of: /^(limits|requests)\.cpu$/,
    allowed: ['1m', '1'],
    message: "only divisor's values 1m and 1 are supported with the cpu resource",
  },
  ...(
    [
      [/^(limits|requests)\.memory$/, 'memory'],
      [/^(limits|requests)\.ephemeral-storage$/, 'local ephemeral storage'],
      [/^(limits|requests)\.hugepages-/, 'hugepages'],
    ] as const
  ).map(([of, title]) => ({
    of,
    allowed: BYTE_DIVISORS,
    message: `only divisor's values ${BYTE_DIVISORS.join(', ')} are supported with the ${title} resource`,
  })),
];

export function checkResourceFieldSelector(
  selector: ResourceFieldSelector,
  path: FieldPath,
  inVolume: boolean,
  out: Findings,
): void {
  const resource = selector.resource ?? '';
  if (inVolume && !selector.containerName) out.push(fieldErrors.required(path.child('containerName')));
  else if (resource === '') out.push(fieldErrors.required(path.child('resource')));
  else if (!RESOURCE_FIELDS.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource))
    out.push(fieldErrors.notSupported(path.child('resource'), resource, RESOURCE_FIELDS));
  checkDivisor(resource, String(selector.divisor ?? '0'), path.child('divisor'), out);
}

function checkDivisor(resource: string, divisor: string, path: FieldPath, out: Findings): void {
  const quantity = parseQuantity(divisor);
  if (quantity.isZero()) return;
  const rule = DIVISORS.find((d) => d.of.test(resource));
  if (rule !== undefined && !rule.allowed.includes(quantity.toString()))
    out.push(fieldErrors.invalid(path, resource, rule.message));
}
