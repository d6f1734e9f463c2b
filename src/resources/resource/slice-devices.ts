// Validation of the devices of a ResourceSlice: attributes, capacities and how they are shared, counters, the nodes that reach them.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import { parseQuantity, type Quantity } from '../../machinery/quantity.ts';
import { type ErrorList, isUnset } from '../checks/index.ts';
import { checkNodeSelector, semanticEqual } from '../common/index.ts';
import type {
  CapacityRequestPolicyRange,
  Counter,
  Device,
  DeviceAttribute,
  DeviceCapacity,
} from '../generated/resource-v1.ts';
import { checkAttributeName, checkBinding, checkCount, checkTaint } from './device-rules.ts';

const MAX_ATTRIBUTES = 32;
const MAX_TAINTS = 16;
const MAX_COUNTERS = 32;
const MAX_CONSUMED_SETS = 2;
const MAX_CHOICES = 10;
const MAX_TEXT = 64;
const PRERELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const SEMVER = new RegExp(
  `^(0|[1-9]\\d*)(\\.(0|[1-9]\\d*)){2}(-${PRERELEASE}(\\.${PRERELEASE})*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$`,
);

/** As refusals show it: under the names of its Go fields, all of them. */
function goAttribute({ bool, int, string, version }: DeviceAttribute): object {
  return {
    IntValue: int ?? null,
    BoolValue: bool ?? null,
    StringValue: string ?? null,
    VersionValue: version ?? null,
    IntValues: null,
    BoolValues: null,
    StringValues: null,
    VersionValues: null,
  };
}

function checkAttribute(found: ErrorList, attribute: DeviceAttribute, path: FieldPath): void {
  const { bool, int, string, version } = attribute;
  const set = [bool, int, string, version].filter((value) => value !== undefined);
  const short = Buffer.byteLength(version ?? '') <= MAX_TEXT;
  if (version !== undefined && short && !SEMVER.test(version))
    found.invalid(path.child('version'), version, 'must be a string compatible with semver.org spec 2.0.0');
  for (const field of ['string', 'version'] as const)
    if (Buffer.byteLength(attribute[field] ?? '') > MAX_TEXT) found.tooLong(path.child(field), MAX_TEXT);
  if (set.length === 0) found.invalid(path, '', 'exactly one value must be specified');
  if (set.length > 1) found.invalid(path, goAttribute(attribute), 'exactly one value must be specified');
}

function checkChoices(
  found: ErrorList,
  choices: readonly Quantity[],
  policy: { readonly path: FieldPath; readonly most: Quantity; readonly usual: Quantity },
): void {
  const { path, most, usual } = policy;
  choices.forEach((choice, i) => {
    const before = choices[i - 1];
    if (before !== undefined && before.cmp(choice) > 0)
      found.invalid(path.index(i), choice.toString(), 'values must be sorted in ascending order');
  });
  checkCount(found, choices, path, MAX_CHOICES);
  if (choices.length > MAX_CHOICES) return;
  for (const [i, choice] of choices.entries())
    if (choice.cmp(most) > 0)
      found.invalid(path.index(i), choice.toString(), `option is larger than capacity value: ${most.toString()}`);
  for (const [i, choice] of choices.entries())
    if (choices.findIndex((one) => one.value() === choice.value()) < i)
      found.duplicate(path.index(i), String(choice.value()));
  if (!choices.some((choice) => choice.cmp(usual) === 0))
    found.invalid(path, usual.toString(), 'default value is not valid according to the requestPolicy');
}

function checkRange(
  found: ErrorList,
  range: CapacityRequestPolicyRange,
  policy: { readonly path: FieldPath; readonly most: Quantity; readonly usual: Quantity },
): void {
  const { path, most, usual } = policy;
  const [minPath, maxPath, stepPath] = [path.child('min'), path.child('max'), path.child('step')];
  if (range.min === undefined) {
    found.required(minPath, 'required when validRange is defined');
    return;
  }
  const min = parseQuantity(range.min);
  const larger = (what: string): string => `${what} is larger than capacity value: ${most.toString()}`;
  if (min.cmp(most) > 0) found.invalid(minPath, min.toString(), larger('min'));
  if (usual.cmp(min) < 0) found.invalid(minPath, usual.toString(), `default is less than min: ${min.toString()}`);
  const max = range.max === undefined ? undefined : parseQuantity(range.max);
  if (max !== undefined) {
    if (min.cmp(max) > 0) found.invalid(maxPath, min.toString(), `min is larger than max: ${max.toString()}`);
    if (max.cmp(most) > 0) found.invalid(maxPath, max.toString(), larger('max'));
    if (usual.cmp(max) > 0) found.invalid(maxPath, usual.toString(), `default is more than max: ${max.toString()}`);
  }
  if (range.step === undefined) return;
  const step = parseQuantity(range.step);
  const first = min.add(step);
  if (first.cmp(most) > 0) found.invalid(stepPath, step.toString(), larger(`one step ${first.toString()}`));
  const detail = `value is not a multiple of a given step (${step.toString()}) from (${min.toString()})`;
  for (const value of max === undefined ? [usual] : [usual, max])
    if (step.value() !== 0n && (value.value() - min.value()) % step.value() !== 0n)
      found.invalid(stepPath, value.toString(), detail);
}

