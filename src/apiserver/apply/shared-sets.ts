// Equal field sets are one object with one text: what is made of one template has the same owners, ten thousand times over.
import type { ManagedFieldsEntry } from '../../machinery/object.ts';
import { RecentCache } from '../../machinery/recent-cache.ts';
import { inOrder } from './field-order.ts';
import type { FieldSet } from './field-set.ts';

const MAX_SETS = 1024;
/** Longer ones are rare, and not worth keeping. */
const MAX_TEXT = 16 * 1024;

const byText = new RecentCache<string, FieldSet>(MAX_SETS);
const texts = new WeakMap<object, string>();

/** The one object that stands for all sets equal to this, with its fields in order. */
export function sharedSet(given: FieldSet): FieldSet {
  if (texts.has(given)) return given;
  const set = inOrder(given);
  const text = JSON.stringify(set);
  if (text.length > MAX_TEXT) return set;
  const known = byText.get(text);
  if (known !== undefined) return known;
  byText.set(text, set);
  texts.set(set, text);
  return set;
}

/** The entries with sets that are shared. */
export function shareSets(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  return entries.map((entry) =>
    entry.fieldsV1 === undefined ? entry : { ...entry, fieldsV1: sharedSet(entry.fieldsV1 as FieldSet) },
  );
}

/** JSON of entries; that of shared sets is there already. */
export function entriesText(entries: readonly ManagedFieldsEntry[]): string {
  return `[${entries.map(entryText).join(',')}]`;
}

function entryText(entry: ManagedFieldsEntry): string {
  const known = entry.fieldsV1 === undefined ? undefined : texts.get(entry.fieldsV1);
  if (known === undefined) return JSON.stringify(entry);
  let text = '';
  for (const [name, value] of Object.entries(entry)) {
    if (value === undefined) continue;
    text += `${text === '' ? '{' : ','}"${name}":${name === 'fieldsV1' ? known : JSON.stringify(value)}`;
  }
  return `${text}}`;
}
