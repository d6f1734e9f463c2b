// What a pod's status says about resources that its containers were given: devices and their health, claims made for extended resources.
// Source: KEP-4680, KEP-5004
import { FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { checkDnsLabel, checkDnsSubdomain, checkOneOf, type Findings } from '../../common/index.ts';
import type { Container, Pod, ResourceStatus } from '../../generated/core-v1.ts';

const STATUS = FieldPath.of('status');
const HEALTH = { supported: ['Healthy', 'Unhealthy', 'Unknown'] };
const MAX_MESSAGE = 1024;

export function checkAllocatedResources(pod: Pod, out: Findings): void {
  for (const [list, containers] of [
    ['containerStatuses', pod.spec?.containers],
    ['initContainerStatuses', pod.spec?.initContainers],
  ] as const)
    for (const [i, status] of (pod.status?.[list] ?? []).entries()) {
      const container = (containers ?? []).find((c) => c.name === status.name);
      for (const [j, resource] of (status.allocatedResourcesStatus ?? []).entries()) {
        const at = STATUS.child(list).index(i).child('allocatedResourcesStatus').index(j);
        if (container !== undefined) checkAllocatedName(resource.name ?? '', container, at.child('name'), out);
        checkHealth(resource, at.child('resources'), out);
      }
    }
  for (const [i, status] of (pod.status?.ephemeralContainerStatuses ?? []).entries())
    if ((status.allocatedResourcesStatus ?? []).length > 0)
      out.push(
        fieldErrors.forbidden(
          STATUS.child('ephemeralContainerStatuses').index(i).child('allocatedResourcesStatus'),
          'must not be specified in container status',
        ),
      );
}

function checkAllocatedName(name: string, container: Container, path: FieldPath, out: Findings): void {
  const { claims = [], requests = {} } = container.resources ?? {};
  if (!name.startsWith('claim:')) {
    if (!Object.hasOwn(requests, name))
      out.push(fieldErrors.invalid(path, name, "must match one of the container's resource requests"));
    return;
  }
  if (claims.some((claim) => name === `claim:${claim.name}${claim.request ? `/${claim.request}` : ''}`)) return;
  out.push(
    fieldErrors.invalid(
      path,
      name,
      "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty",
    ),
  );
}

function checkHealth(resource: ResourceStatus, path: FieldPath, out: Findings): void {
  const seen = new Set<string>();
  for (const [k, one] of (resource.resources ?? []).entries()) {
    const at = path.index(k);
    checkOneOf(one.health ?? '', at.child('health'), HEALTH, out);
    if (one.message === '') out.push(fieldErrors.required(at.child('message'), 'must be non-empty if specified'));
    else if (Buffer.byteLength(one.message ?? '') > MAX_MESSAGE)
      out.push(fieldErrors.tooLong(at.child('message'), MAX_MESSAGE));
    const id = one.resourceID ?? '';
    if (seen.has(id)) out.push(fieldErrors.duplicate(at.child('resourceID'), id));
    seen.add(id);
  }
}

export function checkExtendedClaims(pod: Pod, out: Findings): void {
  const status = pod.status?.extendedResourceClaimStatus;
  if (!status) return;
  const path = STATUS.child('extendedResourceClaimStatus');
  const mappings = status.requestMappings ?? [];
  if (mappings.length === 0)
    out.push(fieldErrors.required(path.child('requestMappings'), 'at least one request mapping is required'));
  const seen = new Set<string>();
  for (const [i, mapping] of mappings.entries()) {
    const at = path.child('requestMappings').index(i);
    const { containerName = '', resourceName = '', requestName = '' } = mapping;
    checkMapping(pod, { containerName, resourceName }, at, out);
    checkDnsLabel(requestName, path.child('requestName'), out);
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key))
      for (const [field, value] of Object.entries({ containerName, resourceName, requestName }))
        out.push(fieldErrors.duplicate(at.child(field), value));
    seen.add(key);
  }
  if (!status.resourceClaimName) out.push(fieldErrors.required(path.child('resourceClaimName')));
  else checkDnsSubdomain(status.resourceClaimName, path.child('resourceClaimName'), out);
}

function checkMapping(
  pod: Pod,
  mapping: { readonly containerName: string; readonly resourceName: string },
  path: FieldPath,
  out: Findings,
): void {
  const { containerName, resourceName } = mapping;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container = containers.find((c) => c.name === containerName);
  if (container === undefined)
    out.push(
      fieldErrors.invalid(
        path.child('containerName'),
        containerName,
        'must match the name of an entry in spec.initContainers.name or spec.containers.name',
      ),
    );
  else if (!Object.hasOwn(container.resources?.requests ?? {}, resourceName))
    out.push(
      fieldErrors.invalid(
        path.child('resourceName'),
        resourceName,
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests',
      ),
    );
}
