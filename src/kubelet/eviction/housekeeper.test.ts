// What a node does about a shortage, look by look.
import { describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { PodSandboxStats } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { DEFAULT_CONFIG } from '../config.ts';
import { namesOf, PodPaths } from '../pod/identity.ts';
import { pod } from '../test-support/pods.ts';
import type { Ending } from '../worker/pod-worker.ts';
import { Housekeeper } from './housekeeper.ts';
import type { HostView } from './observe.ts';
import type { Signal } from './signals.ts';

const MIB = 1024 ** 2;

function stats(name: string, memory: number): PodSandboxStats {
  return {
    id: name,
    uid: name,
    timestamp: 0,
    cpuUsageCoreNanoSeconds: 0,
    memoryUsageBytes: memory,
    memoryWorkingSetBytes: memory,
    pids: 1,
    containers: [],
  };
}

/** A node of pods whose memory is as it says. */
class Node {
  readonly clock = new HandClock();
  readonly memory = new Map<string, number>();
  readonly free: Partial<Record<Signal, number>> = {};
  readonly said: string[] = [];
  readonly ended = new Map<string, Ending>();
  readonly cleaned = new Set<string>();
  readonly annotations: unknown[] = [];
  ownImageFs = false;
  discarded = 0;
  imagesRemoved = 0;
  /** What becomes free when unused images go. */
  imageBytes = 0;
  told = 0;
  readonly keeper: Housekeeper;

  constructor(memory: Record<string, number>) {
    for (const [name, amount] of Object.entries(memory)) this.memory.set(name, amount);
    this.keeper = new Housekeeper({
      clock: this.clock,
      config: DEFAULT_CONFIG,
      observe: () => Promise.resolve(this.view()),
      runtime: { listPodSandboxStats: () => Promise.resolve([...this.memory].map(([n, m]) => stats(n, m))) },
      collector: { collect: () => Promise.resolve(), removeUnused: () => this.removeUnused() },
      manager: {
        pods: () => this.pods(),
        worker: (uid) => ({
          isCleanedUp: this.cleaned.has(uid),
          directory: new PodPaths('/nowhere', '/nowhere', namesOf(this.pod(uid))),
        }),
        end: (uid, ending) => this.ended.set(uid, ending),
        discardEnded: () => Promise.resolve(void this.discarded++),
      },
      recorder: {
        event: (about, _type, reason, message, details) => {
          this.said.push(`${about.metadata.name} ${reason}: ${message}`);
          this.annotations.push(details?.annotations);
        },
      },
      onConditions: () => this.told++,
      say: (_type, reason, message) => this.said.push(`node ${reason}: ${message}`),
      log: () => undefined,
    });
  }

  private removeUnused(): Promise<number> {
    this.imagesRemoved++;
    this.free['nodefs.available'] = (this.free['nodefs.available'] ?? 0) + this.imageBytes;
    return Promise.resolve(this.imageBytes);
  }

  private view(): HostView {
    const signals = Object.fromEntries(
      Object.entries(this.free).map(([signal, available]) => [signal, { available, capacity: 1000 * MIB }]),
    );
    return { signals, ownImageFs: this.ownImageFs };
  }

  private pod(name: string): Pod {
    const made = pod({});
    return { ...made, metadata: { ...made.metadata, name, uid: name } };
  }

  private pods(): Pod[] {
    return [...this.memory.keys()].filter((n) => !this.cleaned.has(n)).map((n) => this.pod(n));
  }
}

describe('the housekeeper', () => {
  it('evicts one pod a look, says why, and does not choose it again while it goes', async () => {
    const node = new Node({ small: 10 * MIB, large: 90 * MIB });
    node.free['memory.available'] = 50 * MIB;
    expect((await node.keeper.look()).map((p) => p.metadata.name)).toEqual(['large']);
    expect(node.said).toEqual([
      'node EvictionThresholdMet: Attempting to reclaim memory',
      'large Evicted: The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ',
    ]);
    expect(node.annotations).toEqual([
      { offending_containers: '', offending_containers_usage: '', starved_resource: 'memory' },
    ]);
    expect(node.ended.get('large')).toMatchObject({ why: 'evicted', graceSeconds: 1, verdict: { reason: 'Evicted' } });
    expect((await node.keeper.look()).map((p) => p.metadata.name)).toEqual(['small']);
    expect(await node.keeper.look()).toEqual([]);
  });

  it('waits until an evicted pod is gone before it looks again, at most half a minute', async () => {
    const node = new Node({ a: 10 * MIB, b: 90 * MIB });
    node.free['memory.available'] = 50 * MIB;
    const over = new AbortController();
    const running = node.keeper.run(over.signal);
    await node.clock.advance(10_000);
    expect([...node.ended.keys()]).toEqual(['b']);
    await node.clock.advance(20_000);
    expect([...node.ended.keys()]).toEqual(['b']);
    node.free['memory.available'] = 500 * MIB;
    node.cleaned.add('b');
    await node.clock.advance(60_000);
    expect([...node.ended.keys()]).toEqual(['b']);
    node.free['memory.available'] = 50 * MIB;
    await node.clock.advance(10_000);
    expect([...node.ended.keys()]).toEqual(['b', 'a']);
    over.abort();
    await node.clock.advance(60_000);
    await running;
  });

  it('takes a pressure back when it was away for five minutes', async () => {
    const node = new Node({});
    node.free['pid.available'] = 1;
    await node.keeper.look();
    expect(node.keeper.conditions).toEqual(['PIDPressure']);
    expect(node.told).toBe(1);
    node.free['pid.available'] = 900 * MIB;
    await node.clock.advance(299_000);
    await node.keeper.look();
    expect(node.keeper.conditions).toEqual(['PIDPressure']);
    await node.clock.advance(2_000);
    expect(node.keeper.conditions).toEqual([]);
    await node.keeper.look();
  });

  it('makes room on the disk before it evicts, and spares the pods where that is enough', async () => {
    const node = new Node({ a: MIB });
    node.free['nodefs.available'] = 50 * MIB;
    node.imageBytes = 200 * MIB;
    expect(await node.keeper.look()).toEqual([]);
    expect([node.discarded, node.imagesRemoved]).toEqual([1, 1]);
    node.free['nodefs.available'] = 50 * MIB;
    node.imageBytes = 0;
    expect((await node.keeper.look()).map((p) => p.metadata.name)).toEqual(['a']);
    expect(node.keeper.conditions).toEqual(['DiskPressure']);
  });

  it('leaves images alone that lie on a disk that has room', async () => {
    const node = new Node({ a: MIB });
    node.ownImageFs = true;
    node.free['nodefs.available'] = 50 * MIB;
    await node.keeper.look();
    expect([node.discarded, node.imagesRemoved]).toEqual([0, 0]);
    expect([...node.ended.keys()]).toEqual(['a']);
  });
});
