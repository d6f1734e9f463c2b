// Selects objects by label and field selectors, for lists and watches.
import { badRequest } from '../../machinery/errors.ts';
import { parseFieldSelector } from '../../machinery/field-selector.ts';
import { type LabelSelector, parseLabelSelector } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { AnyResource } from '../../resources/definition.ts';
import type { CatalogEntry } from './catalog.ts';

export interface Selection {
  readonly matches: (object: KubeObject) => boolean;
  /** Set when a field selector asks for one name. */
  readonly name?: string;
}

interface FieldTerm {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

const METADATA_FIELDS: ReadonlySet<string> = new Set(['metadata.name', 'metadata.namespace']);

function checkLabel({ row, custom }: CatalogEntry, path: string): void {
  // Kinds with fields of their own name those of metadata themselves, and leave out the namespace that they have not.
  const global = path === 'metadata.namespace' && !custom && !row.namespaced && row.selectableFields !== undefined;
  if (METADATA_FIELDS.has(path) && !global) return;
  if (row.selectableFields === undefined) {
    throw badRequest(
      `${JSON.stringify(path)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
  if (!row.selectableFields.labels.includes(path))
    throw badRequest(row.selectableFields.refusal?.(path) ?? `field label not supported: ${path}`);
}

function matchesTerms(row: AnyResource, terms: readonly FieldTerm[], object: KubeObject): boolean {
  let values: Readonly<Record<string, string>> | undefined;
  for (const { path, equal, value } of terms) {
    let actual: string;
    if (path === 'metadata.name') actual = object.metadata.name ?? '';
    else if (path === 'metadata.namespace') actual = object.metadata.namespace ?? '';
    else {
      values ??= row.selectableFields?.values(object) ?? {};
      actual = values[path] ?? '';
    }
    if ((actual === value) !== equal) return false;
  }
  return true;
}

function fieldTerms(entry: CatalogEntry, text: string): FieldTerm[] {
  const terms: FieldTerm[] = [];
  for (const requirement of parseFieldSelector(text)) {
    checkLabel(entry, requirement.path);
    terms.push({ path: requirement.path, equal: requirement.op !== '!=', value: requirement.value });
  }
  return terms;
}

/** undefined when everything is selected. */
export function parseSelection(entry: CatalogEntry, labelText: string, fieldText: string): Selection | undefined {
  if (labelText === '' && fieldText === '') return undefined;
  const labels: LabelSelector | undefined = labelText === '' ? undefined : parseLabelSelector(labelText);
  const terms = fieldText === '' ? [] : fieldTerms(entry, fieldText);
  const name = terms.find((t) => t.path === 'metadata.name' && t.equal)?.value;
  const matches = (object: KubeObject): boolean => {
    if (labels !== undefined && !labels.matches(object.metadata.labels ?? {})) return false;
    return terms.length === 0 || matchesTerms(entry.row, terms, object);
  };
  return name === undefined ? { matches } : { matches, name };
}
