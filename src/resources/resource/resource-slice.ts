// ResourceSlice: devices of a driver that a node, or several, can reach. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { FieldError } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { ageColumn, column, ErrorList, nameColumn } from '../checks/index.ts';
import { checkNodeSelector } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ResourceSlice, ResourceSliceSpec } from '../generated/resource-v1.ts';
import { SPEC } from './claim-rules.ts';
import { checkDriver, checkPoolName } from './device-rules.ts';
import { checkCounterSets, checkDevice } from './slice-devices.ts';

const MAX_DEVICES = 128;
const MAX_DEVICES_WITH_EXTRAS = 64;
const MAX_COUNTER_SETS = 8;
const NODE_CHOICE = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
const IF_SET = 'must be either unset or set to true';

function checkNodes(found: ErrorList, spec: Partial<ResourceSliceSpec>): void {
  const { nodeName, nodeSelector } = spec;
  const set: string[] = [];
  if (nodeName === '') found.invalid(SPEC.child('nodeName'), '', 'must be either unset or set to a non-empty string');
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    found.text(SPEC.child('nodeName'), nodeName, isDns1123Subdomain);
  }
  if (nodeSelector !== undefined) {
    const path = SPEC.child('nodeSelector');
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    set.push('`nodeSelector`');
    checkNodeSelector(nodeSelector, path, { allowInvalidValues: false }, found.errors);
    if (terms.length !== 1)
      found.invalid(path.child('nodeSelectorTerms'), terms, 'must have exactly one node selector term');
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field] === true) set.push(`\`${field}\``);
    else if (spec[field] === false) found.invalid(SPEC.child(field), false, IF_SET);
  }
  if (set.length === 0) found.required(SPEC, NODE_CHOICE);
  if (set.length > 1) found.invalid(SPEC, `{${set.join(', ')}}`, `${NODE_CHOICE}, but multiple fields are set`);
}

function checkPool(found: ErrorList, spec: Partial<ResourceSliceSpec>): void {
  const path = SPEC.child('pool');
  const { name = '', resourceSliceCount = 0, generation = 0 } = spec.pool ?? {};
  checkPoolName(found, name, path.child('name'));
  if (resourceSliceCount <= 0)
    found.invalid(path.child('resourceSliceCount'), resourceSliceCount, 'must be greater than zero');
  if (generation < 0) found.invalid(path.child('generation'), generation, 'must be greater than or equal to zero');
}

/** What stays: who publishes the devices, in which pool, and on which node. */
function checkUnchanged(found: ErrorList, spec: Partial<ResourceSliceSpec>, old: ResourceSliceSpec | undefined): void {
  found.unchanged(SPEC.child('pool', 'name'), spec.pool?.name ?? '', old?.pool?.name ?? '');
  found.unchanged(SPEC.child('driver'), spec.driver ?? '', old?.driver ?? '');
  found.unchanged(SPEC.child('nodeName'), spec.nodeName, old?.nodeName);
}

function checkDevices(found: ErrorList, spec: Partial<ResourceSliceSpec>, old: ResourceSliceSpec | undefined): void {
  const devices = spec.devices ?? [];
  const path = SPEC.child('devices');
  const extras = devices.some((one) => (one.taints ?? []).length + (one.consumesCounters ?? []).length > 0);
  const max = extras ? MAX_DEVICES_WITH_EXTRAS : MAX_DEVICES;
  if (devices.length > max) {
    found.tooMany(path, devices.length, max);
    return;
  }
  const before = new Map((old?.devices ?? []).map((one) => [one.name, one]));
  const perDevice = spec.perDeviceNodeSelection === true;
  for (const [i, device] of devices.entries())
    checkDevice(found, device, { path: path.index(i), perDevice, old: before.get(device.name) });
  const names = new Set<string>();
  for (const [i, { name }] of devices.entries()) {
    if (names.has(name)) found.duplicate(path.index(i), name);
    names.add(name);
  }
}

function check(slice: ResourceSlice, old: ResourceSlice | undefined): FieldError[] {
  const found = new ErrorList();
  const spec: Partial<ResourceSliceSpec> = slice.spec ?? {};
  checkDriver(found, spec.driver ?? '', SPEC.child('driver'));
  checkPool(found, spec);
  if (old !== undefined) checkUnchanged(found, spec, old.spec);
  checkNodes(found, spec);
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    found.invalid(SPEC, '', 'only one of `sharedCounters` or `devices` is allowed');
  checkDevices(found, spec, old?.spec);
  checkCounterSets(found, spec.sharedCounters ?? [], {
    path: SPEC.child('sharedCounters'),
    name: 'name',
    max: MAX_COUNTER_SETS,
  });
  return found.errors;
}

/** When a taint came, unless its author says so. */
function fillTaintTimes(draft: ResourceSlice, now: Date): void {
  for (const device of draft.spec?.devices ?? [])
    for (const taint of device.taints ?? []) taint.timeAdded ??= rfc3339(now);
}

/** Attributes that are lists are alpha (DRAListTypeAttributes). */
function dropLists(draft: ResourceSlice): void {
  for (const device of draft.spec?.devices ?? [])
    for (const attribute of Object.values(device.attributes ?? {}))
      for (const field of ['ints', 'bools', 'strings', 'versions'] as const) delete attribute[field];
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
    prepareForCreate(draft, { now }) {
      dropLists(draft);
      fillTaintTimes(draft, now);
    },
    prepareForUpdate(draft, _old, { now }) {
      dropLists(draft);
      fillTaintTimes(draft, now);
    },
    validate: (slice) => check(slice, undefined),
    validateUpdate: check,
  },
  generation: 'spec',
  selectableFields: {
    labels: ['spec.nodeName', 'spec.driver'],
    values: ({ spec }) => ({ 'spec.nodeName': spec?.nodeName ?? '', 'spec.driver': spec?.driver ?? '' }),
    refusal: (label) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${label}`,
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
