// What the devices of a claim have to have in common, or must not.
import { jsonText } from '../../machinery/exact-json.ts';
import type { DeviceAttribute, DeviceConstraint } from '../../resources/generated/resource-v1.ts';
import type { OfferedDevice } from './pools.ts';
import type { Wanted } from './requests.ts';

export interface Pick {
  readonly wanted: Wanted;
  readonly offer: OfferedDevice;
}

function applies(constraint: DeviceConstraint, { name, request }: Wanted): boolean {
  const { requests = [] } = constraint;
  return requests.length === 0 || requests.includes(name) || requests.includes(request);
}

/** Attributes without a domain are of the driver's. */
function attributeOf({ driver, device }: OfferedDevice, name: string): DeviceAttribute | undefined {
  const known = device.attributes?.[name];
  if (known !== undefined || !name.startsWith(`${driver}/`)) return known;
  return device.attributes?.[name.slice(driver.length + 1)];
}

/** Values of different types are never the same. */
function textOfValue(offer: OfferedDevice, name: string): string | undefined {
  const attribute = attributeOf(offer, name);
  return attribute === undefined ? undefined : jsonText(attribute);
}

/** Whether one more device may join those that were picked for the claim. */
export function mayJoin(constraints: readonly DeviceConstraint[], picked: readonly Pick[], next: Pick): boolean {
  return constraints.every((constraint) => {
    if (!applies(constraint, next.wanted)) return true;
    const { matchAttribute, distinctAttribute } = constraint;
    const name = matchAttribute ?? distinctAttribute ?? '';
    const value = textOfValue(next.offer, name);
    if (value === undefined) return false;
    const others = picked.filter((one) => applies(constraint, one.wanted)).map((one) => textOfValue(one.offer, name));
    return matchAttribute === undefined ? !others.includes(value) : others.every((other) => other === value);
  });
}
