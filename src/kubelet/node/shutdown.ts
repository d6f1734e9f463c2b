// Graceful node shutdown: ordinary pods first, critical ones in the time kept for them.
// https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/

import type { Clock } from '../../host/clock.ts';
import { nearest } from '../../machinery/int64.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { KubeletConfig } from '../config.ts';
import { isCritical, namesOf, specOf } from '../pod/identity.ts';
import type { PodManager } from '../worker/pod-manager.ts';

export interface ShutdownOptions {
  readonly clock: Clock;
  readonly config: Pick<KubeletConfig, 'shutdownGraceSeconds' | 'shutdownGraceCriticalSeconds'>;
  readonly manager: Pick<PodManager, 'pods' | 'worker' | 'end'>;
}

export async function shutDownPods(options: ShutdownOptions, limitMs = Number.POSITIVE_INFINITY): Promise<void> {
  const { shutdownGraceSeconds, shutdownGraceCriticalSeconds } = options.config;
  const all = Math.min(shutdownGraceSeconds, Math.floor(limitMs / 1000));
  // Where the host gives less time, each gets its share of it.
  const critical = Math.floor((shutdownGraceCriticalSeconds * all) / Math.max(1, shutdownGraceSeconds));
  const pods = options.manager.pods();
  const ordinary = pods.filter((p) => !isCritical(p));
  await endThese(options, ordinary, Math.max(0, all - critical));
  await endThese(options, pods.filter(isCritical), critical);
}

async function endThese({ manager, clock }: ShutdownOptions, pods: readonly Pod[], seconds: number): Promise<void> {
  for (const pod of pods) {
    const own = nearest(specOf(pod).terminationGracePeriodSeconds ?? 30);
    manager.end(namesOf(pod).uid, {
      why: 'evicted',
      graceSeconds: Math.min(own, seconds),
      verdict: { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' },
    });
  }
  const until = clock.now() + seconds * 1000 + 2_000;
  const left = (): boolean => pods.some((p) => manager.worker(namesOf(p).uid)?.isEnded === false);
  while (left() && clock.now() < until) await clock.sleep(20);
}
