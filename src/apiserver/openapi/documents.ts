// Makes the documents of OpenAPI: the one of v2, and those of v3 for each version, each group, and what stands outside of them.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import type { JsonObject } from '../../machinery/object.ts';
import { CUSTOM_REFERENCES, extendDocument } from '../crd/openapi.ts';
import type { Catalog, CatalogEntry } from '../registry/catalog.ts';
import { customRoutes } from './custom-routes.ts';
import { coreVersionsRoute, groupRoute, groupsRoute, OTHER_ROUTES, versionRoute } from './fixed-routes.ts';
import { customKinds, kindsOf } from './kinds.ts';
import { loadOptions } from './options.ts';
import { ResourceRoutes } from './resource-routes.ts';
import type { Route } from './route.ts';
import { type Gvk, SchemaCollector } from './schemas.ts';
import { pathsV2, pathsV3 } from './write-paths.ts';

const SECURITY = {
  BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
};

/** What the server says of itself that Kubernetes has for custom resources. It names no way to come with credentials. */
const CUSTOM_INFO = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' };

interface Version {
  readonly group: string;
  readonly version: string;
}

async function resourceRoutes(entries: readonly CatalogEntry[]): Promise<Route[]> {
  const options = await loadOptions(entries);
  return entries.flatMap(({ row, custom }) => [
    ...(custom ? customRoutes(row, options) : new ResourceRoutes(row, options).all()),
  ]);
}

/** Types that are there although no operation of a row leads to them. */
function addTypes(collector: SchemaCollector, entries: readonly CatalogEntry[]): void {
  for (const { row, custom } of entries) {
    if (custom) for (const id of CUSTOM_REFERENCES) collector.add(id);
    else collector.add(row.schema);
  }
}

function isCustom({ custom }: CatalogEntry): boolean {
  return custom;
}

export class Documents {
  constructor(
    private readonly catalog: Catalog,
    private readonly info: { readonly title: string; readonly version: string },
  ) {}

  /** The groups beside the core; custom ones tell of their resources alone. */
  private builtInGroups(): string[] {
    return this.catalog
      .groups()
      .map(({ group }) => group)
      .filter((group) => group !== '' && this.catalog.isBuiltInGroup(group));
  }

  private hasBuiltIn({ group, version }: Version): boolean {
    return this.catalog.ofVersion(group, version).some((entry) => !entry.custom);
  }

  /** What v3 has documents about: `api/v1`, `apis/apps`, `version`. */
  names(): string[] {
    const versions = this.catalog
      .groups()
      .flatMap(({ group, versions: all }) =>
        all.map((version) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)),
      );
    const groups = this.builtInGroups().map((group) => `apis/${group}`);
    return ['api', 'apis', ...groups, ...versions, ...OTHER_ROUTES.keys()].sort();
  }

  /** The version that a document of v3 is about, when it is about one that is served. */
  versionOf(name: string): Version | undefined {
    const match = /^(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(name);
    if (match === null) return undefined;
    const at = { group: match[2] ?? '', version: match[1] ?? match[3] ?? '' };
    return this.catalog.hasVersion(at.group, at.version) ? at : undefined;
  }

  /** The operation of a document that is about no version. */
  private lone(name: string): Route | undefined {
    if (name === 'api') return coreVersionsRoute();
    if (name === 'apis') return groupsRoute();
    const group = /^apis\/([^/]+)$/.exec(name)?.[1];
    if (group !== undefined) return this.builtInGroups().includes(group) ? groupRoute(group) : undefined;
    return OTHER_ROUTES.get(name);
  }

  has(name: string): boolean {
    return this.lone(name) !== undefined || this.versionOf(name) !== undefined;
  }

  /** A document of v3; the name must be one of `names()`. */
  async third(name: string): Promise<JsonObject> {
    const at = this.versionOf(name);
    const lone = this.lone(name);
    if (lone !== undefined) return this.thirdOf([], [lone], kindsOf([]));
    if (at === undefined) throw new Error(`no OpenAPI document ${name}`);
    const entries = this.catalog.ofVersion(at.group, at.version);
    const routes = await resourceRoutes(entries);
    if (this.hasBuiltIn(at)) return this.thirdOf(entries, [versionRoute(at), ...routes], kindsOf(entries, at));
    return this.thirdOf(entries, routes, customKinds(), true);
  }

  private async thirdOf(
    entries: readonly CatalogEntry[],
    routes: readonly Route[],
    kinds: ReadonlyMap<string, readonly Gvk[]>,
    custom = false,
  ): Promise<JsonObject> {
    const collector = new SchemaCollector('v3', kinds, !custom);
    addTypes(collector, entries);
    const paths = pathsV3(routes, collector);
    const schemas = await collector.schemas();
    const document: JsonObject = {
      openapi: '3.0.0',
      info: custom ? CUSTOM_INFO : this.info,
      paths,
      components: {
        ...(Object.keys(schemas).length === 0 && entries.length === 0 ? {} : { schemas }),
        ...(custom ? {} : { securitySchemes: SECURITY }),
      },
    };
    extendDocument(entries.filter(isCustom), document, 'v3');
    return document;
  }

  private async allRoutes(): Promise<Route[]> {
    const versions = this.catalog
      .groups()
      .flatMap(({ group, versions: all }) => all.map((version) => ({ group, version })))
      .filter((at) => this.hasBuiltIn(at));
    return [
      coreVersionsRoute(),
      groupsRoute(),
      ...OTHER_ROUTES.values(),
      ...this.builtInGroups().map(groupRoute),
      ...versions.map(versionRoute),
      ...(await resourceRoutes(this.catalog.all())),
    ];
  }

  async second(): Promise<JsonObject> {
    const entries = this.catalog.all();
    const collector = new SchemaCollector('v2', kindsOf(entries));
    addTypes(collector, entries);
    const { paths, parameters } = pathsV2(await this.allRoutes(), collector);
    const document: JsonObject = {
      swagger: '2.0',
      info: this.info,
      paths,
      definitions: await collector.schemas(),
      parameters,
      securityDefinitions: SECURITY,
      security: [{ BearerToken: [] }],
    };
    extendDocument(entries.filter(isCustom), document, 'v2');
    return document;
  }
}
