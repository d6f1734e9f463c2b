// Makes of V8's profiles what `go tool pprof` reads: pure but for the bytes' being those of the library.
// Source: https://github.com/google/pprof/blob/main/proto/profile.proto
import type { Profiler, Runtime } from 'node:inspector';
import { Function as Fun, Line, Location, Mapping, Profile, Sample, StringTable, ValueType } from 'pprof-format';
import type { HeapNode, HeapProfile } from './profiler.ts';

/** When a profile was begun, and how long it took. */
export interface Taken {
  readonly at: number;
  readonly ms: number;
}

/** What V8 adds to the stacks: the root is no function, and who idles uses nothing. */
const ROOT = '(root)';
const IDLE = '(idle)';
const MAPPING = 1;

interface Node {
  readonly id: number;
  readonly callFrame: Runtime.CallFrame;
}

/** Those of one file would be one to pprof, and a bundle is one file. */
function anonymous(line: number, column: number): string {
  return `(anonymous:${line + 1}:${column + 1})`;
}

/** Collects stacks, each function and each line once. */
class Stacks {
  readonly strings = new StringTable();
  private readonly functions = new Map<string, Fun>();
  private readonly locations = new Map<string, Location>();
  private readonly samples: Sample[] = [];

  private functionOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): Fun {
    const key = `${functionName} ${url} ${lineNumber} ${columnNumber}`;
    let known = this.functions.get(key);
    if (known === undefined) {
      const name = this.strings.dedup(functionName === '' ? anonymous(lineNumber, columnNumber) : functionName);
      const filename = this.strings.dedup(url);
      const id = this.functions.size + 1;
      known = new Fun({ id, name, systemName: name, filename, startLine: lineNumber + 1 });
      this.functions.set(key, known);
    }
    return known;
  }

  private locationOf(frame: Runtime.CallFrame): Location {
    const { id: functionId } = this.functionOf(frame);
    const key = String(functionId);
    let known = this.locations.get(key);
    if (known === undefined) {
      const line = [new Line({ functionId, line: frame.lineNumber + 1 })];
      known = new Location({ id: this.locations.size + 1, mappingId: MAPPING, line });
      this.locations.set(key, known);
    }
    return known;
  }

  /** From the innermost frame outwards. */
  add(frames: readonly Runtime.CallFrame[], value: number[]): void {
    this.samples.push(new Sample({ locationId: frames.map((frame) => this.locationOf(frame).id), value }));
  }

  valueType(type: string, unit: string): ValueType {
    return new ValueType({ type: this.strings.dedup(type), unit: this.strings.dedup(unit) });
  }

  bytes(taken: Taken, of: { sampleType: ValueType[]; periodType: ValueType; period: number }): Uint8Array {
    const mapping = new Mapping({
      id: MAPPING,
      filename: this.strings.dedup('minke'),
      hasFunctions: true,
      hasFilenames: true,
      hasLineNumbers: true,
    });
    return new Profile({
      ...of,
      sample: this.samples,
      mapping: [mapping],
      location: [...this.locations.values()],
      function: [...this.functions.values()],
      stringTable: this.strings,
      timeNanos: BigInt(Math.floor(taken.at)) * 1_000_000n,
      durationNanos: BigInt(Math.floor(taken.ms)) * 1_000_000n,
    }).encode();
  }
}

/** The frames of each node's stack, from itself outwards. */
function framesOf<T extends Node>(nodes: ReadonlyMap<number, T>, parents: ReadonlyMap<number, number>, id: number) {
  const frames: Runtime.CallFrame[] = [];
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const frame = nodes.get(at)?.callFrame;
    if (frame !== undefined && frame.functionName !== ROOT) frames.push(frame);
  }
  return frames;
}

function sums(pairs: Iterable<readonly [id: number, value: number]>): Map<number, { count: number; total: number }> {
  const out = new Map<number, { count: number; total: number }>();
  for (const [id, value] of pairs) {
    const { count, total } = out.get(id) ?? { count: 0, total: 0 };
    out.set(id, { count: count + 1, total: total + value });
  }
  return out;
}

/** Processor time by stack. */
export function cpuPprof(profile: Profiler.Profile, taken: Taken, periodUs: number): Uint8Array {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const { samples = [], timeDeltas = [] } = profile;
  const stacks = new Stacks();
  // The first is of V8's beginning itself, which takes a tenth of a second.
  const looks = samples.map((node, i) => [node, timeDeltas[i] ?? 0] as const).slice(1);
  for (const [id, { count, total }] of sums(looks)) {
    if (nodes.get(id)?.callFrame.functionName === IDLE) continue;
    // A clock that was set back makes a time negative.
    stacks.add(framesOf(nodes, parents, id), [count, Math.max(0, total) * 1000]);
  }
  const cpu = stacks.valueType('cpu', 'nanoseconds');
  const sampleType = [stacks.valueType('samples', 'count'), cpu];
  return stacks.bytes(taken, { sampleType, periodType: cpu, period: periodUs * 1000 });
}

/** The memory that is alive by the stack that allocated it; only of what was allocated after the sample of that number. */
export function heapPprof(
  { head, samples }: HeapProfile,
  taken: Taken,
  { since, interval }: { readonly since: number; readonly interval: number },
): Uint8Array {
  const nodes = new Map<number, HeapNode>();
  const parents = new Map<number, number>();
  const open = [head];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    nodes.set(node.id, node);
    for (const child of node.children) {
      parents.set(child.id, node.id);
      open.push(child);
    }
  }
  const stacks = new Stacks();
  const wanted = samples.filter(({ ordinal }) => ordinal > since);
  for (const [id, { total }] of sums(wanted.map(({ nodeId, size }) => [nodeId, size])))
    stacks.add(framesOf(nodes, parents, id), [Math.round(total)]);
  const space = stacks.valueType('inuse_space', 'bytes');
  return stacks.bytes(taken, { sampleType: [space], periodType: stacks.valueType('space', 'bytes'), period: interval });
}
