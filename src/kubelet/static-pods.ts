// Static pods: read from a directory, run without an API server, shown there by a mirror.
// https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import type { Client } from '../client/index.ts';
import { PODS } from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import { watchDirectory } from '../host/watch.ts';
import { isApiError } from '../machinery/errors.ts';
import { isJsonObject } from '../machinery/object.ts';
import type { Pod, PodSpec } from '../resources/generated/core-v1.ts';
import type { NodeKeeper } from './node/keeper.ts';
import type { LogSink } from './options.ts';
import { ANNOTATION } from './pod/identity.ts';
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

/** What the API server would have put in; a static pod never passes it. */
function defaulted(spec: PodSpec, nodeName: string): PodSpec {
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    enableServiceLinks: true,
    ...spec,
    nodeName,
    automountServiceAccountToken: false,
    tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
  };
}

/** Undefined, with a reason, when the file holds no pod. */
export function staticPod(text: string, file: string, nodeName: string): Pod {
  const parsed: unknown = parse(text, { maxAliasCount: 100 });
  if (!isJsonObject(parsed) || parsed.kind !== 'Pod') throw new Error('not a Pod');
  const pod = parsed as unknown as Pod;
  const name = pod.metadata?.name;
  if (name === undefined || name === '') throw new Error('metadata.name is required');
  if (!Array.isArray(pod.spec?.containers) || pod.spec.containers.length === 0)
    throw new Error('spec.containers is required');
  const hash = createHash('md5').update(nodeName).update(file).update(text).digest('hex');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...pod.metadata,
      name: `${name}-${nodeName}`.toLowerCase(),
      namespace: pod.metadata.namespace ?? 'default',
      uid: hash,
      annotations: { ...pod.metadata.annotations, [ANNOTATION.configHash]: hash, [ANNOTATION.configSource]: 'file' },
    },
    spec: defaulted(pod.spec, nodeName),
    status: { phase: 'Pending' },
  };
}

export class StaticPods {
  private readonly pods = new Map<string, Pod>();
  private busy: Promise<void> = Promise.resolve();
  constructor(private readonly options: StaticPodOptions) {}

  async start(signal: AbortSignal): Promise<void> {
    this.options.manager.onMirror = (key, mirror) => this.mirrorSeen(key, mirror);
    await this.read();
    let pending = false;
    const stop = watchDirectory(this.options.dir, this.options.clock, () => {
      if (pending) return;
      pending = true;
      this.options.clock.setTimer(SETTLE_MS, () => {
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

  private async read(): Promise<void> {
    const { dir, nodeName, manager, log } = this.options;
    const found = new Map<string, Pod>();
    const names = await readdir(dir).catch(() => []);
    for (const name of names.sort()) {
      if (name.startsWith('.')) continue;
      try {
        const pod = staticPod(await readFile(path.join(dir, name), 'utf8'), name, nodeName);
        found.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
      } catch (error) {
        log('warn', 'static pod could not be read', { file: name, error: String(error) });
      }
    }
    for (const [key, pod] of this.pods) {
      if (found.get(key)?.metadata.uid === pod.metadata.uid) continue;
      this.pods.delete(key);
      manager.worker(pod.metadata.uid ?? '')?.gone();
      if (!found.has(key)) await this.removeMirror(key);
    }
    for (const [key, pod] of found) {
      if (this.pods.has(key)) continue;
      this.pods.set(key, pod);
      manager.take(pod);
      await this.ensureMirror(key, pod);
    }
  }

  private mirrorSeen(key: string, mirror: Pod | undefined): void {
    const pod = this.pods.get(key);
    if (pod === undefined) {
      if (mirror !== undefined) void this.removeMirror(key).catch(() => undefined);
      return;
    }
    const worker = this.options.manager.worker(pod.metadata.uid ?? '');
    const fits = mirror?.metadata.annotations?.[ANNOTATION.configMirror] === pod.metadata.uid;
    worker?.mirror(fits ? mirror : undefined);
    if (mirror?.metadata.deletionTimestamp !== undefined) void this.removeMirror(key).catch(() => undefined);
    else if (mirror === undefined || !fits) this.mirrorSoon(key, pod);
  }

  private mirrorSoon(key: string, pod: Pod): void {
    this.ensureMirror(key, pod).catch((error: unknown) => {
      this.options.log('warn', 'mirror pod', { pod: key, error: String(error) });
      this.options.clock.setTimer(RETRY_MS, () => {
        if (this.pods.get(key) === pod) this.mirrorSoon(key, pod);
      });
    });
  }

  private async ensureMirror(key: string, pod: Pod): Promise<void> {
    const { client, keeper, nodeName, manager } = this.options;
    const old = manager.mirrorOf(key);
    if (old?.metadata.annotations?.[ANNOTATION.configMirror] === pod.metadata.uid) {
      manager.worker(pod.metadata.uid ?? '')?.mirror(old);
      return;
    }
    if (old !== undefined) await this.removeMirror(key);
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
      manager.worker(uid ?? '')?.mirror(made);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }

  private async removeMirror(key: string): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    await this.options.client
      .resource(PODS)
      .delete(namespace, name, { gracePeriodSeconds: 0 })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  }
}
