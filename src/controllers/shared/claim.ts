// Whose objects are whose: a controller takes those that its selector wants and lets go of those it no longer wants. Pure.
import type { LabelSelector } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { controllerOf } from './pods.ts';

export interface Claims<T> {
  readonly owned: readonly T[];
  /** Orphans that match: they get an owner reference. */
  readonly adopt: readonly T[];
  /** Owned ones that match no longer: they lose it. */
  readonly release: readonly T[];
}

export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector,
  objects: readonly T[],
): Claims<T> {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const ending = owner.metadata.deletionTimestamp !== undefined;
  for (const object of objects) {
    const wanted = selector.matches(object.metadata.labels ?? {});
    const holder = controllerOf(object);
    if (holder !== undefined) {
      if (holder.uid !== owner.metadata.uid) continue;
      if (wanted) owned.push(object);
      else if (!ending) release.push(object);
    } else if (wanted && !ending && object.metadata.deletionTimestamp === undefined) adopt.push(object);
  }
  return { owned, adopt, release };
}
