// The embedded runtime under the suite that all runtimes share, and that nothing of it stays behind.
import { afterAll, expect, test } from 'vitest';
import { runtimeConformance } from '../conformance/index.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const OCTET = 231;
let bed: Testbed | undefined;

runtimeConformance({
  name: 'embedded runtime',
  ...(skip === undefined ? {} : { skip }),
  processes: true,
  forever: ['sleep', '100000'],
  exit: (code) => ['sh', '-c', `exit ${code}`],
  missing: ['/no/such/program'],
  open: async () => {
    const made = await openTestbed({ name: 'mkconf', octet: OCTET });
    bed = made;
    const opened = await made.open();
    return { runtime: opened.runtime, image: made.image, close: () => opened.destroy() };
  },
});

test.skipIf(skip !== undefined)('after destroy nothing of it remains on the host', async () => {
  expect(bed).toBeDefined();
  if (bed !== undefined) expect(await leftovers(bed, OCTET)).toEqual([]);
});

afterAll(async () => {
  await bed?.remove();
});
