// Tests of the scheduler at work, over a small API server.
import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, createInformerFactory, type FakeApi, fakeApi, HandClock } from '../client/index.ts';
import { type Clock, systemClock } from '../host/clock.ts';
import type { Event, Node, Pod, PodSpec } from '../resources/generated/core-v1.ts';
import { runScheduler } from './index.ts';

let api: FakeApi;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  api = fakeApi();
  stop = new AbortController();
  setMaxListeners(0, stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
});

function start(clock: Clock = systemClock): void {
  const client = createClient({ transport: api.transport, userAgent: 'test' });
  const informers = createInformerFactory(client, { clock: systemClock });
  running = runScheduler({ client, informers, clock, random: { float: () => 0 }, signal: stop.signal });
  informers.start(stop.signal);
}

function putNode(name: string, labels: Record<string, string> = {}, cpu = '2'): void {
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: {},
    status: { allocatable: { cpu, memory: '4Gi', pods: '110' } },
  };
  api.put('nodes', node);
}

function putPod(name: string, spec: Partial<PodSpec> = {}): void {
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }];
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns' },
    spec: { containers, ...spec },
    status: {},
  };
  api.put('pods', pod);
}

const podNamed = (name: string): Pod | undefined => api.objects<Pod>('pods').find((pod) => pod.metadata.name === name);
const events = (reason: string): Event[] => api.objects<Event>('events').filter((event) => event.reason === reason);

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('it did not come about');
}

describe('the scheduler', () => {
  it('binds a pod at once and says so', async () => {
    putNode('n1');
    // A clock that stands still: whoever waited for it would wait for ever.
    start(new HandClock());
    await new Promise((resolve) => setTimeout(resolve, 50));
    putPod('p');
    await until(() => podNamed('p')?.spec?.nodeName === 'n1');
    await until(() => events('Scheduled').length === 1);
    expect(events('Scheduled')[0]).toMatchObject({
      message: 'Successfully assigned ns/p to n1',
      reportingComponent: 'default-scheduler',
      action: 'Binding',
      type: 'Normal',
    });
  });

  it('tells what fits nowhere, and binds it as soon as a node will do', async () => {
    putNode('n1');
    putPod('p', { nodeSelector: { disk: 'ssd' } });
    start();
    const message =
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    await until(() => podNamed('p')?.status?.conditions !== undefined);
    expect(podNamed('p')?.status?.conditions).toEqual([
      expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }),
    ]);
    await until(() => events('FailedScheduling').length === 1);
    expect(events('FailedScheduling')[0]).toMatchObject({ message, type: 'Warning' });
    putNode('n1', { disk: 'ssd' });
    await until(() => podNamed('p')?.spec?.nodeName === 'n1');
  });

  it('leaves alone what is not its own, gated or being deleted, and takes it up when the gate opens', async () => {
    putNode('n1');
    putPod('other', { schedulerName: 'mine' });
    putPod('gated', { schedulingGates: [{ name: 'wait' }] });
    start();
    putPod('p');
    await until(() => podNamed('p')?.spec?.nodeName === 'n1');
    expect(podNamed('other')?.spec?.nodeName).toBeUndefined();
    expect(podNamed('gated')?.spec?.nodeName).toBeUndefined();
    putPod('gated', { schedulingGates: [] });
    await until(() => podNamed('gated')?.spec?.nodeName === 'n1');
  });

  it('never gives a node more than it has, however many come at once', async () => {
    putNode('n1');
    putNode('n2');
    start();
    for (let i = 0; i < 10; i++) putPod(`p${i}`);
    await until(() => api.objects<Pod>('pods').filter((pod) => pod.spec?.nodeName !== undefined).length === 4);
    await until(() => events('FailedScheduling').length === 6);
    const on = (node: string): number => api.objects<Pod>('pods').filter((pod) => pod.spec?.nodeName === node).length;
    expect([on('n1'), on('n2')]).toEqual([2, 2]);
  });

  it('takes the room of finished and deleted pods', async () => {
    putNode('n1', {}, '1');
    start();
    putPod('a');
    await until(() => podNamed('a')?.spec?.nodeName === 'n1');
    putPod('b');
    await until(() => events('FailedScheduling').length === 1);
    const a = podNamed('a');
    api.put('pods', { ...a, status: { ...a?.status, phase: 'Succeeded' } });
    await until(() => podNamed('b')?.spec?.nodeName === 'n1');
  });

  it('preempts: nominates the node, marks and deletes the victim, then binds', async () => {
    putNode('n1', {}, '1');
    start();
    putPod('low', { priority: 0 });
    await until(() => podNamed('low')?.spec?.nodeName === 'n1');
    putPod('high', { priority: 100 });
    await until(() => podNamed('low') === undefined);
    await until(() => podNamed('high')?.spec?.nodeName === 'n1');
    await until(() => events('Preempted').length === 1);
    expect(events('Preempted')[0]?.message).toBe(`Preempted by pod ${podNamed('high')?.metadata.uid} on node n1`);
  });

  it('tries again when binding failed', async () => {
    putNode('n1');
    let refusals = 1;
    api.intercept = (request) => {
      if (!request.path.endsWith('/binding') || refusals-- <= 0) return undefined;
      return { status: 500, headers: {}, body: Buffer.from('broken') };
    };
    start();
    putPod('p');
    await until(() => podNamed('p')?.spec?.nodeName === 'n1');
  });
});
