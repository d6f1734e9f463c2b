// Sandboxes: a pause process that holds a pod's namespaces, its network, its /dev/shm and the files that containers share.
import { randomBytes } from 'node:crypto';
import { copyFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { NetworkedPod, PodSlot } from '../../network/index.ts';
import type { LinuxResources, PodSandboxConfig, PodSandboxStatus } from '../port.ts';
import { RuntimeError } from '../port.ts';
import { podCgroup, type RuntimeContext } from './context.ts';
import { asRuntimeError } from './errors.ts';
import { processRef } from './processes.ts';
import type { SandboxRecord } from './records.ts';
import { endHolder, isPlain, startHolder } from './sandbox-holder.ts';
import { removeSharedMemory } from './shared-memory.ts';
import type { SandboxFacts } from './spec/container-spec.ts';

/** Names under which the one runtime that there is may be asked for. */
const HANDLERS: ReadonlySet<string> = new Set(['crun', 'runc']);

export function newId(): string {
  return randomBytes(32).toString('hex');
}

function hasLimits(resources: LinuxResources | undefined): resources is LinuxResources {
  return resources !== undefined && Object.values(resources).some((v) => v !== undefined && v !== 0);
}

function resolvConf(dns: NonNullable<PodSandboxConfig['dns']>): string {
  const lines = [
    ...(dns.searches.length === 0 ? [] : [`search ${dns.searches.join(' ')}`]),
    ...dns.servers.map((s) => `nameserver ${s}`),
    ...(dns.options.length === 0 ? [] : [`options ${dns.options.join(' ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

export function publishedPorts(record: SandboxRecord): SandboxRecord['config']['portMappings'] {
  return record.config.portMappings.filter((p) => p.hostPort > 0);
}

function networkedPod(record: SandboxRecord): NetworkedPod {
  const { config, id } = record;
  const { name, namespace, uid, annotations, dns } = config;
  const ports = publishedPorts(record);
  return { id, name, namespace, uid, annotations, ports, ...(dns === undefined ? {} : { dns }) };
}

export class Sandboxes {
  readonly #context: RuntimeContext;
  readonly records = new Map<string, SandboxRecord>();

  constructor(context: RuntimeContext) {
    this.#context = context;
  }

  need(id: string): SandboxRecord {
    const record = this.records.get(id);
    if (record === undefined)
      throw new RuntimeError('not-found', `an error occurred when try to find sandbox: not found: ${id}`);
    return record;
  }

  #find(config: PodSandboxConfig): SandboxRecord | undefined {
    for (const r of this.records.values())
      if (r.state === 'ready' && r.config.uid === config.uid && r.config.attempt === config.attempt) return r;
    return undefined;
  }

  async run(config: PodSandboxConfig): Promise<string> {
    const existing = this.#find(config);
    if (existing !== undefined) return existing.id;
    const plain = isPlain(config);
    const record: SandboxRecord = {
      id: newId(),
      config,
      createdAt: this.#context.clock.now(),
      state: 'creating',
      plain,
    };
    this.records.set(record.id, record);
    this.#context.expectProcess();
    try {
      await this.#make(record);
    } catch (error) {
      await this.remove(record.id).catch((failure: unknown) =>
        this.#context.log(`sandbox ${record.id}: ${String(failure)}`),
      );
      throw asRuntimeError(error, 'sandbox');
    }
    this.#emit(record, 'started');
    return record.id;
  }

  async #make(record: SandboxRecord): Promise<void> {
    // The limits are for the containers, which come later. Both have to be over, also when one fails: see below.
    const both = [this.#limit(record), this.#hold(record)];
    await Promise.allSettled(both);
    await Promise.all(both);
    record.state = 'ready';
    await this.#context.sandboxes.save(record);
  }

  /** Starts the process that holds the namespaces. */
  async #hold(record: SandboxRecord): Promise<void> {
    const { config } = record;
    const context = this.#context;
    const handler = config.runtimeHandler;
    if (handler !== '' && !HANDLERS.has(handler))
      throw new RuntimeError('sandbox', `failed to get sandbox runtime: no runtime for "${handler}" is configured`);
    await context.userNamespaces.requireAccess(record);
    const steps: Promise<void>[] = [
      // With a user namespace the network namespace must belong to it, so it is made with the sandbox and joined to the network then.
      config.namespaces.network === 'pod' && config.namespaces.user === undefined
        ? this.#join(record, context.network.acquire(networkedPod(record)))
        : Promise.resolve(),
      config.namespaces.ipc === 'pod'
        ? context.shm.take().then((path) => {
            record.shm = path;
          })
        : Promise.resolve(),
      // What a crash leaves of a sandbox that is not ready is found without its record.
      context.sandboxes.create(record).then(() => this.#writeFiles(record)),
    ];
    // All of them have to be over, also when one fails: what they made must be known to who takes it back.
    await Promise.allSettled(steps);
    await Promise.all(steps);
    const published = this.#publish(record);
    published.catch(() => undefined);
    const pid = await startHolder(context, record);
    if (config.namespaces.network === 'pod' && record.slot === undefined) {
      await this.#join(record, context.network.attach(networkedPod(record), pid));
      await this.#publish(record);
    }
    await published;
    const pause = processRef(pid);
    if (pause === undefined) throw new RuntimeError('sandbox', 'the pause process ended at once');
    record.pause = pause;
  }

  async #join(record: SandboxRecord, slot: Promise<PodSlot>): Promise<void> {
    record.slot = await slot.catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new RuntimeError('sandbox', `failed to setup network for sandbox "${record.id}": ${why}`, error);
    });
  }

  async #limit(record: SandboxRecord): Promise<void> {
    const { resources } = record.config;
    if (!hasLimits(resources)) return;
    const path = podCgroup(this.#context, record);
    await this.#context.cgroups.setLimits(path, resources);
  }

  async #publish(record: SandboxRecord): Promise<void> {
    const ports = publishedPorts(record);
    if (record.slot !== undefined && ports.length > 0)
      await this.#context.network.setHostPorts(record.id, record.slot.ip, ports);
  }

  async #writeFiles(record: SandboxRecord): Promise<void> {
    const { config, id } = record;
    const path = (name: string) => this.#context.sandboxes.path(id, name);
    const name = config.namespaces.network === 'node' ? hostname() : config.hostname;
    await Promise.all([
      writeFile(path('hostname'), `${name}\n`, { mode: 0o644 }),
      config.dns === undefined
        ? copyFile('/etc/resolv.conf', path('resolv.conf')).catch(() => writeFile(path('resolv.conf'), ''))
        : writeFile(path('resolv.conf'), resolvConf(config.dns), { mode: 0o644 }),
    ]);
  }

  facts(record: SandboxRecord): SandboxFacts {
    if (record.pause === undefined || record.state !== 'ready')
      throw new RuntimeError(
        'create-container',
        `failed to get sandbox container task: no running task found: task ${record.id} not found: not found`,
      );
    const path = (name: string) => this.#context.sandboxes.path(record.id, name);
    return {
      pid: record.pause.pid,
      hostname: record.config.namespaces.network === 'node' ? hostname() : record.config.hostname,
      resolvConf: path('resolv.conf'),
      hostnameFile: path('hostname'),
      shm: record.shm ?? '',
      ...(record.slot === undefined ? {} : { netnsPath: record.slot.netnsPath }),
    };
  }

  /** Ends the pause process and gives back network and shared memory; the containers must have ended. */
  async stop(record: SandboxRecord): Promise<void> {
    const context = this.#context;
    if (record.state === 'notready' && record.slot === undefined && record.shm === undefined) return;
    const { slot, shm } = record;
    if (slot !== undefined) await context.network.setHostPorts(record.id, slot.ip, []);
    await endHolder(context, record);
    await Promise.all([
      slot === undefined ? undefined : context.network.release(slot),
      shm === undefined ? undefined : removeSharedMemory([shm]),
      context.userNamespaces.release(record),
    ]);
    delete record.slot;
    delete record.shm;
    const was = record.state;
    record.state = 'notready';
    if (was !== 'creating') await context.sandboxes.save(record);
    if (was === 'ready') this.#emit(record, 'stopped');
  }

  async remove(id: string): Promise<void> {
    const record = this.records.get(id);
    if (record === undefined) return;
    const context = this.#context;
    await this.stop(record);
    await endHolder(context, record);
    const siblings = [...this.records.values()].some(
      (r) => r.id !== id && r.config.cgroupParent === record.config.cgroupParent,
    );
    if (!siblings) await context.cgroups.remove(podCgroup(context, record));
    await context.userNamespaces.release(record);
    await context.sandboxes.remove(id);
    this.records.delete(id);
    if (record.pause !== undefined) this.#emit(record, 'deleted');
  }

  /** Its pause process is gone although nobody stopped it. */
  async markDead(record: SandboxRecord): Promise<void> {
    if (record.state !== 'ready') return;
    record.state = 'notready';
    await this.#context.sandboxes.save(record);
    this.#emit(record, 'stopped');
  }

  async updateResources(record: SandboxRecord, resources: LinuxResources): Promise<void> {
    const path = podCgroup(this.#context, record);
    await this.#context.cgroups.setLimits(path, resources);
  }

  #emit(record: SandboxRecord, type: 'started' | 'stopped' | 'deleted'): void {
    this.#context.emit({ type, sandboxId: record.id, podUid: record.config.uid });
  }

  status(record: SandboxRecord): PodSandboxStatus {
    const { config } = record;
    return {
      id: record.id,
      name: config.name,
      namespace: config.namespace,
      uid: config.uid,
      attempt: config.attempt,
      state: record.state === 'ready' ? 'ready' : 'notready',
      createdAt: record.createdAt,
      ips: record.slot === undefined ? [] : (record.slot.ips ?? [record.slot.ip]),
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler: config.runtimeHandler,
      ...(record.pause === undefined ? {} : { pid: record.pause.pid }),
    };
  }
}
