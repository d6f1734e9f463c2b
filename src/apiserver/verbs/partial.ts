// PartialObjectMetadata: an object reduced to its metadata.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
import type { JsonObject, KubeObject } from '../../machinery/object.ts';

export function partialMetadata(object: KubeObject, version: 'v1' | 'v1beta1'): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

export function partialMetadataList(
  objects: readonly KubeObject[],
  metadata: JsonObject,
  version: 'v1' | 'v1beta1',
): JsonObject {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    // Go leaves the slice nil when nothing matched.
    items: objects.length === 0 ? null : objects.map((object) => partialMetadata(object, version)),
  };
}
