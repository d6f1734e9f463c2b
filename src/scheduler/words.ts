// What the scheduler tells of pods: conditions and events, and the deletion of those that have to make room.
import { type Client, EventRecorder, PODS, type ResourceClient } from '../client/index.ts';
import type { Clock } from '../host/clock.ts';
import { isApiError } from '../machinery/errors.ts';
import { rfc3339 } from '../machinery/time.ts';
import type { Pod, PodCondition } from '../resources/generated/core-v1.ts';
import type { PreemptionPlan } from './preemption.ts';

export interface WordsOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** The scheduler's. */
  readonly name: string;
  readonly onError?: (error: unknown) => void;
}

export class SchedulerWords {
  private readonly pods: ResourceClient<Pod>;
  private readonly recorder: EventRecorder;

  constructor(private readonly options: WordsOptions) {
    const { client, clock, name, onError } = options;
    this.pods = client.resource(PODS);
    this.recorder = new EventRecorder({
      client,
      clock,
      component: name,
      style: 'series',
      ...(onError === undefined ? {} : { onError }),
    });
  }

  bound(pod: Pod, message: string): void {
    this.recorder.event(pod, 'Normal', 'Scheduled', message, { action: 'Binding' });
  }

  /** Sets the condition PodScheduled and writes the event. `nominated` is left as it is when undefined. */
  async tell(pod: Pod, reason: string, message: string, nominated: string | undefined): Promise<void> {
    this.recorder.event(pod, 'Warning', 'FailedScheduling', message, { action: 'Scheduling' });
    const old = pod.status?.conditions?.find((one) => one.type === 'PodScheduled');
    const renominated = nominated !== undefined && nominated !== (pod.status?.nominatedNodeName ?? '');
    if (old?.status === 'False' && old.reason === reason && old.message === message && !renominated) return;
    const now = rfc3339(this.options.clock.now());
    const condition: Omit<PodCondition, 'lastProbeTime'> & { lastProbeTime: null } = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime: old?.status === 'False' ? (old.lastTransitionTime ?? now) : now,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    };
    const status = { conditions: [condition], ...(renominated ? { nominatedNodeName: nominated || null } : {}) };
    const { namespace = '', name = '', uid } = pod.metadata;
    try {
      await this.pods.patch(namespace, name, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }

  async evict(pod: Pod, { node, victims }: Extract<PreemptionPlan, { kind: 'preempt' }>): Promise<void> {
    for (const { pod: victim } of victims) {
      if (victim.metadata.deletionTimestamp !== undefined) continue;
      const { namespace = '', name = '', uid } = victim.metadata;
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${this.options.name}: preempting to accommodate a higher priority pod`,
        lastTransitionTime: rfc3339(this.options.clock.now()),
      };
      try {
        const body = { metadata: { uid }, status: { conditions: [condition] } };
        await this.pods.patch(namespace, name, 'strategic', body, { subresource: 'status' });
        await this.pods.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } });
      } catch (error) {
        if (isApiError(error, 'NotFound') || isApiError(error, 'Conflict')) continue;
        throw error;
      }
      const message = `Preempted by pod ${pod.metadata.uid ?? ''} on node ${node}`;
      this.recorder.event(victim, 'Normal', 'Preempted', message, { action: 'Preempting' });
    }
  }
}
