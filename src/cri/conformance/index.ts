// What every container runtime must do, as one suite: lifecycles for all of them, and real processes for those that run some.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { Bench } from './bench.ts';
import { lifecycles } from './lifecycles.ts';
import { limits } from './limits.ts';
import type { ConformanceOptions, RuntimeUnderTest } from './options.ts';
import { processes } from './processes.ts';
import { streams } from './streams.ts';

export type { ConformanceOptions, RuntimeUnderTest } from './options.ts';

export function runtimeConformance(options: ConformanceOptions): void {
  describe.skipIf(options.skip !== undefined)(
    `${options.name}${options.skip === undefined ? '' : ` (${options.skip})`}`,
    () => {
      let under: RuntimeUnderTest;
      let bench: Bench;
      let logs = '';
      beforeAll(async () => {
        logs = await mkdtemp(join(tmpdir(), 'minke-cri-'));
        under = await options.open();
        bench = new Bench(under, logs);
      });
      afterEach(() => bench.cleanUp());
      afterAll(async () => {
        await under?.close();
        await rm(logs, { recursive: true, force: true });
      });
      describe('lifecycles', () => lifecycles(options, () => bench));
      if (!options.processes) return;
      describe('processes', () => processes(options, () => bench));
      describe('streams', () => streams(options, () => bench));
      describe('limits', () => limits(options, () => bench));
    },
  );
}
