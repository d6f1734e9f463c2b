// The end of one pod: its containers stop, its last status is told, and what it had on the node is taken away.

import { PODS } from '../../client/index.ts';
import { removeTree } from '../../host/remove-tree.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { PodPaths } from '../pod/identity.ts';
import type { Observed } from '../pod/observed.ts';
import type { PodProbes } from '../probes/pod-probes.ts';
import type { WorkerDeps } from './deps.ts';
import type { Killer } from './killer.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { VolumeKeeper } from './volume-keeper.ts';

export interface PodEndInput {
  readonly uid: string;
  readonly paths: PodPaths;
  readonly observed: () => Observed;
  readonly killer: Killer;
  readonly probes: PodProbes;
  readonly volumes: VolumeKeeper;
  readonly publisher: StatusPublisher;
}

export class PodEnd {
  private over = false;
  private clean = false;

  constructor(
    private readonly deps: WorkerDeps,
    private readonly input: PodEndInput,
  ) {}

  /** Nothing of the pod runs any more. */
  get isOver(): boolean {
    return this.over;
  }

  /** What it had besides is gone as well, as far as an ended pod lets go of it. */
  get isClean(): boolean {
    return this.clean;
  }

  async stop(graceSeconds: number | undefined): Promise<void> {
    const { runtime, cache, plugins } = this.deps;
    const { uid, observed, killer, probes, publisher } = this.input;
    probes.stopKilling();
    publisher.publish();
    await killer.killAll(graceSeconds === undefined ? {} : { graceSeconds });
    for (const s of observed().sandboxes) if (s.state === 'ready') await runtime.stopPodSandbox(s.id);
    await cache.refresh(uid);
    await publisher.readMessages();
    // Only now has nobody the pod's devices in use.
    await plugins.release(uid);
    this.over = true;
    probes.stop();
    publisher.publishNow();
  }

  /** An evicted pod has to give back what it has on the disk, its logs among it. */
  async cleanUp(evicted: boolean): Promise<void> {
    const { objects, images, backoff, writer } = this.deps;
    const { uid, volumes } = this.input;
    await volumes.tearDown();
    if (evicted) await this.discard();
    objects.release(uid);
    images.forget(uid);
    backoff.forget(uid);
    await writer.flushed(uid);
    this.clean = true;
  }

  /** Removes the containers of a pod that is over, with their layers and logs. */
  async discard(): Promise<void> {
    const { runtime, cache } = this.deps;
    const { uid, observed, paths } = this.input;
    for (const { id } of observed().containers) {
      await runtime.removeContainer(id);
      cache.forget(uid, id);
    }
    await removeTree(paths.logs);
  }

  /** Takes the pod out of the API, unless it is out, and then all that is left of it from the node. */
  async leave(target: Pod | undefined): Promise<void> {
    const { runtime, cache, writer } = this.deps;
    const { uid, observed, volumes } = this.input;
    if (target !== undefined) await this.deleteFromApi(target);
    writer.forget(uid);
    await volumes.tearDown();
    await this.discard();
    for (const { id } of observed().sandboxes) {
      await runtime.removePodSandbox(id);
      cache.forget(uid, id);
    }
  }

  private async deleteFromApi(target: Pod): Promise<void> {
    const { namespace = '', name = '', uid } = target.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await this.deps.client.resource(PODS).delete(namespace, name, { gracePeriodSeconds: 0, ...preconditions });
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }
}
