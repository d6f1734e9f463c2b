// Diagnoses: what a pod shows, and the answer that comes of it.
import { describe, expect, it } from 'vitest';
import type { Container, ContainerState, Node, Pod } from '../../resources/generated/core-v1.ts';
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
  readonly nodes?: readonly Node[];
  readonly log?: string;
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
  const nodes = shown.nodes ?? [
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-1' },
      status: { images: [{ names: [...(shown.images ?? [])] }] },
    },
  ];
  return diagnose(viewOf(pod, { events: shown.events ?? [], nodes, logs: new Map([['c', shown.log ?? '']]) }));
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

const UNFIT = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";

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
    'image-here-but-asked',
    { container: { image: 'me/app' }, state: waits('ErrImagePull'), images: ['docker.io/me/app:latest'] },
  ],
  ['image-misspelt', { container: { image: 'ngnix' }, state: waits('ErrImagePull', 'ngnix:latest: not found') }],
  [
    'image-misspelt',
    {
      container: { image: 'postgress:16', imagePullPolicy: 'IfNotPresent' },
      state: waits('ErrImagePull', 'not found'),
    },
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
  [
    'command-not-executable',
    {
      state: waits('RunContainerError'),
      last: ended(128, 'StartError', 'open executable: Permission denied: unknown'),
    },
  ],
  [
    'directory-wrong',
    { state: waits('RunContainerError'), last: ended(128, 'StartError', 'chdir `/etc/passwd`: Not a directory') },
  ],
  [
    'volume-key-missing',
    {
      state: waits('ContainerCreating'),
      spec: { volumes: [{ name: 'v', configMap: { name: 'site' } }] },
      events: [
        {
          reason: 'FailedMount',
          message: 'MountVolume.SetUp failed for volume "v" : references non-existent config key: zz',
        },
      ],
    },
  ],
  [
    'volume-host-path',
    {
      state: waits('ContainerCreating'),
      events: [{ reason: 'FailedMount', message: 'x : hostPath type check failed: /nope is not a directory' }],
    },
  ],
  [
    'init-running',
    {
      spec: { initContainers: [{ name: 'wait' }] },
      status: {
        initContainerStatuses: [
          { name: 'wait', image: '', imageID: '', ready: false, restartCount: 0, state: { running: {} } },
        ],
      },
    },
  ],
  [
    'address-in-use',
    {
      state: waits('CrashLoopBackOff'),
      last: ended(1, 'Error'),
      restarts: 2,
      log: 'bind() to 0.0.0.0:80 failed (98: Address already in use)',
    },
  ],
  [
    'read-only-root',
    {
      container: { securityContext: { readOnlyRootFilesystem: true } },
      state: waits('CrashLoopBackOff'),
      last: ended(1, 'Error'),
      log: 'touch: /x: Read-only file system',
    },
  ],
  [
    'post-start-failed',
    {
      container: { lifecycle: { postStart: {} } },
      state: { running: {} },
      events: [{ reason: 'FailedPostStartHook', message: 'PostStartHook failed' }],
    },
  ],
  ['gated', { spec: { nodeName: '', schedulingGates: [{ name: 'example.com/x' }] } }],
  ['other-scheduler', { spec: { nodeName: '', schedulerName: 'mine' } }],
  ['node-missing', { spec: { nodeName: 'nope' } }],
  ['claim-missing', unscheduled('0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1')],
  ['claim-unbound', unscheduled('0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.')],
  [
    'cordoned',
    {
      ...unscheduled('0/1 nodes are available: 1 node(s) were unschedulable.'),
      nodes: [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { unschedulable: true } }],
    },
  ],
  [
    'readiness-gate',
    {
      ready: true,
      spec: { readinessGates: [{ conditionType: 'example.com/g' }] },
      status: { phase: 'Running', conditions: [{ type: 'ContainersReady', status: 'True' }] },
    },
  ],
  [
    'over-disk-limit',
    {
      status: { phase: 'Failed', reason: 'Evicted', message: 'Container c exceeded its local ephemeral storage limit' },
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
  [
    'no-fitting-node',
    {
      ...unscheduled(UNFIT),
      spec: { nodeName: '', nodeSelector: { disktype: 'ssd' } },
    },
  ],
  [
    'no-fitting-affinity',
    {
      ...unscheduled(UNFIT),
      spec: {
        nodeName: '',
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
            },
          },
        },
      },
    },
  ],
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

  it('does not take an image that is spelt right for another, nor what somebody built', () => {
    for (const image of ['nginx:9', 'spring-server', 'me/redi', 'my-node'])
      expect(idOf({ container: { image }, state: waits('ErrImagePull', 'not found') }).id).not.toBe('image-misspelt');
  });

  it('shows the last words of a container, and asks for the log before only when there is one', () => {
    const crash = { last: ended(127, 'Error'), log: 'sh: foo: not found\n' };
    const looping = idOf({ ...crash, state: waits('CrashLoopBackOff'), restarts: 1 });
    const told = answer(looping.id, looping.facts, 'en');
    expect(told.wrong).toBe('Container c ended with exit code 127 (a command that was not found).');
    expect(told.log).toEqual(['sh: foo: not found']);
    expect(told.type[0]).toContain('kubectl logs p -c c -p ');
    const once = idOf({ state: ended(1, 'Error'), status: { phase: 'Failed' } });
    expect(answer(once.id, once.facts, 'en').type[0]).toMatch(/^kubectl logs p -c c {4}#/);
  });

  it('names what the scheduler named, without what it says of preemption', () => {
    const room = idOf(unscheduled('0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes: no.'));
    expect(answer(room.id, room.facts, 'en').wrong).toBe(
      'No node has room for the Pod: there is too little cpu (0/1 nodes are available: 1 Insufficient cpu).',
    );
  });

  it('gives commands for the namespace of the pod, and leaves those about nodes alone', () => {
    const there = idOf({ metadata: { namespace: 'shop' }, state: waits('CrashLoopBackOff'), last: ended(1, 'Error') });
    expect(answer(there.id, there.facts, 'en').type[1]).toBe('kubectl -n shop describe pod p');
    const room = idOf({ ...unscheduled('1 Insufficient cpu.'), metadata: { namespace: 'shop' } });
    expect(answer(room.id, room.facts, 'en').type[0]).toMatch(/^kubectl describe nodes/);
  });

  it('has an answer for every rule', () => {
    for (const { id } of RULES)
      for (const language of ['en', 'ko'] as const) expect(answer(id, {}, language).type.length).toBeGreaterThan(0);
  });

  it('speaks Korean where the locale is Korean', () => {
    expect(languageOf({ LANG: 'ko_KR.UTF-8' })).toBe('ko');
    expect(languageOf({ LANG: 'ko_KR.UTF-8', LC_ALL: 'C' })).toBe('en');
    expect(languageOf({ LANG: 'ko_KR.UTF-8', LC_ALL: '' })).toBe('ko');
  });
});