/** How much of a capacity a claim may ask for. */
function checkCapacity(found: ErrorList, capacity: DeviceCapacity, path: FieldPath, shared: boolean): void {
  const policy = capacity.requestPolicy;
  if (policy === undefined) return;
  const at = path.child('requestPolicy');
  const { validValues = [], validRange } = policy;
  const most = parseQuantity(capacity.value);
  if (!shared) {
    found.forbidden(at, 'allowMultipleAllocations must be true');
    return;
  }
  if (validValues.length > 0 && validRange !== undefined) {
    const both = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    found.forbidden(at, both);
    return;
  }
  const named = validValues.length > 0 ? 'validValues' : 'validRange';
  if (isUnset(policy.default)) {
    if (validValues.length > 0 || validRange !== undefined)
      found.required(at.child('default'), `required when ${named} is defined`);
    return;
  }
  const rule = { path: at.child(named), most, usual: parseQuantity(policy.default) };
  if (validValues.length > 0) checkChoices(found, validValues.map(parseQuantity), rule);
  else if (validRange !== undefined) checkRange(found, validRange, rule);
}

/** Sets of counters that a slice has, and those that a device takes from. */
export function checkCounterSets<K extends string>(
  found: ErrorList,
  sets: readonly (Readonly<Record<K, string>> & { readonly counters: Readonly<Record<string, Counter>> })[],
  how: { readonly path: FieldPath; readonly name: K; readonly max: number },
): void {
  const { path, name, max } = how;
  if (sets.length > max) {
    found.tooMany(path, sets.length, max);
    return;
  }
  for (const [i, set] of sets.entries()) {
    const at = path.index(i);
    if ((set[name] ?? '') === '') found.required(at.child(name));
    else found.text(at.child(name), set[name], isDns1123Label);
    const keys = Object.keys(set.counters ?? {});
    if (keys.length === 0) found.required(at.child('counters'));
    else if (keys.length > MAX_COUNTERS) found.tooMany(at.child('counters'), keys.length, MAX_COUNTERS);
    else for (const key of keys) found.text(at.child('counters'), key, isDns1123Label);
  }
  const names = sets.map((set) => set[name] ?? '');
  for (const [i, one] of names.entries()) if (names.indexOf(one) < i) found.duplicate(path.index(i), one);
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
  if (nodeSelector !== undefined) {
    set.push('`nodeSelector`');
    checkNodeSelector(nodeSelector, path.child('nodeSelector'), { allowInvalidValues: false }, found.errors);
  }
  if (allNodes === true) set.push('`allNodes`');
  else if (allNodes === false) found.invalid(path.child('allNodes'), false, 'must be either unset or set to true');
  if (set.length === 0) found.required(path, PER_DEVICE);
  if (set.length > 1) found.invalid(path, `{${set.join(', ')}}`, PER_DEVICE);
}

export function checkDevice(
  found: ErrorList,
  device: Device,
  where: { readonly path: FieldPath; readonly perDevice: boolean; readonly old: Device | undefined },
): void {
  const { path, perDevice, old } = where;
  found.text(path.child('name'), device.name ?? '', isDns1123Label);
  const attributes = Object.entries(device.attributes ?? {});
  const capacities = Object.entries(device.capacity ?? {});
  const total = attributes.length + capacities.length;
  if (total > MAX_ATTRIBUTES)
    found.invalid(path, total, `the total number of attributes and capacities must not exceed ${MAX_ATTRIBUTES}`);
  for (const [key, value] of attributes) {
    checkAttributeName(found, key, path.child('attributes'));
    checkAttribute(found, value, path.child('attributes').key(key));
  }
  for (const [key, value] of capacities) {
    checkAttributeName(found, key, path.child('capacity'));
    checkCapacity(found, value, path.child('capacity').key(key), device.allowMultipleAllocations === true);
  }
  if (old === undefined || !semanticEqual(old.taints, device.taints)) {
    checkCount(found, device.taints, path.child('taints'), MAX_TAINTS);
    for (const [i, taint] of (device.taints ?? []).entries()) checkTaint(found, taint, path.child('taints').index(i));
  }
  const consumed = { path: path.child('consumesCounters'), name: 'counterSet', max: MAX_CONSUMED_SETS } as const;
  checkCounterSets(found, device.consumesCounters ?? [], consumed);
  checkDeviceNodes(found, device, path, perDevice);
  checkBinding(found, device, path);
}
