// Conversions between two served versions of a kind whose wire form is the same.
import type { KubeObject } from '../../machinery/object.ts';

export interface Twin<T extends KubeObject> {
  readonly of: string;
  toStored(object: T): KubeObject;
  fromStored(object: KubeObject): T;
}

/** `of` is the key of the stored row (`group/version/plural`), `apiVersion` the one that this row speaks. */
export function twinOf<T extends KubeObject>(of: string, apiVersion: string): Twin<T> {
  const stored = of.slice(0, of.lastIndexOf('/'));
  return {
    of,
    toStored: (object) => ({ ...object, apiVersion: stored }),
    // Both versions have the same fields: that is what makes them twins.
    fromStored: (object) => ({ ...object, apiVersion }) as T,
  };
}
