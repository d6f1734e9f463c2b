// All scenarios.
import type { Scenario } from '../scenario.ts';
import { applies } from './applies.ts';
import { lists } from './lists.ts';
import { patches } from './patches.ts';
import { tables } from './tables.ts';
import { wires } from './wire.ts';
import { writes } from './writes.ts';

export function* scenarios(): Generator<Scenario> {
  yield* lists();
  yield* tables();
  yield* wires();
  yield* writes();
  yield* patches();
  yield* applies();
}
