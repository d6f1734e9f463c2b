// Validation of the status of a ResourceClaim: who uses it, what was allocated, and what drivers tell of the devices.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, parseCIDR } from '../../machinery/names.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { checkConditions, ErrorList } from '../checks/index.ts';
import { checkNodeSelector, semanticEqual } from '../common/index.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
} from '../generated/resource-v1.ts';
import { checkReference, checkReferences, requestNames } from './claim-rules.ts';
import { checkBinding, checkConfiguration, checkCount, checkDriver, checkPoolName, MAX_ITEMS } from './device-rules.ts';

const STATUS = FieldPath.of('status');
const MAX_CONSUMERS = 256;
const MAX_RESULTS = 32;
const MAX_DEVICE_CONDITIONS = 8;
const MAX_DATA = 10 * 1024;
const MAX_INTERFACE_NAME = 256;
const MAX_HARDWARE_ADDRESS = 128;
const MAX_ADDRESSES = 16;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** With and without hyphens, in braces, and as a URN. */
const UUID_LENGTHS: ReadonlySet<number> = new Set([32, 36, 38, 45]);

function checkUuid(found: ErrorList, uid: string, path: FieldPath): void {
  if (UUID.test(uid)) return;
  const bytes = Buffer.byteLength(uid);
  if (!UUID_LENGTHS.has(bytes)) found.invalid(path, uid, `error validating uid: invalid UUID length: ${bytes}`);
  else if (!/^(urn:uuid:|\{)?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i.test(uid))
    found.invalid(path, uid, 'error validating uid: invalid UUID format');
  else
    found.invalid(
      path,
      uid,
      'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters',
    );
}

function checkAllocation(found: ErrorList, claim: ResourceClaim, allocation: AllocationResult): void {
  const path = STATUS.child('allocation');
  const names = requestNames(claim.spec.devices ?? {});
  const { results = [], config = [] } = allocation.devices ?? {};
  const devices = path.child('devices');
  const result = (one: DeviceRequestAllocationResult, at: FieldPath): void => {
    checkReference(found, one.request ?? '', { path: at.child('request'), names });
    checkDriver(found, one.driver ?? '', at.child('driver'));
    checkPoolName(found, one.pool ?? '', at.child('pool'));
    found.text(at.child('device'), one.device ?? '', isDns1123Label);
    checkBinding(found, one, at);
    if (one.shareID !== undefined) checkUuid(found, one.shareID, at.child('shareID'));
  };
  const configuration = (one: DeviceAllocationConfiguration, at: FieldPath): void => {
    const source = one.source ?? '';
    if (source === '') found.required(at.child('source'));
    else found.oneOf(at.child('source'), source, ['FromClaim', 'FromClass']);
    checkReferences(found, one.requests, { path: at.child('requests'), names });
    checkConfiguration(found, one, at);
  };
  checkEach(found, results, { path: devices.child('results'), max: MAX_RESULTS, check: result });
  // Those of the class and those of the claim.
  checkEach(found, config, { path: devices.child('config'), max: 2 * MAX_ITEMS, check: configuration });
  if (allocation.nodeSelector !== undefined)
    checkNodeSelector(allocation.nodeSelector, path.child('nodeSelector'), { allowInvalidValues: false }, found.errors);
}

/** A list that is too long is not looked into. */
function checkEach<T>(
  found: ErrorList,
  list: readonly T[],
  how: { readonly path: FieldPath; readonly max: number; readonly check: (one: T, path: FieldPath) => void },
): void {
  if (list.length > how.max) found.tooMany(how.path, list.length, how.max);
  else for (const [i, one] of list.entries()) how.check(one, how.path.index(i));
}

function checkNetwork(found: ErrorList, data: NetworkDeviceData | undefined, path: FieldPath): void {
  const { interfaceName = '', hardwareAddress = '', ips = [] } = data ?? {};
  if (Buffer.byteLength(interfaceName) > MAX_INTERFACE_NAME)
    found.tooLong(path.child('interfaceName'), MAX_INTERFACE_NAME);
  if (Buffer.byteLength(hardwareAddress) > MAX_HARDWARE_ADDRESS)
    found.tooLong(path.child('hardwareAddress'), MAX_HARDWARE_ADDRESS);
  const at = path.child('ips');
  checkCount(found, ips, at, MAX_ADDRESSES);
  if (ips.length > MAX_ADDRESSES) return;
  for (const [i, ip] of ips.entries()) {
    const cidr = parseCIDR(ip);
    const canonical = cidr === undefined ? '' : `${cidr.address}/${cidr.prefix}`;
    if (cidr === undefined)
      found.invalid(at.index(i), ip, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)');
    else if (canonical !== ip)
      found.invalid(at.index(i), ip, `must be in canonical form (${JSON.stringify(canonical)})`);
  }
  for (const [i, ip] of ips.entries()) if (ips.indexOf(ip) < i) found.duplicate(at.index(i), ip);
}

type DeviceId = Pick<AllocatedDeviceStatus, 'driver' | 'pool' | 'device' | 'shareID'>;

const idOf = ({ driver = '', pool = '', device = '', shareID = '' }: DeviceId): object => ({
  Driver: driver,
  Pool: pool,
  Device: device,
  ShareID: shareID,
});

function checkDevice(
  found: ErrorList,
  one: AllocatedDeviceStatus,
  where: { readonly path: FieldPath; readonly allocated: ReadonlySet<string> },
): void {
  const { path, allocated } = where;
  checkDriver(found, one.driver ?? '', path.child('driver'));
  checkPoolName(found, one.pool ?? '', path.child('pool'));
  found.text(path.child('device'), one.device ?? '', isDns1123Label);
  if (one.shareID !== undefined) checkUuid(found, one.shareID, path.child('shareID'));
  const id = idOf(one);
  if (!allocated.has(JSON.stringify(id))) found.invalid(path, id, 'must be an allocated device in the claim');
  checkCount(found, one.conditions, path.child('conditions'), MAX_DEVICE_CONDITIONS);
  found.add(checkConditions(one.conditions, path.child('conditions')).errors);
  const data: unknown = one.data;
  if (data !== undefined) {
    const at = path.child('data');
    if (data === null) found.required(at);
    else if (Buffer.byteLength(JSON.stringify(data)) > MAX_DATA) found.tooLong(at, MAX_DATA);
    else if (!isJsonObject(data)) found.invalid(at, '<value omitted>', 'must be a valid JSON object');
  }
  checkNetwork(found, one.networkData, path.child('networkData'));
}

function checkConsumers(found: ErrorList, claim: ResourceClaim, old: ResourceClaim): void {
  const path = STATUS.child('reservedFor');
  const consumers = claim.status?.reservedFor ?? [];
  const uids = new Set<string>();
  checkCount(found, consumers, path, MAX_CONSUMERS);
  consumers.forEach((consumer, i) => {
    const at = path.index(i);
    for (const field of ['resource', 'name', 'uid'] as const)
      if ((consumer[field] ?? '') === '') found.required(at.child(field));
    if (uids.has(consumer.uid)) found.duplicate(at.child('uid'), consumer.uid);
    uids.add(consumer.uid);
  });
  if (consumers.length === 0) return;
  const before = old.status?.reservedFor ?? [];
  const added = consumers.some((one) => !before.some((other) => semanticEqual(one, other)));
  if (claim.status?.allocation === undefined) found.forbidden(path, 'may not be specified when `allocated` is not set');
  else if (claim.metadata.deletionTimestamp !== undefined && added)
    found.forbidden(path, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set');
}

/** What was allocated stays so until it is given back. */
export function validateClaimStatus(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const found = new ErrorList();
  const { allocation, devices = [] } = claim.status ?? {};
  checkConsumers(found, claim, old);
  const allocated = new Set((allocation?.devices?.results ?? []).map((one) => JSON.stringify(idOf(one))));
  const seen = new Set<string>();
  for (const [i, one] of devices.entries())
    checkDevice(found, one, { path: STATUS.child('devices').index(i), allocated });
  devices.forEach((one, i) => {
    const id = idOf(one);
    if (seen.has(JSON.stringify(id))) found.duplicate(STATUS.child('devices').index(i), id);
    seen.add(JSON.stringify(id));
  });
  const before = old.status?.allocation;
  if (allocation === undefined) return found.errors;
  if (before === undefined) checkAllocation(found, claim, allocation);
  else if (!semanticEqual(before, allocation))
    found.invalid(STATUS.child('allocation'), allocation, 'field is immutable');
  return found.errors;
}
