// ResourceSlice: devices of a driver that a node, or several, can reach. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Device, DeviceAttribute, ResourceSlice, ResourceSliceSpec } from '../generated/resource-v1.ts';
import { SPEC } from './claim-rules.ts';
import { checkCount, checkDriver, checkTaint } from './device-rules.ts';

const MAX_DEVICES = 128;
const MAX_DEVICES_WITH_EXTRAS = 64;
const MAX_ATTRIBUTES = 32;
const MAX_TAINTS = 16;
const MAX_COUNTER_SETS = 8;
const MAX_TEXT = 64;
const MAX_NAME = 253;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NODE_CHOICE = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

function checkAttributeName(found: ErrorList, name: string, path: FieldPath): void {
  const [first = '', second, ...more] = name.split('/');
  const identifier = second ?? first;
  if (name === '') found.required(path);
  else if (more.length > 0) found.invalid(path, name, 'must not contain more than one slash');
  else {
    if (second !== undefined) found.text(path, first, isDns1123Subdomain);
    if (!IDENTIFIER.test(identifier)) found.invalid(path, identifier, 'must be a C identifier');
  }
}

function checkAttribute(found: ErrorList, attribute: DeviceAttribute, path: FieldPath): void {
  const set = Object.values(attribute).filter((value) => value !== undefined && value !== null);
  if (set.length === 0) found.required(path, 'exactly one value must be specified');
  if (set.length > 1) found.invalid(path, attribute, 'exactly one value must be specified');
  for (const field of ['string', 'version'] as const)
    if (Buffer.byteLength(attribute[field] ?? '') > MAX_TEXT) found.tooLong(path.child(field), MAX_TEXT);
}

function checkDevice(found: ErrorList, device: Device, path: FieldPath): void {
  const name = device.name ?? '';
  if (name === '') found.required(path.child('name'));
  else found.text(path.child('name'), name, isDns1123Label);
  const attributes = Object.entries(device.attributes ?? {});
  const capacities = Object.keys(device.capacity ?? {});
  const total = attributes.length + capacities.length;
  if (total > MAX_ATTRIBUTES)
    found.invalid(path, total, `the total number of attributes and capacities must not exceed ${MAX_ATTRIBUTES}`);
  for (const [key, value] of attributes) {
    checkAttributeName(found, key, path.child('attributes').key(key));
    checkAttribute(found, value, path.child('attributes').key(key));
  }
  for (const key of capacities) checkAttributeName(found, key, path.child('capacity').key(key));
  checkCount(found, device.taints, path.child('taints'), MAX_TAINTS);
  device.taints?.forEach((taint, i) => {
    checkTaint(found, taint, path.child('taints').index(i));
  });
}

const PER_DEVICE =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
const NOT_PER_DEVICE =
  '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';

/** Where a device can be reached, for slices that say so of each device. */
function checkDeviceNodes(found: ErrorList, device: Device, path: FieldPath, perDevice: boolean): void {
  const { nodeName, nodeSelector, allNodes } = device;
  const given = nodeName !== undefined || nodeSelector !== undefined || allNodes !== undefined;
  if (!perDevice) {
    if (given) found.invalid(path, null, NOT_PER_DEVICE);
    return;
  }
  const set: string[] = [];
  if (nodeName === '') found.invalid(path.child('nodeName'), '', 'must not be empty');
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    found.text(path.child('nodeName'), nodeName, isDns1123Subdomain);
  }
  if (nodeSelector !== undefined) set.push('`nodeSelector`');
  if (allNodes === true) set.push('`allNodes`');
  else if (allNodes === false) found.invalid(path.child('allNodes'), false, 'must be either unset or set to true');
  if (set.length === 0) found.required(path, PER_DEVICE);
  if (set.length > 1) found.invalid(path, `{${set.join(', ')}}`, PER_DEVICE);
}

function checkNodes(found: ErrorList, spec: Partial<ResourceSliceSpec>): void {
  const choices = [
    (spec.nodeName ?? '') !== '',
    spec.nodeSelector !== undefined,
    spec.allNodes === true,
    spec.perDeviceNodeSelection === true,
  ].filter(Boolean).length;
  if (spec.nodeName === '')
    found.invalid(SPEC.child('nodeName'), '', 'must be either unset or set to a non-empty string');
  else if (spec.nodeName !== undefined) found.text(SPEC.child('nodeName'), spec.nodeName, isDns1123Subdomain);
  if (choices === 0) found.required(SPEC, NODE_CHOICE);
  if (choices > 1) found.invalid(SPEC, spec, `${NODE_CHOICE}, but multiple fields are set`);
}

