// Resources of the pod as a whole: cpu, memory and huge pages that its containers share. Source: KEP-2837.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import type { PodSpec, ResourceRequirements } from '../../generated/core-v1.ts';
import { type Findings, sortedKeys } from '../collect.ts';
import { checkResourceName, checkResourceRequirements, quantityText } from '../resource-lists.ts';
import { isHugePages, isOvercommitAllowed } from '../resource-names.ts';
import { aggregateContainers } from './requests.ts';
import type { PodScope } from './scope.ts';

function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePages(name);
}

function checkPodResourceName(name: string, path: FieldPath, out: Findings): void {
  const before = out.length;
  checkResourceName(name, path, out);
  if (out.length === before && !isPodLevel(name))
    out.push(fieldErrors.notSupported(path, name, ['cpu', 'hugepages-', 'memory']));
}

export function checkPodResources(resources: ResourceRequirements, path: FieldPath, scope: PodScope): void {
  const { out, spec } = scope;
  if (spec.os?.name === 'windows') {
    out.push(fieldErrors.forbidden(path, 'may not be set for a windows pod'));
    return;
  }
  if (resources.claims !== undefined)
    out.push(fieldErrors.forbidden(path.child('claims'), 'claims may not be set for Resources at pod-level'));
  checkResourceRequirements(
    resources,
    path,
    {
      checkName: checkPodResourceName,
      claimNames: scope.claimNames,
      allowIndivisibleHugePages: scope.rules.allowIndivisibleHugePages,
    },
    out,
  );
  for (const [name, amount] of aggregateContainers(spec, 'requests')) {
    const given = resources.requests?.[name];
    if (given === undefined) continue;
    const own = parseQuantity(String(given));
    if (amount.cmp(own) > 0)
      out.push(
        fieldErrors.invalid(
          path.child('requests').key(name),
          own.toString(),
          `must be greater than or equal to aggregate container requests of ${amount.toString()}`,
        ),
      );
  }
  checkHugePageLimits(spec, resources, path.child('limits'), out);
  checkContainerLimits(spec, resources, path, out);
}

/** Huge pages are not overcommitted: those of the containers fit into those of the pod. */
function checkHugePageLimits(spec: PodSpec, resources: ResourceRequirements, path: FieldPath, out: Findings): void {
  for (const [name, amount] of aggregateContainers(spec, 'limits')) {
    const given = resources.limits?.[name];
    if (!isHugePages(name) || given === undefined || amount.cmp(parseQuantity(String(given))) <= 0) continue;
    out.push(
      fieldErrors.invalid(
        path.key(name),
        quantityText(String(given)),
        `must be greater than or equal to aggregate container limits of ${amount.toString()}`,
      ),
    );
  }
}

function checkContainerLimits(spec: PodSpec, resources: ResourceRequirements, path: FieldPath, out: Findings): void {
  for (const [i, container] of (spec.containers ?? []).entries()) {
    const limits = container.resources?.limits;
    for (const name of sortedKeys(limits)) {
      const ofPod = resources.limits?.[name];
      const own = String(limits?.[name]);
      if (ofPod === undefined || parseQuantity(own).cmp(parseQuantity(String(ofPod))) <= 0) continue;
      out.push(
        fieldErrors.invalid(
          path.child('containers').index(i).key(name).child('limits'),
          quantityText(own),
          `must be less than or equal to pod limits of ${quantityText(String(ofPod))}`,
        ),
      );
    }
  }
}

/** Fills in what follows from the containers, once the pod has given some figure of its own. */
export function defaultPodResources(spec: PodSpec): void {
  const resources = spec.resources;
  if (resources === undefined) return;
  const given = Object.keys(resources.limits ?? {}).length + Object.keys(resources.requests ?? {}).length;
  if (given === 0) return;
  defaultHugePageLimits(spec, resources);
  if (Object.keys(resources.limits ?? {}).length > 0) defaultRequests(spec, resources);
}

function defaultHugePageLimits(spec: PodSpec, resources: ResourceRequirements): void {
  const limits = { ...resources.limits };
  for (const [name, amount] of aggregateContainers(spec, 'limits'))
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= amount.toString();
  if (Object.keys(limits).length > 0) resources.limits = limits;
}

function defaultRequests(spec: PodSpec, resources: ResourceRequirements): void {
  const requests = { ...resources.requests };
  for (const [name, amount] of aggregateContainers(spec, 'requests'))
    if (isPodLevel(name) && isOvercommitAllowed(name)) requests[name] ??= amount.toString();
  for (const name of Object.keys(resources.limits ?? {}))
    if (isPodLevel(name)) requests[name] ??= String(resources.limits?.[name]);
  if (Object.keys(requests).length > 0) resources.requests = requests;
}
