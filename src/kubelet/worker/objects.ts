// The ConfigMaps and Secrets that pods of this node name: each is watched while a pod needs it, none else is read.
import type { Client, ResourceRef } from '../../client/index.ts';
import { CONFIG_MAPS, SECRETS } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import { ApiError, isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ConfigMap, Pod, Secret } from '../../resources/generated/core-v1.ts';
import type { ObjectSource } from '../container/env.ts';
import { allContainers, namesOf, specOf } from '../pod/identity.ts';

type Kind = 'configmap' | 'secret';

interface Entry {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly pods: Set<string>;
  readonly stop: AbortController;
  value: KubeObject | undefined;
}

const RETRY_MS = 1_000;

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

/** All the objects whose content reaches the pod. */
export function objectsOf(pod: Pod): readonly { kind: Kind; name: string }[] {
  const out = new Map<string, { kind: Kind; name: string }>();
  const add = (kind: Kind, name: string | undefined): void => {
    if (name !== undefined && name !== '') out.set(`${kind}/${name}`, { kind, name });
  };
  for (const { spec } of allContainers(pod)) {
    for (const source of spec.envFrom ?? []) {
      add('configmap', source.configMapRef?.name);
      add('secret', source.secretRef?.name);
    }
    for (const entry of spec.env ?? []) {
      add('configmap', entry.valueFrom?.configMapKeyRef?.name);
      add('secret', entry.valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of specOf(pod).volumes ?? []) {
    add('configmap', volume.configMap?.name);
    add('secret', volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add('configmap', source.configMap?.name);
      add('secret', source.secret?.name);
    }
  }
  for (const secret of specOf(pod).imagePullSecrets ?? []) add('secret', secret.name);
  return [...out.values()];
}

function missing(kind: Kind, name: string): ApiError {
  return new ApiError({ reason: 'NotFound', message: `${kind} "${name}" not found`, details: { name, kind } });
}

export class WatchedObjects implements ObjectSource {
  private readonly entries = new Map<string, Entry>();
  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly onChange: (podUid: string) => void,
  ) {}

  hold(pod: Pod): void {
    const { namespace, uid } = namesOf(pod);
    for (const { kind, name } of objectsOf(pod)) {
      const key = keyOf(kind, namespace, name);
      let entry = this.entries.get(key);
      if (entry === undefined) {
        entry = { kind, namespace, name, pods: new Set(), stop: new AbortController(), value: undefined };
        this.entries.set(key, entry);
        const followed = entry;
        void this.follow(followed).catch(() => undefined);
      }
      entry.pods.add(uid);
    }
  }

  release(podUid: string): void {
    for (const [key, entry] of this.entries) {
      if (!entry.pods.delete(podUid) || entry.pods.size > 0) continue;
      entry.stop.abort();
      this.entries.delete(key);
    }
  }

  stop(): void {
    for (const entry of this.entries.values()) entry.stop.abort();
    this.entries.clear();
  }

  async configMap(namespace: string, name: string): Promise<ConfigMap> {
    return (await this.get('configmap', namespace, name)) as ConfigMap;
  }

  async secret(namespace: string, name: string): Promise<Secret> {
    return (await this.get('secret', namespace, name)) as Secret;
  }

  private refOf(kind: Kind): ResourceRef<KubeObject> {
    return kind === 'configmap' ? CONFIG_MAPS : SECRETS;
  }

  private async get(kind: Kind, namespace: string, name: string): Promise<KubeObject> {
    const entry = this.entries.get(keyOf(kind, namespace, name));
    if (entry?.value !== undefined) return entry.value;
    try {
      const value = await this.client.resource(this.refOf(kind)).get(namespace, name);
      if (entry !== undefined) entry.value ??= value;
      return value;
    } catch (error) {
      if (isApiError(error, 'NotFound')) throw missing(kind, name);
      throw error;
    }
  }

  private async follow(entry: Entry): Promise<void> {
    const signal = entry.stop.signal;
    while (!signal.aborted) {
      try {
        await this.watchOnce(entry, signal);
      } catch {
        await this.clock.sleep(RETRY_MS, signal);
      }
    }
  }

  private async watchOnce(entry: Entry, signal: AbortSignal): Promise<void> {
    const collection = this.client.resource(this.refOf(entry.kind));
    const fieldSelector = `metadata.name=${entry.name}`;
    const list = await collection.list(entry.namespace, { fieldSelector });
    this.take(entry, list.items[0]);
    const resourceVersion = list.metadata.resourceVersion;
    const options = { fieldSelector, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    for await (const event of collection.watch(entry.namespace, options, signal)) {
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.take(entry, event.object);
      else if (event.type === 'DELETED') this.take(entry, undefined);
      else if (event.type === 'ERROR') return;
    }
  }

  private take(entry: Entry, value: KubeObject | undefined): void {
    const old = entry.value?.metadata.resourceVersion;
    entry.value = value;
    // An optional object that has gone takes its files along.
    if (value?.metadata.resourceVersion === old) return;
    for (const uid of entry.pods) this.onChange(uid);
  }
}
