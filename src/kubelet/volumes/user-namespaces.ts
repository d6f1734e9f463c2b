// Gives each pod with `hostUsers: false` its own range of the host's user ids.
// https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { RuntimeFeatures, UserNamespace } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { namesOf, specOf } from '../pod/identity.ts';

const LENGTH = 65_536;
const FIRST = 1;
const LAST = 32_000;

function unsupported(handler: string): string {
  const who = handler === '' ? 'runtime' : `RuntimeClass handler "${handler}"`;
  return `can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`;
}

export class UserNamespaces {
  private readonly byPod = new Map<string, number>();
  private readonly taken = new Set<number>();
  constructor(private readonly rootDir: string) {}

  private file(uid: string): string {
    return path.join(this.rootDir, 'pods', uid, 'userns');
  }

  /** The ranges of pods that ran before this process. */
  async load(): Promise<void> {
    for (const uid of await readdir(path.join(this.rootDir, 'pods')).catch(() => [])) this.recall(uid);
  }

  private recall(uid: string): void {
    try {
      const index = Number(readFileSync(this.file(uid), 'utf8'));
      if (!Number.isInteger(index) || index < FIRST || index > LAST) return;
      this.byPod.set(uid, index);
      this.taken.add(index);
    } catch {
      // Most pods have none.
    }
  }

  of(pod: Pod, handler: string, handlers: RuntimeFeatures['handlers']): UserNamespace | undefined {
    if (specOf(pod).hostUsers !== false) return undefined;
    if (handlers.find((h) => h.name === handler)?.userNamespaces !== true) throw new Error(unsupported(handler));
    const { uid } = namesOf(pod);
    let index = this.byPod.get(uid);
    if (index === undefined) {
      index = FIRST;
      while (this.taken.has(index)) index++;
      if (index > LAST) throw new Error('no range of user ids is left for a pod with hostUsers: false');
      mkdirSync(path.dirname(this.file(uid)), { recursive: true });
      writeFileSync(this.file(uid), String(index));
      this.byPod.set(uid, index);
      this.taken.add(index);
    }
    const range = [{ hostId: index * LENGTH, containerId: 0, length: LENGTH }];
    return { uids: range, gids: range };
  }

  release(uid: string): void {
    const index = this.byPod.get(uid);
    if (index === undefined) return;
    this.byPod.delete(uid);
    this.taken.delete(index);
  }
}
