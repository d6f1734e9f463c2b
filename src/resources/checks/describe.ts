// Finds what the API documentation says of a field.
import { DESCRIPTIONS } from '../generated/descriptions.ts';

type Documentation = Record<string, [type: string, fields: Record<string, string>]>;
const parsed = new Map<string, Documentation>();

function documentation(groupVersion: string): Documentation {
  const known = parsed.get(groupVersion);
  if (known !== undefined) return known;
  const made = JSON.parse(DESCRIPTIONS[groupVersion] ?? '{}') as Documentation;
  parsed.set(groupVersion, made);
  return made;
}

export function describeField(groupVersion: string, type: string, field: string): string {
  return documentation(groupVersion)[type]?.[1][field] ?? '';
}
