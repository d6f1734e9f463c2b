// Keeps metadata.managedFields on every write, over the pure functions of apply/.
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { type SchemaNode, yamlToJson } from '../../resources/schema/index.ts';
import { type Frame, updateManagedFields, type Versions, withSentEmpties } from '../apply/index.ts';
import type { Catalog, CatalogEntry } from './catalog.ts';
import { schemaOf } from './codec.ts';
import { type RequestContext, resetFieldsOf, type Target } from './context.ts';

export interface Ownership {
  readonly old: KubeObject | undefined;
  readonly next: KubeObject;
  readonly manager: string;
  /** Parts of the old object that the next one has unchanged. */
  readonly kept?: JsonObject;
}

function peer(catalog: Catalog, entry: CatalogEntry, apiVersion: string): CatalogEntry | undefined {
  if (apiVersion === apiVersionOf(entry.row)) return entry;
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const other = catalog.findKnownKind(group, apiVersion.slice(slash + 1), entry.row.kind);
  return other?.storage === entry.storage ? other : undefined;
}

/** The other versions of a kind, for entries that were written in them. */
function versionsOf(catalog: Catalog, entry: CatalogEntry): Versions {
  return {
    schemaOf(apiVersion): SchemaNode | undefined {
      const other = peer(catalog, entry, apiVersion);
      return other === undefined ? undefined : schemaOf(other);
    },
    convert(object, apiVersion): JsonObject {
      const other = peer(catalog, entry, apiVersion);
      if (other === undefined || other === entry) return object;
      // Between versions of a custom kind nothing is pruned here: fields that the other does not know are to be noticed.
      if (entry.custom) return { ...object, apiVersion };
      const stored = entry.row.storedAs?.toStored(object as unknown as KubeObject) ?? object;
      return (other.row.storedAs?.fromStored(stored as unknown as KubeObject) ?? stored) as unknown as JsonObject;
    },
  };
}

/** Where a version of a kind has the number that its scale subresource sets; undefined for a version that is not known. */
export function replicasPathAt(
  context: RequestContext,
  entry: CatalogEntry,
  apiVersion: string,
): readonly string[] | null | undefined {
  const other = peer(context.kernel.catalog, entry, apiVersion);
  if (other === undefined) return undefined;
  const scale = other.row.subresources?.scale;
  return scale?.type === 'scale' ? scale.specReplicasPath.split('.').filter((name) => name !== '') : null;
}

/** What field management needs to know of a request. */
export function frameOf(context: RequestContext, target: Target): Frame {
  const { entry } = target;
  return {
    schema: schemaOf(entry),
    apiVersion: apiVersionOf(entry.row),
    resetFields: resetFieldsOf(target),
    versions: versionsOf(context.kernel.catalog, entry),
  };
}

/** The body of a create or an update, as it was sent; nothing for other verbs and formats. */
function plainBody(context: RequestContext): unknown {
  const { body, method } = context.request;
  if (body === undefined || (method !== 'POST' && method !== 'PUT')) return undefined;
  try {
    return yamlToJson(body).value;
  } catch {
    // Protobuf knows no empty lists.
    return undefined;
  }
}

/** Sets the draft's managedFields, as this write leaves them. */
export function trackOwnership(
  context: RequestContext,
  target: Target,
  { old, next, manager, kept }: Ownership,
): KubeObject {
  if (target.entry.row.untracked === true) {
    delete next.metadata.managedFields;
    return next;
  }
  const frame = frameOf(context, target);
  const entries = updateManagedFields({
    ...frame,
    old: old as unknown as JsonObject | undefined,
    next: withSentEmpties(frame.schema, { ...next, ...kept } as unknown as JsonObject, () => plainBody(context)),
    manager,
    subresource: target.subresource,
    time: rfc3339(context.kernel.clock.now()),
  });
  if (entries === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = entries;
  return next;
}
