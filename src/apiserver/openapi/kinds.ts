// Which kinds a type is, as its schema says it: those of the rows and their lists, and those that no row has.
import { factPackage, factPackageKeys, splitDefinitionName } from '../../resources/schema/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { META } from './route-words.ts';
import type { Gvk } from './schemas.ts';

/** Types that are sent or answered without being rows. */
const OTHER_KINDS: readonly string[] = [
  'io.k8s.api.authentication.v1.TokenRequest',
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.policy.v1.Eviction',
  ...['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Status'].map((kind) => META + kind),
];

/** Kinds that each group and version has. */
const EVERYWHERE: readonly string[] = ['DeleteOptions', 'WatchEvent'];

/** Packages of types that are no API of their own, or another server's. */
const NO_API = /^(?:meta|apidiscovery|metrics)\/|^version$/;

/** Groups that the server of custom resources does not know. */
const NOT_OF_CUSTOM: ReadonlySet<string> = new Set([
  'admission.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'imagepolicy.k8s.io',
]);

/** All groups and versions that Kubernetes' types know, served or not. */
function knownVersions(): { group: string; version: string }[] {
  const known = factPackageKeys()
    .filter((key) => !NO_API.test(key))
    .map((key) => ({ group: factPackage(key)?.group ?? '', version: key.slice(key.indexOf('/') + 1) }));
  return known.sort((a, b) => (`${a.group} ${a.version}` < `${b.group} ${b.version}` ? -1 : 1));
}

function kindOf(id: string): Gvk {
  const at = splitDefinitionName(id);
  const key = at?.key ?? '';
  const group = key.startsWith('meta/') ? '' : (factPackage(key)?.group ?? '');
  return { group, version: key.slice(key.indexOf('/') + 1), kind: at?.name ?? '' };
}

/** Which kinds a type is. `own`: the only version that a document is about, where it is about one. */
export function kindsOf(
  entries: readonly CatalogEntry[],
  own?: { group: string; version: string },
): ReadonlyMap<string, readonly Gvk[]> {
  const kinds = new Map<string, Gvk[]>();
  const add = (id: string, gvk: Gvk): void => {
    const known = kinds.get(id);
    if (known === undefined) kinds.set(id, [gvk]);
    else if (!known.some((one) => one.group === gvk.group && one.version === gvk.version)) known.push(gvk);
  };
  for (const { row, custom } of entries) {
    if (custom) continue;
    add(row.schema, { group: row.group, version: row.version, kind: row.kind });
    add(`${row.schema}List`, { group: row.group, version: row.version, kind: row.listKind ?? `${row.kind}List` });
  }
  for (const id of OTHER_KINDS) add(id, kindOf(id));
  const isTold = ({ group, version }: { group: string; version: string }): boolean =>
    own === undefined || (group === '' && version === 'v1') || (group === own.group && version === own.version);
  for (const at of knownVersions().filter(isTold)) for (const kind of EVERYWHERE) add(META + kind, { ...at, kind });
  return kinds;
}

/** The same as a document about custom kinds alone has it. */
export function customKinds(): ReadonlyMap<string, readonly Gvk[]> {
  return new Map([...kindsOf([])].map(([id, all]) => [id, all.filter(({ group }) => !NOT_OF_CUSTOM.has(group))]));
}
