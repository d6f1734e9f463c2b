// What the downward API can say of a pod: its fields and its containers' resources.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '../../resources/generated/core-v1.ts';
import { allContainers, specOf } from '../pod/identity.ts';

export interface FieldContext {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** What the kubelet itself has written on its copy of the pod. */
  readonly ownAnnotations?: Readonly<Record<string, string>>;
}

function annotationsOf(context: FieldContext): Record<string, string> {
  return { ...context.ownAnnotations, ...context.pod.metadata.annotations };
}

function mapText(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join('\n');
}

const BARE: Record<string, (c: FieldContext) => string> = {
  'metadata.name': (c) => c.pod.metadata.name ?? '',
  'metadata.namespace': (c) => c.pod.metadata.namespace ?? '',
  'metadata.uid': (c) => c.pod.metadata.uid ?? '',
  'metadata.labels': (c) => mapText(c.pod.metadata.labels),
  'metadata.annotations': (c) => mapText(annotationsOf(c)),
  'spec.nodeName': (c) => specOf(c.pod).nodeName ?? '',
  'spec.serviceAccountName': (c) => specOf(c.pod).serviceAccountName ?? '',
  'status.podIP': (c) => c.podIps[0] ?? '',
  'status.podIPs': (c) => c.podIps.join(','),
  'status.hostIP': (c) => c.hostIps[0] ?? '',
  'status.hostIPs': (c) => c.hostIps.join(','),
};

const KEYED = /^metadata\.(labels|annotations)\['(.*)'\]$/s;

export function fieldValue(selector: ObjectFieldSelector, context: FieldContext): string {
  const bare = Object.hasOwn(BARE, selector.fieldPath) ? BARE[selector.fieldPath] : undefined;
  if (bare !== undefined) return bare(context);
  const keyed = KEYED.exec(selector.fieldPath);
  if (keyed === null) throw new Error(`unsupported fieldPath: ${selector.fieldPath}`);
  const [, kind, key] = keyed;
  const map = kind === 'labels' ? context.pod.metadata.labels : annotationsOf(context);
  return map !== undefined && key !== undefined && Object.hasOwn(map, key) ? (map[key] ?? '') : '';
}

function rawResource(container: Pick<Container, 'resources'>, resource: string, context: FieldContext): string {
  const [kind, ...rest] = resource.split('.');
  const name = rest.join('.');
  const { limits, requests } = container.resources ?? {};
  if (kind === 'limits') return limits?.[name] ?? context.allocatable[name] ?? '0';
  if (kind === 'requests') return requests?.[name] ?? '0';
  throw new Error(`unsupported container resource : ${resource}`);
}

function ceilDiv(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : (a + b - 1n) / b;
}

/** The amount in units of the divisor, rounded up. A limit that is not set is what the node has. */
export function resourceValue(
  selector: ResourceFieldSelector,
  container: Pick<Container, 'name' | 'resources'> | undefined,
  context: FieldContext,
): string {
  const named = selector.containerName ?? '';
  const target = named === '' ? container : allContainers(context.pod).find((c) => c.spec.name === named)?.spec;
  if (target === undefined) throw new Error(`container ${named} not found`);
  const amount = parseQuantity(rawResource(target, selector.resource, context));
  const divisor = parseQuantity(selector.divisor === undefined || selector.divisor === '0' ? '1' : selector.divisor);
  const fine = selector.resource.endsWith('.cpu');
  if (fine) return String(ceilDiv(amount.milliValue(), divisor.milliValue()));
  return String(ceilDiv(amount.value(), divisor.value()));
}