function checkPool(found: ErrorList, spec: Partial<ResourceSliceSpec>): void {
  const path = SPEC.child('pool');
  const { name = '', resourceSliceCount = 0, generation = 0 } = spec.pool ?? {};
  if (name === '') found.required(path.child('name'));
  else {
    if (Buffer.byteLength(name) > MAX_NAME) found.tooLong(path.child('name'), MAX_NAME);
    for (const part of name.split('/')) found.text(path.child('name'), part, isDns1123Subdomain);
  }
  if (resourceSliceCount <= 0)
    found.invalid(path.child('resourceSliceCount'), resourceSliceCount, 'must be greater than zero');
  if (generation < 0) found.invalid(path.child('generation'), generation, 'must be greater than or equal to zero');
}

function validate(slice: ResourceSlice): FieldError[] {
  const found = new ErrorList();
  const spec: Partial<ResourceSliceSpec> = slice.spec ?? {};
  const devices = spec.devices ?? [];
  checkDriver(found, spec.driver ?? '', SPEC.child('driver'));
  checkPool(found, spec);
  checkNodes(found, spec);
  const extras = devices.some((one) => (one.taints ?? []).length + (one.consumesCounters ?? []).length > 0);
  checkCount(found, devices, SPEC.child('devices'), extras ? MAX_DEVICES_WITH_EXTRAS : MAX_DEVICES);
  const names = new Set<string>();
  devices.forEach((device, i) => {
    const path = SPEC.child('devices').index(i);
    checkDevice(found, device, path);
    checkDeviceNodes(found, device, path, spec.perDeviceNodeSelection === true);
    if (names.has(device.name)) found.duplicate(path.child('name'), device.name);
    names.add(device.name);
  });
  checkCount(found, spec.sharedCounters, SPEC.child('sharedCounters'), MAX_COUNTER_SETS);
  return found.errors;
}

function validateUpdate(slice: ResourceSlice, old: ResourceSlice): FieldError[] {
  const found = new ErrorList().add(validate(slice));
  found.unchanged(SPEC.child('driver'), slice.spec?.driver, old.spec?.driver);
  found.unchanged(SPEC.child('pool', 'name'), slice.spec?.pool?.name, old.spec?.pool?.name);
  for (const field of ['nodeName', 'nodeSelector', 'allNodes'] as const)
    found.unchanged(SPEC.child(field), slice.spec?.[field], old.spec?.[field]);
  return found.errors;
}

/** When a taint came, unless its author says so. */
function fillTaintTimes(draft: ResourceSlice, now: Date): void {
  for (const device of draft.spec?.devices ?? [])
    for (const taint of device.taints ?? []) taint.timeAdded ??= rfc3339(now);
}

export const resourceSlices = defineResource<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  singular: 'resourceslice',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceSlice',
  deleteAnswersObject: true,
  strategy: {
    prepareForCreate: (draft, { now }) => fillTaintTimes(draft, now),
    prepareForUpdate: (draft, _old, { now }) => fillTaintTimes(draft, now),
    validate,
    validateUpdate,
  },
  generation: 'spec',
  selectableFields: {
    labels: ['spec.nodeName', 'spec.driver'],
    values: ({ spec }) => ({ 'spec.nodeName': spec?.nodeName ?? '', 'spec.driver': spec?.driver ?? '' }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'Node',
      description: ['resource/v1', 'ResourceSliceSpec', 'nodeName'],
      cell: (o) => o.spec?.nodeName ?? '',
    }),
    column({
      name: 'Driver',
      description: ['resource/v1', 'ResourceSliceSpec', 'driver'],
      cell: (o) => o.spec?.driver ?? '',
    }),
    column({
      name: 'Pool',
      description: ['resource/v1', 'ResourcePool', 'name'],
      cell: (o) => o.spec?.pool?.name ?? '',
    }),
    ageColumn(),
  ],
});
