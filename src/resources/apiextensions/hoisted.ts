// The inner form of a CustomResourceDefinition that its validation sees: what all versions share stands once, above them.
// (That is why errors of definitions with one version point at `spec.validation`.)
import { deepEqual } from '../../machinery/json.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  SelectableField,
} from '../generated/apiextensions-v1.ts';

export interface HoistedSpec {
  readonly version: string | undefined;
  readonly schema: CustomResourceValidation | undefined;
  readonly subresources: CustomResourceSubresources | undefined;
  readonly columns: readonly CustomResourceColumnDefinition[];
  readonly selectableFields: readonly SelectableField[];
  readonly versions: readonly CustomResourceDefinitionVersion[];
}

function shared<T>(
  versions: readonly CustomResourceDefinitionVersion[],
  get: (v: CustomResourceDefinitionVersion) => T,
): boolean {
  const first = versions[0];
  return first !== undefined && versions.every((v) => deepEqual(get(v), get(first)));
}

export function hoist(spec: CustomResourceDefinitionSpec): HoistedSpec {
  const versions = spec.versions ?? [];
  const first = versions[0];
  const schema = shared(versions, (v) => v.schema);
  const subresources = shared(versions, (v) => v.subresources);
  const columns = shared(versions, (v) => v.additionalPrinterColumns);
  const selectable = shared(versions, (v) => v.selectableFields);
  return {
    version: first?.name,
    schema: schema ? first?.schema : undefined,
    subresources: subresources ? first?.subresources : undefined,
    columns: columns ? (first?.additionalPrinterColumns ?? []) : [],
    selectableFields: selectable ? (first?.selectableFields ?? []) : [],
    versions: versions.map((v) => {
      const rest = { ...v };
      if (schema) delete rest.schema;
      if (subresources) delete rest.subresources;
      if (columns) delete rest.additionalPrinterColumns;
      if (selectable) delete rest.selectableFields;
      return rest;
    }),
  };
}
