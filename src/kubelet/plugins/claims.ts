// Devices of ResourceClaims: their drivers make them ready before a pod's containers start, and take them back after the last pod.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { claimOfPod } from '../../client/index.ts';
import { readIfExists, writeFileAtomic } from '../../host/files.ts';
import type { Container, Pod } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { LogSink } from '../options.ts';
import { namesOf } from '../pod/identity.ts';
import type { Drivers } from './drivers.ts';

/** As a driver tells it. */
interface ReadyDevice {
  readonly request_names: readonly string[];
  readonly pool_name: string;
  readonly device_name: string;
  readonly cdi_device_ids: readonly string[];
  readonly share_id: string;
}

export interface ReadyClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** By the drivers' names; no list: the driver has not answered yet. */
  readonly drivers: Record<string, ReadyDevice[] | null>;
  readonly pods: string[];
}

const CHECKPOINT = 'dra_manager_state';
interface Answers {
  readonly claims: Readonly<Record<string, { readonly devices?: ReadyDevice[]; readonly error: string }>>;
}

/** `request`, or the main one of `request/choice`. */
function isOf(device: ReadyDevice, request: string | undefined): boolean {
  if (request === undefined || request === '' || device.request_names.length === 0) return true;
  return device.request_names.some((name) => name === request || name.startsWith(`${request}/`));
}

export class ClaimDevices {
  private readonly ready = new Map<string, ReadyClaim>();
  private working: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly directory: string,
    private readonly log: LogSink,
    readonly drivers: Drivers,
  ) {}

  async load(): Promise<void> {
    const text = await readIfExists(path.join(this.directory, CHECKPOINT));
    if (text === undefined) return;
    try {
      for (const claim of JSON.parse(text) as ReadyClaim[]) this.ready.set(claim.uid, claim);
    } catch (error) {
      this.log('warn', 'the checkpoint of claims cannot be read', { error: String(error) });
    }
  }

  private async save(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o750 });
    await writeFileAtomic(path.join(this.directory, CHECKPOINT), JSON.stringify([...this.ready.values()]), {
      mode: 0o600,
    });
  }

  /** What changes claims goes one after the other. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.working.catch(() => undefined).then(work);
    this.working = next;
    return next;
  }

  prepare(pod: Pod, claims: readonly ResourceClaim[]): Promise<void> {
    return this.inTurn(async () => {
      const batches = new Map<string, ReadyClaim[]>();
      const fresh = claims.map((c) => c.metadata.uid ?? '').filter((uid) => !this.ready.has(uid));
      for (const claim of claims) {
        const ready = this.entry(claim, namesOf(pod).uid);
        for (const [driver, devices] of Object.entries(ready.drivers))
          if (devices === null) batches.set(driver, [...(batches.get(driver) ?? []), ready]);
      }
      try {
        for (const driver of batches.keys()) this.drivers.get(driver);
      } catch (error) {
        // Nobody was asked for anything yet: nothing has to be given back, which would take the driver too.
        for (const uid of fresh) this.ready.delete(uid);
        throw error;
      }
      // The intent is written down first: what a driver has made ready must be taken back, also after a crash.
      await this.save();
      for (const [driver, batch] of batches) await this.prepareBy(driver, batch);
      await this.save();
    });
  }

  private entry(claim: ResourceClaim, podUid: string): ReadyClaim {
    const { namespace = '', name = '', uid = '' } = claim.metadata;
    const drivers = (claim.status?.allocation?.devices?.results ?? []).map((r) => r.driver);
    const made: ReadyClaim = this.ready.get(uid) ?? {
      ...{ namespace, name, uid, pods: [] },
      drivers: Object.fromEntries(drivers.map((d) => [d, null])),
    };
    if (!made.pods.includes(podUid)) made.pods.push(podUid);
    this.ready.set(uid, made);
    return made;
  }

  private async prepareBy(driver: string, batch: readonly ReadyClaim[]): Promise<void> {
    const answers = await this.ask(driver, 'NodePrepareResources', batch);
    for (const claim of batch) claim.drivers[driver] = [...(answers.claims[claim.uid]?.devices ?? [])];
  }

  private async ask(driver: string, method: string, batch: readonly ReadyClaim[]): Promise<Answers> {
    const claims = batch.map(({ namespace, uid, name }) => ({ namespace, uid, name }));
    const answers = await this.drivers
      .get(driver)
      .call<Answers>(method, { claims })
      .catch((error: unknown) => {
        throw new Error(`${method}: ${messageOf(error)}`, { cause: error });
      });
    for (const { uid, name } of batch) {
      const error = answers.claims[uid]?.error ?? '';
      if (error !== '') throw new Error(`${method} failed for ResourceClaim ${name}: ${error}`);
    }
    const skipped = batch.filter((claim) => answers.claims[claim.uid] === undefined).length;
    if (skipped > 0) throw new Error(`${method} skipped ${skipped} ResourceClaims`);
    return answers;
  }

  /** The pod's containers have ended. Throws when a driver does not take its devices back: it is asked again. */
  release(podUid: string): Promise<void> {
    if (![...this.ready.values()].some((claim) => claim.pods.includes(podUid))) return Promise.resolve();
    return this.inTurn(async () => {
      for (const claim of [...this.ready.values()]) {
        const at = claim.pods.indexOf(podUid);
        if (at < 0) continue;
        if (claim.pods.length === 1) {
          for (const driver of Object.keys(claim.drivers)) await this.ask(driver, 'NodeUnprepareResources', [claim]);
          this.ready.delete(claim.uid);
        } else claim.pods.splice(at, 1);
      }
      await this.save();
    });
  }

  /** Pods for which something is ready. */
  get pods(): readonly string[] {
    return [...new Set([...this.ready.values()].flatMap((claim) => claim.pods))];
  }

  /** What a container has of the pod's claims. */
  of(pod: Pod, container: Pick<Container, 'resources'>): { claim: ReadyClaim; driver: string; device: ReadyDevice }[] {
    const { namespace } = namesOf(pod);
    return (container.resources?.claims ?? []).flatMap(({ name, request }) => {
      const wanted = pod.spec?.resourceClaims?.find((c) => c.name === name);
      const known = wanted === undefined ? undefined : claimOfPod(pod, wanted);
      if (known?.kind !== 'named') return [];
      const claim = [...this.ready.values()].find((c) => c.namespace === namespace && c.name === known.name);
      if (claim === undefined) return [];
      return Object.entries(claim.drivers).flatMap(([driver, devices]) =>
        (devices ?? []).filter((device) => isOf(device, request)).map((device) => ({ claim, driver, device })),
      );
    });
  }

  /** Pods that have devices of a driver. */
  podsOf(driver: string): readonly string[] {
    const claims = [...this.ready.values()].filter((claim) => (claim.drivers[driver] ?? null) !== null);
    return [...new Set(claims.flatMap((claim) => claim.pods))];
  }
}
