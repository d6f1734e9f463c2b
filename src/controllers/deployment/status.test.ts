// The status of a Deployment: what is said of its progress.
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import { deploymentStatus } from './status.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

function deployment(paused: boolean): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'a', generation: 1 },
    spec: {
      paused,
      replicas: 0,
      progressDeadlineSeconds: 600,
      selector: { matchLabels: { app: 'a' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
    status: {
      conditions: [
        { type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' },
      ],
    },
  };
}

const progress = (one: Deployment) =>
  deploymentStatus({ deployment: one, fresh: undefined, old: [], now: NOW }).status.conditions?.find(
    (c) => c.type === 'Progressing',
  )?.reason;

describe('the progress of a deployment', () => {
  it('is not spoken of while it is paused, even when nothing is left to do', () => {
    expect(progress(deployment(true))).toBe('DeploymentPaused');
  });

  it('is complete when nothing is left to do', () => {
    expect(progress(deployment(false))).toBe('NewReplicaSetAvailable');
  });
});

describe('the pods of a deployment that are ending', () => {
  const set = (terminatingReplicas: number | undefined, observedGeneration: number): ReplicaSet => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 's' },
    status: {
      replicas: 0,
      observedGeneration,
      ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }),
    },
  });
  const ending = (...old: ReplicaSet[]) =>
    deploymentStatus({ deployment: deployment(false), fresh: undefined, old, now: NOW }).status.terminatingReplicas;

  it('are counted over all sets, as soon as all that were looked at tell theirs', () => {
    expect(ending()).toBe(0);
    expect(ending(set(2, 1), set(1, 3), set(undefined, 0))).toBe(3);
    expect(ending(set(2, 1), set(undefined, 1))).toBeUndefined();
  });
});
