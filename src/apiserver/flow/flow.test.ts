// Priority and fairness: who falls under which schema, who waits, who is refused.
import { describe, expect, it } from 'vitest';
import { accountUser } from '../../client/index.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../resources/generated/flowcontrol-v1.ts';
import { bootstrapFlowObjects } from './bootstrap.ts';
import { FlowControl, type FlowOutcome } from './control.ts';
import { dumpLevels, dumpQueues } from './dump.ts';
import { type FlowAttributes, findSchema, inPrecedence } from './match.ts';
import { dealHand, QueueSet } from './queue-set.ts';

const defaults = bootstrapFlowObjects();
const schemas = defaults.filter((o): o is FlowSchema => o.kind === 'FlowSchema');
const levels = defaults.filter((o): o is PriorityLevelConfiguration => o.kind === 'PriorityLevelConfiguration');

const ask = (part: Partial<FlowAttributes> & { groups?: string[]; name?: string }): FlowAttributes => ({
  user: { username: part.name ?? 'jane', groups: [...(part.groups ?? []), 'system:authenticated'] },
  verb: 'list',
  isResource: true,
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  path: '',
  ...part,
});

describe('flow schemas', () => {
  it('sends each kind of client to its level', () => {
    const ordered = inPrecedence(schemas);
    const level = (part: Parameters<typeof ask>[0]) => findSchema(ordered, ask(part))?.metadata.name;
    expect(level({ groups: ['system:masters'] })).toBe('exempt');
    expect(level({ isResource: false, verb: 'get', path: '/livez' })).toBe('probes');
    expect(
      level({
        groups: ['system:nodes'],
        group: 'coordination.k8s.io',
        resource: 'leases',
        verb: 'update',
        namespace: 'kube-node-lease',
      }),
    ).toBe('system-node-high');
    expect(level({ groups: ['system:nodes'] })).toBe('system-nodes');
    expect(level({ groups: ['system:serviceaccounts'], name: 'system:serviceaccount:a:default' })).toBe(
      'service-accounts',
    );
    expect(level({})).toBe('global-default');
  });

  it('sends the parts of a control plane to the levels that are meant for them', () => {
    const ordered = inPrecedence(schemas);
    const schemaOf = (name: string, part: Parameters<typeof ask>[0] = {}) => {
      const account = name.startsWith('system:') ? undefined : accountUser(name);
      const attributes = ask({ groups: [...(account?.groups ?? [])], name: account?.username ?? name, ...part });
      return findSchema(ordered, attributes)?.metadata.name;
    };
    expect(schemaOf('system:kube-controller-manager')).toBe('kube-controller-manager');
    expect(schemaOf('system:kube-scheduler')).toBe('kube-scheduler');
    expect(schemaOf('endpointslice-controller')).toBe('endpoint-controller');
    expect(schemaOf('deployment-controller')).toBe('kube-system-service-accounts');
    expect(schemaOf('coredns')).toBe('kube-system-service-accounts');
    const lease = { group: 'coordination.k8s.io', resource: 'leases', verb: 'update', namespace: 'kube-system' };
    expect(schemaOf('system:kube-scheduler', lease)).toBe('system-leader-election');
  });
});

describe('a queue set', () => {
  const limited = { concurrency: 2, queues: 8, handSize: 2, queueLengthLimit: 3 };

  it('never runs more than its seats, and lets the next in when one is freed', async () => {
    const set = new QueueSet(limited);
    const first = await set.acquire('a', 1);
    const second = await set.acquire('b', 1);
    let third: (() => void) | undefined;
    const waiting = set.acquire('c', 1).then((release) => {
      third = release;
    });
    await Promise.resolve();
    expect(third).toBeUndefined();
    first();
    first(); // A second release changes nothing.
    await waiting;
    expect(set.executing).toBe(2);
    second();
    third?.();
    expect(set.executing).toBe(0);
  });

  it('refuses when a queue is full, and at once where there are no queues', async () => {
    const set = new QueueSet({ ...limited, concurrency: 1, queues: 1, handSize: 1 });
    const hold = await set.acquire('a', 1);
    const waiting = [1, 2, 3].map(() => set.acquire('a', 1).then((r) => r()));
    await expect(set.acquire('a', 1)).rejects.toMatchObject({ refusal: 'queue-full' });
    hold();
    await Promise.all(waiting);
    const strict = new QueueSet({ concurrency: 1, queues: 0, handSize: 1, queueLengthLimit: 1 });
    await strict.acquire('a', 1);
    await expect(strict.acquire('a', 1)).rejects.toMatchObject({ refusal: 'concurrency-limit' });
  });

  it('does not let a flood of one flow hold up another', async () => {
    const set = new QueueSet({ concurrency: 1, queues: 64, handSize: 4, queueLengthLimit: 1000 });
    const order: string[] = [];
    const hold = await set.acquire('first', 1);
    const run = (flow: string) =>
      set.acquire(flow, 1).then((release) => {
        order.push(flow);
        release();
      });
    const flood = Array.from({ length: 100 }, () => run('flood'));
    const polite = run('polite');
    hold();
    await Promise.all([...flood, polite]);
    expect(order.indexOf('polite')).toBeLessThan(5);
  });

  it('forgets those who have gone', async () => {
    const set = new QueueSet({ ...limited, concurrency: 1 });
    const hold = await set.acquire('a', 1);
    const gone = new AbortController();
    const waiting = set.acquire('a', 1, gone.signal);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ refusal: 'cancelled' });
    expect(set.queued).toBe(0);
    hold();
    (await set.acquire('a', 1))();
  });

  it('deals a flow the same hand every time, without a card twice', () => {
    const hand = dealHand('flow', 64, 6);
    expect(dealHand('flow', 64, 6)).toEqual(hand);
    expect(new Set(hand).size).toBe(6);
  });
});

