// Custom kinds for tests: made with their definition, ready when they are served.
import { CUSTOM_RESOURCE_DEFINITIONS, type ResourceRef } from '../../../src/client/index.ts';
import type { JsonObject, KubeObject } from '../../../src/machinery/object.ts';
import type { CustomResourceDefinition } from '../../../src/resources/generated/apiextensions-v1.ts';
import { eventually, type SimulatedCluster } from '../simulated.ts';

export interface Custom extends KubeObject {
  data?: JsonObject;
  spec?: JsonObject;
  [key: string]: unknown;
}

export interface CustomKindOptions {
  /** The first one is stored. Default `v1`. */
  readonly versions?: readonly string[];
  /** Absent: everything is kept. */
  readonly schema?: JsonObject;
  readonly labels?: Record<string, string>;
  readonly group?: string;
  readonly conversion?: JsonObject;
  readonly scope?: 'Namespaced' | 'Cluster';
}

export interface CustomKind {
  readonly name: string;
  readonly ref: ResourceRef<Custom>;
  create(namespace: string, object: Partial<Custom>): Promise<Custom>;
  patch(namespace: string, name: string, patch: unknown): Promise<Custom>;
}

export const OPEN_SCHEMA = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** `Whale` for `whales`. */
const kindOf = (plural: string): string => `${plural.charAt(0).toUpperCase()}${plural.slice(1, -1)}`;

export function definitionOf(plural: string, options: CustomKindOptions = {}): CustomResourceDefinition {
  const { versions = ['v1'], schema = OPEN_SCHEMA, labels = {}, group = `${plural}.example.com` } = options;
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope: options.scope ?? 'Namespaced',
      names: { plural, singular: plural.slice(0, -1), kind: kindOf(plural), listKind: `${kindOf(plural)}List` },
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: schema },
      })),
      ...(options.conversion === undefined ? {} : { conversion: options.conversion }),
    },
  };
  return definition as CustomResourceDefinition;
}

const isEstablished = ({ status }: CustomResourceDefinition): boolean =>
  (status?.conditions ?? []).some(({ type, status: is }) => type === 'Established' && is === 'True');

export async function customKind(
  cluster: SimulatedCluster,
  plural: string,
  options: CustomKindOptions = {},
): Promise<CustomKind> {
  const { group = `${plural}.example.com`, versions = ['v1'] } = options;
  const definitions = cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS);
  const { metadata } = await definitions.create('', definitionOf(plural, options));
  const name = metadata.name ?? '';
  await eventually(async () => isEstablished(await definitions.get('', name)));
  const version = versions[0] ?? 'v1';
  const kind = kindOf(plural);
  const ref: ResourceRef<Custom> = { group, version, plural, kind, namespaced: options.scope !== 'Cluster' };
  const head = { apiVersion: `${group}/${version}`, kind };
  const resource = cluster.client.resource(ref);
  return {
    name,
    ref,
    create: (namespace, object) => resource.create(namespace, { ...head, metadata: {}, ...object }),
    patch: (namespace, objectName, patch) => resource.patch(namespace, objectName, 'merge', patch),
  };
}
