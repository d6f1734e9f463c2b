// What a pod is told when the trust bundles that it wants cannot be read.
import { expect, test } from 'vitest';
import type { InformerFactory } from '../../client/index.ts';
import { TrustBundles } from './trust-bundles.ts';

test('trust bundles that are not served are told, and not waited for', async () => {
  const informer = { addHandler: () => undefined, synced: new Promise(() => undefined) };
  const informers = { informer: () => informer } as unknown as InformerFactory;
  const bundles = new TrustBundles(informers, { sleep: () => Promise.resolve() }, () => undefined);
  await expect(bundles.anchors('uid', { name: 'a', path: 'a' })).rejects.toThrow('--runtime-config');
});