describe('flow control', () => {
  const told: FlowOutcome[] = [];
  const control = (total: number) =>
    new FlowControl({
      objects: { schemas: () => schemas, levels: () => levels, generation: 1 },
      totalConcurrency: total,
      queueWaitMs: 20,
      timeoutSignal: (ms) => AbortSignal.timeout(ms),
      now: () => 0,
      observe: (outcome) => void told.push(outcome),
    });

  it('answers a flood with 429 and a time to come back, while leases and masters pass', async () => {
    const flow = control(10);
    const held = await Promise.all(
      Array.from({ length: 5 }, () =>
        flow.admit(ask({ groups: ['system:serviceaccounts'], name: 'system:serviceaccount:a:x' })),
      ),
    );
    expect(held).toHaveLength(5);
    await expect(
      flow.admit(ask({ groups: ['system:serviceaccounts'], name: 'system:serviceaccount:a:x' })),
    ).rejects.toMatchObject({
      code: 429,
      details: { retryAfterSeconds: 1 },
    });
    await flow.admit(ask({ groups: ['system:masters'] }));
    await flow.admit(
      ask({
        groups: ['system:nodes'],
        group: 'coordination.k8s.io',
        resource: 'leases',
        verb: 'update',
        namespace: 'kube-node-lease',
      }),
    );
    expect(flow.loads()).toContainEqual({ name: 'workload-low', limit: 5, executing: 5, queued: 0 });
    expect(told.filter(({ refusal }) => refusal !== undefined)).toEqual([
      { schema: 'service-accounts', level: 'workload-low', refusal: 'cancelled', waitedMs: 0 },
    ]);
    expect(told).toContainEqual({ schema: 'exempt', level: 'exempt', waitedMs: 0 });
    for (const one of held) one.release();
    (await flow.admit(ask({ groups: ['system:serviceaccounts'], name: 'system:serviceaccount:a:x' }))).release();
  });
});

describe('the tables for people', () => {
  const level = (name: string, type: 'Exempt' | 'Limited'): PriorityLevelConfiguration => ({
    kind: 'PriorityLevelConfiguration',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec:
      type === 'Exempt'
        ? { type }
        : {
            type,
            limited: {
              nominalConcurrencyShares: 1,
              limitResponse: { type: 'Queue', queuing: { queues: 2, handSize: 1, queueLengthLimit: 1 } },
            },
          },
  });
  const schema = (name: string, username: string): FlowSchema => ({
    kind: 'FlowSchema',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name },
      matchingPrecedence: 1,
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: username } }],
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
        },
      ],
    },
  });
  const objects = {
    schemas: () => [schema('slow', 'jane'), schema('free', 'root')],
    levels: () => [level('slow', 'Limited'), level('free', 'Exempt')],
    generation: 1,
  };

  it('tell what runs, what waits, and what became of the rest', async () => {
    const control = new FlowControl({
      objects,
      totalConcurrency: 1,
      queueWaitMs: 1000,
      timeoutSignal: () => new AbortController().signal,
      now: () => 0,
    });
    const running = await control.admit(ask({}));
    const free = await control.admit(ask({ name: 'root' }));
    free.release();
    const gone = new AbortController();
    const waiting = control.admit(ask({}), 1, gone.signal);
    await expect(control.admit(ask({}))).rejects.toMatchObject({ code: 429 });
    expect(dumpLevels(control.states())).toBe(
      [
        'PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests',
        'free,              0,            true,   false,       0,               0,                 1,                  0,                0,                0',
        'slow,              1,            false,  false,       1,               1,                 1,                  1,                0,                0',
        '',
      ].join('\n'),
    );
    const busy = dumpQueues(control.states())
      .split('\n')
      .find((line) => /^slow, +\d, +1, /.test(line));
    expect(busy?.split(/, +/).slice(2)).toEqual(['1', '1', '1', '0.00300000ss', '1', '1', '0.00300000ss']);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ code: 429 });
    running.release();
    running.release();
    expect(dumpLevels(control.states())).toMatch(/\nslow, +0, +true, +false, +0, +0, +1, +1, +0, +1\n$/);
  });
});
