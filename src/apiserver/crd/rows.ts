// The rows that a CustomResourceDefinition adds to the table: one for each served version.
import { createHash } from 'node:crypto';
import { canonicalJson, getDotted } from '../../machinery/json.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { type AnyResource, resourceKey, type Subresource, type Verb } from '../../resources/definition.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  WebhookConversion,
} from '../../resources/generated/apiextensions-v1.ts';
import { builtinSchema, type FieldNode, type SchemaNode, structuralSchema } from '../../resources/schema/index.ts';
import type { Store } from '../../store/index.ts';
import type { Converter, CustomRow } from '../registry/catalog.ts';
import { columnsOf } from './columns.ts';
import { rememberSchema } from './openapi.ts';
import { type CustomKind, customStatus, customStrategy, generationChanged } from './strategy.ts';
import { hasDefaults, renamed, shownIn } from './wire.ts';

const VERBS: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
/** While the definition is being deleted, nothing new may be made. */
const LAST_VERBS: readonly Verb[] = VERBS.filter((verb) => verb !== 'create');

function storageVersion(crd: CustomResourceDefinition): CustomResourceDefinitionVersion | undefined {
  return crd.spec.versions.find((v) => v.storage === true);
}

function schemaOf(version: CustomResourceDefinitionVersion): SchemaNode {
  const props = version.schema?.openAPIV3Schema;
  return props === undefined ? { type: 'object', preserveUnknown: true } : structuralSchema(props);
}

