// Ranges of user ids for pods: one each, kept over restarts, and only where the runtime can.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { UserNamespaces } from './user-namespaces.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-ranges-'));
afterAll(() => rm(root, { recursive: true, force: true }));

function pod(uid: string, hostUsers?: boolean): Pod {
  const spec = { containers: [], ...(hostUsers === undefined ? {} : { hostUsers }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, namespace: 'default', uid }, spec };
}

const able = [{ name: '', userNamespaces: true, recursiveReadOnlyMounts: true }];

test('each pod has a range of its own, which it keeps when the kubelet starts anew, and which is given again once it is gone', async () => {
  const first = new UserNamespaces(root);
  const of = (ranges: UserNamespaces, uid: string) => ranges.of(pod(uid, false), '', able)?.uids[0];
  expect(of(first, 'a')).toEqual({ hostId: 65_536, containerId: 0, length: 65_536 });
  expect(of(first, 'b')?.hostId).toBe(131_072);
  const second = new UserNamespaces(root);
  await second.load();
  expect(of(second, 'c')?.hostId).toBe(196_608);
  expect(of(second, 'b')?.hostId).toBe(131_072);
  second.release('a');
  expect(of(second, 'd')?.hostId).toBe(65_536);
});

test('a pod of the host has none', () => {
  const ranges = new UserNamespaces(root);
  expect(ranges.of(pod('x'), '', able)).toBeUndefined();
  expect(ranges.of(pod('y', true), '', [])).toBeUndefined();
});

test('where the runtime can give none it is said, and not passed over', () => {
  const ranges = new UserNamespaces(root);
  const unable = [{ name: 'kata', userNamespaces: false, recursiveReadOnlyMounts: false }];
  expect(() => ranges.of(pod('x', false), '', [])).toThrow(
    "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
  );
  expect(() => ranges.of(pod('x', false), 'kata', unable)).toThrow(
    'RuntimeClass handler "kata" does not support user namespaces',
  );
});
