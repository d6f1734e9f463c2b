// The options of all verbs, loaded once for a document.
import type { CatalogEntry } from '../registry/catalog.ts';
import { optionParameters } from './parameters.ts';
import type { Parameter } from './route.ts';

const VERB_OPTIONS = ['ListOptions', 'CreateOptions', 'UpdateOptions', 'PatchOptions', 'DeleteOptions'] as const;
export type VerbOptions = (typeof VERB_OPTIONS)[number] | 'GetOptions';

export interface Options {
  of(name: VerbOptions): readonly Parameter[];
  /** Those of a subresource that is connected to (`PodExecOptions`), and of logs. */
  ofKind(kind: string): readonly Parameter[];
}

export async function loadOptions(entries: readonly CatalogEntry[]): Promise<Options> {
  const verbs = new Map<VerbOptions, readonly Parameter[]>();
  for (const name of VERB_OPTIONS) verbs.set(name, await optionParameters('meta/v1', name));
  // Those of a get are one of a list's, in the same words.
  verbs.set(
    'GetOptions',
    (verbs.get('ListOptions') ?? []).filter(({ name }) => name === 'resourceVersion'),
  );
  const kinds = new Map([['PodLogOptions', await optionParameters('core/v1', 'PodLogOptions')]]);
  for (const { row } of entries) {
    for (const sub of Object.values(row.subresources ?? {})) {
      if (sub.type !== 'connect' || !sub.kind.endsWith('Options')) continue;
      kinds.set(sub.kind, await optionParameters('core/v1', sub.kind));
    }
  }
  return { of: (name) => verbs.get(name) ?? [], ofKind: (kind) => kinds.get(kind) ?? [] };
}
