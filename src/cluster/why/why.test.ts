// Diagnoses: what a pod shows, and the answer that comes of it.
import { describe, expect, it } from 'vitest';
import type { Container, ContainerState, Pod } from '../../resources/generated/core-v1.ts';
import { diagnose, RULES } from './rules.ts';
import { type PodEvent, viewOf } from './view.ts';
import { answer, languageOf } from './words.ts';

interface Shown {
  readonly container?: Partial<Container>;
  readonly state?: ContainerState;
  readonly last?: ContainerState;
  readonly restarts?: number;
  readonly ready?: boolean;
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
  readonly status?: Partial<NonNullable<Pod['status']>>;
  readonly events?: readonly PodEvent[];
  readonly images?: readonly string[];
  readonly metadata?: Partial<Pod['metadata']>;
}

function idOf(shown: Shown) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...shown.metadata },
    spec: {
      nodeName: 'node-1',
      restartPolicy: 'Always',
      containers: [{ name: 'c', image: 'nginx', imagePullPolicy: 'Always', ...shown.container }],
      ...shown.spec,
    },
    status: {
      phase: 'Pending',
      startTime: '2026-01-01T00:00:00Z',
      containerStatuses: [
        {
          name: 'c',
          image: 'nginx',
          imageID: '',
          ready: shown.ready ?? false,
          restartCount: shown.restarts ?? 0,
          state: shown.state ?? {},
          lastState: shown.last ?? {},
        },
      ],
      ...shown.status,
    },
  };
  return diagnose(viewOf(pod, shown.events ?? [], shown.images ?? []));
}

const waits = (reason: string, message = ''): ContainerState => ({ waiting: { reason, message } });
const ended = (exitCode: number, reason: string, message = ''): ContainerState => ({
  terminated: { exitCode, reason, message },
});
const pullFailed = (why: string): PodEvent[] => [{ reason: 'Failed', message: `Failed to pull image "x": ${why}` }];
const unscheduled = (message: string): Shown => ({
  spec: { nodeName: '' },
  status: {
    containerStatuses: [],
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
  },
});

const CASES: readonly (readonly [string, Shown])[] = [
  [
    'image-local-latest',
    {
      container: { image: 'spring-server' },
      state: waits('ImagePullBackOff'),
      events: pullFailed('docker.io/library/spring-server:latest: not found'),
    },
  ],
  [
    'image-local-latest',
    { container: { image: 'me/app' }, state: waits('ErrImagePull'), images: ['docker.io/me/app:latest'] },
  ],
  [
    'image-not-found',
    { container: { image: 'nginx:9.99', imagePullPolicy: 'IfNotPresent' }, state: waits('ErrImagePull', 'not found') },
  ],
  [
    'image-no-access',
    {
      container: { image: 'a/b:1' },
      state: waits('ImagePullBackOff'),
      events: pullFailed('pull access denied, repository does not exist'),
    },
  ],
  [
    'image-unreachable',
    {
      container: { image: 'reg.example/a:1' },
      state: waits('ErrImagePull', 'dial tcp: lookup reg.example: no such host'),
    },
  ],
  ['image-name-invalid', { container: { image: 'Bad Name' }, state: waits('InvalidImageName') }],
  ['image-never', { state: waits('ErrImageNeverPull') }],
  ['configmap-missing', { state: waits('CreateContainerConfigError', 'configmap "settings" not found') }],
  ['secret-missing', { state: waits('CreateContainerConfigError', 'secret "keys" not found') }],
  ['key-missing', { state: waits('CreateContainerConfigError', "couldn't find key a in ConfigMap default/settings") }],
  [
    'run-as-root',
    { state: waits('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root') },
  ],
  [
    'volume-source-missing',
    {
      state: waits('ContainerCreating'),
      events: [
        { reason: 'FailedMount', message: 'MountVolume.SetUp failed for volume "v" : configmap "site" not found' },
      ],
    },
  ],
  [
    'command-not-found',
    {
      state: waits('RunContainerError'),
      last: ended(128, 'StartError', 'exec: "nosuch": executable file not found in $PATH'),
    },
  ],
  ['out-of-memory', { state: waits('CrashLoopBackOff'), last: ended(137, 'OOMKilled'), restarts: 2 }],
  [
    'liveness-kills',
    {
      state: { running: {} },
      restarts: 3,
      last: ended(137, 'Error'),
      events: [
        { reason: 'Unhealthy', message: 'Liveness probe failed: HTTP probe failed with statuscode: 404' },
        { reason: 'Killing', message: 'Container c failed liveness probe, will be restarted' },
      ],
    },
  ],
  ['ends-at-once', { state: waits('CrashLoopBackOff'), last: ended(0, 'Completed'), restarts: 2 }],
  ['crashes', { state: waits('CrashLoopBackOff'), last: ended(1, 'Error'), restarts: 2 }],
  ['no-fitting-node', unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")],
  ['too-little-room', unscheduled('0/1 nodes are available: 1 Insufficient cpu.')],
  ['tainted', unscheduled('0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.')],
  ['port-taken', unscheduled("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.")],
  ['readiness-fails', { state: { running: {} }, container: { readinessProbe: {} }, status: { phase: 'Running' } }],
  ['evicted', { status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } }],
  ['held-by-finalizer', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/x'] } }],
  [
    'well',
    {
      ready: true,
      state: { running: {} },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    },
  ],
];

describe('minke why', () => {
  it.each(CASES)('finds %s', (id, shown) => {
    expect(idOf(shown).id).toBe(id);
  });

  it('fills in every word it promises, in both languages', () => {
    for (const [, shown] of CASES) {
      const { id, facts } = idOf(shown);
      for (const language of ['en', 'ko'] as const) {
        const { wrong, type } = answer(id, facts, language);
        expect([wrong, ...type].join('\n').replace(/'\{"metadata[^']*'/, '')).not.toMatch(/\{\w+\}/);
      }
    }
  });

  it('has an answer for every rule', () => {
    for (const { id } of RULES)
      for (const language of ['en', 'ko'] as const) expect(answer(id, {}, language).type.length).toBeGreaterThan(0);
  });

  it('speaks Korean where the locale is Korean', () => {
    expect(languageOf({ LANG: 'ko_KR.UTF-8' })).toBe('ko');
    expect(languageOf({ LANG: 'ko_KR.UTF-8', LC_ALL: 'C' })).toBe('en');
  });
});
