// Expressions that select devices, and what they know of one: `device.attributes["driver.example.com"].model`.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import {
  BOOL,
  type CelProgram,
  type CelType,
  compileCel,
  DYN,
  mapOf,
  STRING,
  semverOf,
} from '../../machinery/cel/index.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Device, DeviceAttribute } from '../generated/resource-v1.ts';

const QUANTITY: CelType = { kind: 'simple', name: 'kubernetes.Quantity' };

const DEVICE: CelType = {
  kind: 'object',
  name: 'kubernetes.DRADevice',
  fields: new Map(
    Object.entries({
      driver: STRING,
      attributes: mapOf(STRING, mapOf(STRING, DYN)),
      capacity: mapOf(STRING, mapOf(STRING, QUANTITY)),
      allowMultipleAllocations: BOOL,
    }).map(([json, type]) => [json, { json, type }]),
  ),
};

export function compileDeviceExpression(expression: string): CelProgram {
  return compileCel(expression, { device: DEVICE });
}

/** A domain that a device says nothing of is an empty map. */
class Domains<T> extends Map<string, Map<string, T>> {
  override get(domain: string): Map<string, T> {
    return super.get(domain) ?? new Map<string, T>();
  }

  override has(): boolean {
    return true;
  }

  put(qualified: string, driver: string, value: T): void {
    const [first = '', second] = qualified.split('/');
    const [domain, name] = second === undefined ? [driver, first] : [first, second];
    const known = this.get(domain);
    known.set(name, value);
    this.set(domain, known);
  }
}

function celValue(attribute: DeviceAttribute): unknown {
  const { int, bool, string, version, ints, bools, strings, versions } = attribute;
  if (int !== undefined) return BigInt(int);
  if (ints !== undefined) return ints.map(BigInt);
  if (version !== undefined) return semverOf(version);
  if (versions !== undefined) return versions.map(semverOf);
  return bool ?? string ?? bools ?? strings;
}

/** The variable of such an expression. */
export function deviceVariable(driver: string, device: Device): ReadonlyMap<string, unknown> {
  const attributes = new Domains<unknown>();
  for (const [name, attribute] of Object.entries(device.attributes ?? {}))
    attributes.put(name, driver, celValue(attribute));
  const capacity = new Domains<unknown>();
  for (const [name, { value }] of Object.entries(device.capacity ?? {}))
    capacity.put(name, driver, parseQuantity(String(value)));
  return new Map<string, unknown>([
    ['driver', driver],
    ['attributes', attributes],
    ['capacity', capacity],
    ['allowMultipleAllocations', device.allowMultipleAllocations === true],
  ]);
}
