// What is on the node of pods that the API does not have: a kubelet that was away may have missed their ends.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { PODS } from '../../client/index.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { LABEL, type PodNames } from '../pod/identity.ts';
import type { WorkerDeps } from './deps.ts';

const GRACE_SECONDS = 2;

export interface KnownPods {
  has(uid: string): boolean;
  /** Takes away all that is left of the pod. */
  bury(pod: Pod): void;
}

/** Stops and removes it. Returns how many pods that were. */
export async function sweep(deps: WorkerDeps, pods: KnownPods): Promise<number> {
  const { cache, rootDir, log } = deps;
  const strays = new Set(cache.podUids.filter((uid) => !pods.has(uid)));
  for (const uid of await readdir(path.join(rootDir, 'pods')).catch(() => [])) if (!pods.has(uid)) strays.add(uid);
  let swept = 0;
  for (const uid of strays) {
    const { sandboxes, containers } = cache.observed(uid);
    const labels = sandboxes[0]?.labels ?? containers[0]?.labels ?? {};
    const names = { name: labels[LABEL.podName] ?? '', namespace: labels[LABEL.podNamespace] ?? '', uid };
    if (await stillThere(deps, names)) continue;
    await sweepOne(deps, pods, names).catch((error: unknown) => {
      log('warn', 'stray pod could not be removed', { uid, error: String(error) });
    });
    swept++;
  }
  return swept;
}

async function stillThere({ client, node }: WorkerDeps, names: PodNames): Promise<boolean> {
  if (names.name === '') return false;
  // A node may not ask for a pod that is not its own, or not there any more: it looks among its own.
  const fieldSelector = `metadata.name=${names.name},spec.nodeName=${node().name}`;
  try {
    const { items } = await client.resource(PODS).list(names.namespace, { fieldSelector });
    return items.some((pod) => pod.metadata.uid === names.uid);
  } catch {
    return true;
  }
}

async function sweepOne({ cache, runtime }: WorkerDeps, pods: KnownPods, names: PodNames): Promise<void> {
  const { containers } = cache.observed(names.uid);
  if (containers.some((c) => c.state === 'running'))
    for (const c of containers) await runtime.stopContainer(c.id, GRACE_SECONDS * 1000);
  pods.bury({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...names },
    spec: { containers: [], terminationGracePeriodSeconds: GRACE_SECONDS },
  });
}