/** What field management and OpenAPI see: metadata as it is everywhere, and no other fields than the definition's. */
function publicSchema(schema: SchemaNode): SchemaNode {
  const text: SchemaNode = { type: 'string' };
  const field = (name: string, node: SchemaNode): FieldNode => ({
    name,
    schema: node,
    required: false,
    omitEmpty: true,
    pointer: true,
  });
  const properties = new Map(schema.properties ?? []);
  properties.set('apiVersion', field('apiVersion', text)).set('kind', field('kind', text));
  properties.set('metadata', field('metadata', builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')));
  return { ...schema, embeddedResource: false, properties };
}

/** Kind and version come first, and every custom resource has metadata. */
function rootSchema(schema: SchemaNode): SchemaNode {
  return { ...schema, embeddedResource: true };
}

function subresourcesOf(
  version: CustomResourceDefinitionVersion,
  custom: CustomKind,
): Record<string, Subresource<KubeObject>> {
  const out: Record<string, Subresource<KubeObject>> = {};
  const { subresources } = version;
  if (subresources?.status !== undefined) out.status = customStatus(custom);
  if (subresources?.scale !== undefined) {
    const { specReplicasPath, statusReplicasPath, labelSelectorPath } = subresources.scale;
    const path = (text: string): string => text.replace(/^\./, '');
    out.scale = {
      type: 'scale',
      specReplicasPath: path(specReplicasPath),
      statusReplicasPath: path(statusReplicasPath),
      ...(labelSelectorPath === undefined || labelSelectorPath === '' ? {} : { selectorPath: path(labelSelectorPath) }),
    };
  }
  return out;
}

function selectableFields(version: CustomResourceDefinitionVersion): NonNullable<AnyResource['selectableFields']> {
  const paths = (version.selectableFields ?? []).map((f) => f.jsonPath.replace(/^\./, ''));
  return {
    labels: paths,
    values(object) {
      const out: Record<string, string> = {};
      for (const path of paths) {
        const value = getDotted(object, path);
        out[path] = value === undefined || value === null ? '' : String(value);
      }
      return out;
    },
  };
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

function asObject(object: JsonObject): KubeObject {
  return object as unknown as KubeObject;
}

/** How objects get from this version to the stored one and back. */
function storedAs(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  schema: SchemaNode,
): AnyResource['storedAs'] {
  const storage = storageVersion(crd);
  const { group } = crd.spec;
  if (storage === undefined) return undefined;
  const webhook = crd.spec.conversion?.strategy === 'Webhook';
  const of = resourceKey({ group, version: storage.name, plural: crd.spec.names.plural });
  const own = `${group}/${version.name}`;
  if (storage.name === version.name || webhook) {
    // Objects may have been written under an older schema, and stored in an older version.
    const others = (crd.status?.storedVersions ?? []).some((name) => name !== storage.name) && !webhook;
    const isFirst = (crd.metadata.generation ?? 1) === 1;
    if (!hasDefaults(schema) && !others && isFirst) return undefined;
    return {
      of: resourceKey({ group, version: version.name, plural: crd.spec.names.plural }),
      toStored: (object) => object,
      fromStored: (object) => asObject(shownIn(asJson(object), own, schema)),
    };
  }
  const storageSchema = rootSchema(schemaOf(storage));
  const stored = `${group}/${storage.name}`;
  return {
    of,
    toStored: (object) => asObject(renamed(asJson(object), stored, storageSchema)),
    // Defaults are those of the version that is stored: another one only leaves out what it does not know.
    fromStored: (object) => asObject(renamed(shownIn(asJson(object), stored, storageSchema), own, schema)),
  };
}

function rowOf(crd: CustomResourceDefinition, version: CustomResourceDefinitionVersion): CustomRow {
  const { group, scope } = crd.spec;
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const schema = rootSchema(schemaOf(version));
  const custom: CustomKind = {
    kind: names.kind,
    apiVersion: `${group}/${version.name}`,
    schema,
    subresources: version.subresources,
  };
  const stored = storedAs(crd, version, schema);
  const deprecation =
    version.deprecated === true
      ? (version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`)
      : undefined;
  const row: AnyResource = {
    group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    anyFinalizer: true,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    ...(names.shortNames === undefined ? {} : { shortNames: names.shortNames }),
    ...(names.categories === undefined ? {} : { categories: names.categories }),
    namespaced: scope === 'Namespaced',
    verbs: crd.metadata.deletionTimestamp === undefined ? VERBS : LAST_VERBS,
    schema: `${group.split('.').reverse().join('.')}.${version.name}.${names.kind}`,
    strategy: customStrategy(custom),
    generation: { changed: generationChanged(custom) },
    resetFields: version.subresources?.status === undefined ? [] : ['status'],
    subresources: subresourcesOf(version, custom),
    columns: columnsOf(version.additionalPrinterColumns),
    selectableFields: selectableFields(version),
    unconditionalUpdate: false,
    ...(stored === undefined ? {} : { storedAs: stored }),
    ...(deprecation === undefined ? {} : { deprecation }),
  };
  rememberSchema(row, version.schema?.openAPIV3Schema);
  // Of all that the documents of OpenAPI tell of the version.
  const schemaHash = createHash('sha256').update(canonicalJson({ version, names, scope })).digest('hex').slice(0, 16);
  return { row, schema: publicSchema(schema), schemaHash, served: version.served === true };
}

/** What a row has of the webhook that converts its objects: the store as its version sees it, and the way to other versions. */
export type ViewMaker = (
  webhook: WebhookConversion,
  version: { shown: string; stored: string },
) => { readonly view: Store; readonly convert: Converter };

/** The rows of a definition, in its order of versions; none when it has no storage version. */
export function rowsOf(crd: CustomResourceDefinition, viewOf: ViewMaker): CustomRow[] {
  const storage = storageVersion(crd);
  if (storage === undefined) return [];
  const { group, conversion, versions } = crd.spec;
  const webhook = conversion?.strategy === 'Webhook' ? conversion.webhook : undefined;
  const form = canonicalJson([crd.spec, crd.status?.acceptedNames]);
  return versions.map((version) => {
    const made = { ...rowOf(crd, version), form };
    if (webhook === undefined) return made;
    return {
      ...made,
      ...viewOf(webhook, { shown: `${group}/${version.name}`, stored: `${group}/${storage.name}` }),
    };
  });
}
