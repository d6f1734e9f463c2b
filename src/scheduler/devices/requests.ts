// What a claim asks for, and whether a device is one of those.

import { BudgetExceeded, CelError, type CelProgram, CelSyntaxError } from '../../machinery/cel/index.ts';
import { nearest } from '../../machinery/int64.ts';
import type {
  DeviceClass,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
} from '../../resources/generated/resource-v1.ts';
import { compileDeviceExpression, deviceVariable } from '../../resources/index.ts';
import { amountOf } from '../pod-resources.ts';
import type { OfferedDevice } from './pools.ts';

/** One way in which a request can be met: itself, or one of those that it names in order of preference. */
export interface Wanted {
  /** `request`, or `request/alternative`. */
  readonly name: string;
  readonly request: string;
  readonly className: string;
  readonly selectors: readonly DeviceSelector[];
  /** Undefined: all there are. */
  readonly count: number | undefined;
  readonly adminAccess: boolean | undefined;
  readonly tolerations: readonly DeviceToleration[];
  readonly capacity: Readonly<Record<string, string>>;
}

/** The requests of a claim, each with its alternatives. */
export function wantedOf(claim: ResourceClaim): Wanted[][] {
  return (claim.spec.devices?.requests ?? []).map((request) => {
    const of = (one: NonNullable<typeof request.exactly>, name: string): Wanted => ({
      name,
      request: request.name,
      className: one.deviceClassName,
      selectors: one.selectors ?? [],
      count: one.allocationMode === 'All' ? undefined : nearest(one.count ?? 1),
      adminAccess: one.adminAccess,
      tolerations: one.tolerations ?? [],
      capacity: one.capacity?.requests ?? {},
    });
    if (request.exactly !== undefined) return [of(request.exactly, request.name)];
    return (request.firstAvailable ?? []).map((one) => of(one, `${request.name}/${one.name}`));
  });
}

/** The limit of what one look at a device may cost. https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints */
const COST = 1_000_000;
const KEPT = 1_000;
const programs = new Map<string, CelProgram>();

function programOf(expression: string): CelProgram {
  let known = programs.get(expression);
  if (known === undefined) {
    if (programs.size >= KEPT) programs.clear();
    known = compileDeviceExpression(expression);
    programs.set(expression, known);
  }
  return known;
}

/** `what` says whose selectors they are. Throws where one of them cannot be worked out. */
function selected(offer: OfferedDevice, selectors: readonly DeviceSelector[], what: string): boolean {
  return selectors.every(({ cel }, i) => {
    try {
      const program = programOf(cel?.expression ?? '');
      const answer = program.evaluate({ device: deviceVariable(offer.driver, offer.device) }, { left: COST });
      if (typeof answer === 'boolean') return answer;
      throw new CelError('CEL expression did not return a bool');
    } catch (error) {
      if (error instanceof CelSyntaxError)
        throw new Error(`${what}: selector #${i}: CEL compile error: ${error.message}`);
      if (error instanceof CelError || error instanceof BudgetExceeded)
        throw new Error(`${what}: selector #${i}: CEL runtime error: ${error.message}`);
      throw error;
    }
  });
}

function tolerates(toleration: DeviceToleration, taint: DeviceTaint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || value === (taint.value ?? '');
}

function isShunned(offer: OfferedDevice, tolerations: readonly DeviceToleration[]): boolean {
  return (offer.device.taints ?? []).some(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !tolerations.some((t) => tolerates(t, taint)),
  );
}

function hasCapacity({ driver, device }: OfferedDevice, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, least]) => {
    const own = name.startsWith(`${driver}/`) ? name.slice(driver.length + 1) : name;
    const has = device.capacity?.[name] ?? device.capacity?.[own];
    return has !== undefined && amountOf('', String(has.value)) >= amountOf('', String(least));
  });
}

/** Whether the device is what is wanted, whoever may have it. */
export function isWanted(
  offer: OfferedDevice,
  wanted: Wanted,
  from: { claim: string; deviceClass: DeviceClass },
): boolean {
  const { name, spec } = { name: from.deviceClass.metadata.name ?? '', spec: from.deviceClass.spec };
  return (
    selected(offer, spec.selectors ?? [], `class ${name}`) &&
    selected(offer, wanted.selectors, `claim ${from.claim}`) &&
    hasCapacity(offer, wanted.capacity) &&
    !isShunned(offer, wanted.tolerations)
  );
}
