// What is handed out of a limited stock together with a write (addresses, ports).
import type { KubeObject } from '../../machinery/object.ts';

export interface Reservation {
  /** The store's key of the object: what it holds already it may keep. */
  readonly key: string;
  readonly dryRun: boolean;
}

export interface Allocator {
  /** Completes the draft after validation; throws an ApiError when that cannot be. The returned function gives back what was
   *  taken, when the write does not come about. */
  reserve(draft: KubeObject, reservation: Reservation): () => void;
}
