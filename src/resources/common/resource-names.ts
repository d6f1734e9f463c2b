// What Kubernetes knows about names of resources (cpu, memory, hugepages-2Mi, example.com/gpu): which are standard, whole numbers, may be overcommitted.
// Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-types
import { isQualifiedName } from '../../machinery/names.ts';
import { parseQuantity } from '../../machinery/quantity.ts';

const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);

const COUNTED_OBJECTS = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];

const QUOTA_RESOURCES = new Set([
  ...COUNTED_OBJECTS,
  ...CONTAINER_RESOURCES,
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'requests.storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);

const STANDARD_RESOURCES = new Set([...QUOTA_RESOURCES, 'storage']);

const WHOLE_NUMBERS = new Set(COUNTED_OBJECTS);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

function isQuotaHugePages(name: string): boolean {
  return isHugePages(name) || name.startsWith('requests.hugepages-');
}

/** Kubernetes' own: without a domain, or under kubernetes.io. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false;
  return isQualifiedName(`requests.${name}`).length === 0;
}

/** Requests may lie below limits. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

export function isStandardResource(name: string): boolean {
  return STANDARD_RESOURCES.has(name) || isQuotaHugePages(name);
}

export function isStandardContainerResource(name: string): boolean {
  return CONTAINER_RESOURCES.has(name) || isHugePages(name);
}

export function isStandardQuotaResource(name: string): boolean {
  return QUOTA_RESOURCES.has(name) || isQuotaHugePages(name);
}

export function isIntegerResource(name: string): boolean {
  return WHOLE_NUMBERS.has(name) || isExtendedResource(name);
}

/** `hugepages-2Mi: 3Mi` is no whole number of pages. */
export function isWholePages(name: string, amount: string): boolean {
  let size: bigint;
  try {
    size = parseQuantity(name.slice('hugepages-'.length)).value();
  } catch {
    return false;
  }
  return size > 0n && parseQuantity(amount).value() % size === 0n;
}
