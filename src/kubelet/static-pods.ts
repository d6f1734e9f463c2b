// Static pods: read from a directory, run without an API server, shown there by a mirror.
// https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '../client/index.ts';
import { PODS } from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import { watchDirectory } from '../host/watch.ts';
import { isApiError } from '../machinery/errors.ts';
import { microTime } from '../machinery/time.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import { messageOf } from './container/errors.ts';
import type { NodeKeeper } from './node/keeper.ts';
import type { LogSink } from './options.ts';
import { ANNOTATION } from './pod/identity.ts';
import { staticPod } from './static-manifest.ts';
import type { PodManager } from './worker/pod-manager.ts';

export interface StaticPodOptions {
  readonly client: Client;
  readonly dir: string;
  readonly nodeName: string;
  readonly manager: PodManager;
  readonly keeper: NodeKeeper;
  readonly clock: Clock;
  readonly log: LogSink;
}

const SETTLE_MS = 50;
const RETRY_MS = 5_000;

/** A file with more than this is no manifest. */
const MAX_FILE = 10 * 1024 * 1024;

export class StaticPods {
  private readonly pods = new Map<string, Pod>();
  private busy: Promise<void> = Promise.resolve();
  constructor(private readonly options: StaticPodOptions) {}

  async start(signal: AbortSignal): Promise<void> {
    const { manager, dir, clock } = this.options;
    manager.onMirror = (key, mirror) => this.mirrorSeen(key, mirror);
    manager.onForgotten = () => this.startWaiting();
    await this.read();
    // Those whose file went while nobody looked.
    for (const [key, mirror] of manager.allMirrors()) this.mirrorSeen(key, mirror);
    let pending = false;
    const stop = watchDirectory(dir, clock, () => {
      if (pending) return;
      pending = true;
      clock.setTimer(SETTLE_MS, () => {
        pending = false;
        this.readSoon();
      });
    });
    signal.addEventListener('abort', stop, { once: true });
  }

  private readSoon(): void {
    this.busy = this.busy
      .then(() => this.read())
      .catch((error: unknown) => this.options.log('warn', 'static pods', { error: String(error) }));
  }

  /** The pods of all files that hold one, by `namespace/name`. */
  private async manifests(): Promise<Map<string, Pod>> {
    const { dir, nodeName, clock, log } = this.options;
    const found = new Map<string, Pod>();
    const names = await readdir(dir).catch(() => []);
    for (const name of names.sort()) {
      if (name.startsWith('.')) continue;
      const file = path.join(dir, name);
      try {
        const info = await stat(file);
        if (!info.isFile()) throw new Error('not a file');
        if (info.size > MAX_FILE) throw new Error('the file is too large');
        const pod = staticPod(await readFile(file, 'utf8'), { file, nodeName, seen: microTime(clock.now()) });
        found.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
      } catch (error) {
        log('warn', 'static pod could not be read', { file: name, error: messageOf(error) });
      }
    }
    return found;
  }

  private async read(): Promise<void> {
    const { manager } = this.options;
    const found = await this.manifests();
    for (const [key, pod] of this.pods) {
      if (found.get(key)?.metadata.uid === pod.metadata.uid) continue;
      this.pods.delete(key);
      manager.dropStatic(pod.metadata.uid ?? '');
      if (!found.has(key)) this.removeSoon(key);
    }
    for (const [key, pod] of found) {
      if (this.pods.has(key)) continue;
      this.pods.set(key, pod);
      this.startWaiting();
      // Without an API server it runs all the same, and is shown when there is one.
      this.mirrorSoon(key, pod);
    }
  }

  /** A pod begins when the one is gone that had its name before. */
  private startWaiting(): void {
    const { manager } = this.options;
    for (const pod of this.pods.values()) {
      const { namespace = '', name = '', uid = '' } = pod.metadata;
      if (manager.knows(uid)) continue;
      if (manager.find(namespace, name) === undefined) manager.take(pod);
    }
  }

  private mirrorSeen(key: string, mirror: Pod | undefined): void {
    const pod = this.pods.get(key);
    if (pod === undefined) {
      if (mirror !== undefined) this.removeSoon(key);
      return;
    }
    const fits = mirror?.metadata.annotations?.[ANNOTATION.configMirror] === pod.metadata.uid;
    this.options.manager.showMirror(pod.metadata.uid ?? '', fits ? mirror : undefined);
    if (mirror?.metadata.deletionTimestamp !== undefined) this.removeSoon(key);
    else if (mirror === undefined || !fits) this.mirrorSoon(key, pod);
  }

  private mirrorSoon(key: string, pod: Pod): void {
    this.keepTrying(
      () => this.ensureMirror(key, pod),
      () => this.pods.get(key) === pod,
    );
  }

  private removeSoon(key: string): void {
    const mirror = this.options.manager.mirrorOf(key);
    this.keepTrying(
      () => this.removeMirror(key, mirror),
      () => this.options.manager.mirrorOf(key)?.metadata.uid === mirror?.metadata.uid,
    );
  }

  /** The API server may be away for a while. */
  private keepTrying(act: () => Promise<void>, stillWanted: () => boolean): void {
    act().catch((error: unknown) => {
      this.options.log('warn', 'mirror pod', { error: messageOf(error) });
      this.options.clock.setTimer(RETRY_MS, () => {
        if (stillWanted()) this.keepTrying(act, stillWanted);
      });
    });
  }

  private async ensureMirror(key: string, pod: Pod): Promise<void> {
    const { client, keeper, nodeName, manager } = this.options;
    const old = manager.mirrorOf(key);
    if (old?.metadata.annotations?.[ANNOTATION.configMirror] === pod.metadata.uid) {
      manager.showMirror(pod.metadata.uid ?? '', old);
      return;
    }
    if (old !== undefined) await this.removeMirror(key, old);
    const { uid, ...metadata } = pod.metadata;
    const node = keeper.current?.metadata.uid ?? '';
    const mirror: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [ANNOTATION.configMirror]: uid ?? '' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node, controller: true }],
      },
      ...(pod.spec === undefined ? {} : { spec: pod.spec }),
    };
    try {
      const made = await client.resource(PODS).create(metadata.namespace ?? 'default', mirror);
      manager.showMirror(uid ?? '', made);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }

  /** The kubelet has nothing to wait for: what the mirror shows goes on or ends by its file. */
  private async removeMirror(key: string, mirror: Pod | undefined): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const uid = mirror?.metadata.uid;
    await this.options.client
      .resource(PODS)
      .delete(namespace, name, { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
      });
  }
}
