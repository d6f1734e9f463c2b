// The store against a model that is too simple to be wrong: any sequence of writes, compactions and restarts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLmdbStore, openMemoryStore } from './index.ts';
import { CompactedError, type Store, type StoreEvent } from './port.ts';

interface Kept {
  readonly revision: number;
  readonly text: string;
}

/** The state of every key after every revision. */
class Model {
  readonly states: Map<string, Kept>[] = [new Map()];
  readonly changes: { key: string; deleted: boolean }[] = [];
  compacted = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  get now(): Map<string, Kept> {
    return this.states[this.revision] ?? new Map();
  }

  write(key: string, text: string | undefined): void {
    const next = new Map(this.now);
    if (text === undefined) next.delete(key);
    else next.set(key, { revision: this.revision + 1, text });
    this.changes.push({ key, deleted: text === undefined });
    this.states.push(next);
  }
}

type Step =
  | { readonly do: 'put' | 'delete' | 'stale'; readonly key: string; readonly text: string }
  | { readonly do: 'compact'; readonly share: number }
  | { readonly do: 'reopen' };

const key = fc.constantFrom('/a/1', '/a/2', '/a/3', '/b/1', '/b/2');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('put' as const, 'put' as const, 'delete' as const, 'stale' as const),
      key,
      text: fc.string({ maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

async function check(store: Store, model: Model): Promise<void> {
  expect(await store.revision()).toBe(model.revision);
  for (let revision = 0; revision <= model.revision; revision++) {
    const wanted = model.states[revision] ?? new Map<string, Kept>();
    if (revision < model.compacted) {
      await expect(store.list({ prefix: '/', revision })).rejects.toThrow(CompactedError);
      continue;
    }
    for (const prefix of ['/', '/a/']) {
      const { items } = await store.list({ prefix, revision });
      const shown = items.map((item) => [item.key, item.modRevision, Buffer.from(item.value).toString()]);
      const expected = [...wanted].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
      expect(shown).toEqual(expected.map(([name, kept]) => [name, kept.revision, kept.text]));
    }
    const events: StoreEvent[] = [];
    const stop = await store.watch({
      prefix: '/',
      afterRevision: revision,
      onEvents: (batch) => events.push(...batch),
    });
    stop();
    expect(
      events.map((event) => [event.revision, event.current.key, event.type === 'delete', event.previous?.modRevision]),
    ).toEqual(
      model.changes.slice(revision).map((change, i) => {
        const before = model.states[revision + i]?.get(change.key)?.revision;
        return [revision + i + 1, change.key, change.deleted, before];
      }),
    );
  }
}

async function run(steps: readonly Step[], open: () => Promise<Store>, reopens: boolean): Promise<void> {
  const model = new Model();
  let store = await open();
  try {
    for (const one of steps) {
      if (one.do === 'reopen') {
        if (!reopens) continue;
        await store.close();
        store = await open();
      } else if (one.do === 'compact') {
        const target = model.compacted + Math.floor(one.share * (model.revision - model.compacted));
        await store.compact(target);
        model.compacted = target;
      } else await write(store, model, one);
    }
    await check(store, model);
  } finally {
    await store.close();
  }
}

async function write(store: Store, model: Model, one: Extract<Step, { key: string }>): Promise<void> {
  const known = model.now.get(one.key);
  const kind = one.do === 'delete' && known !== undefined ? 'delete' : 'put';
  const expected = one.do === 'stale' ? (known?.revision ?? 0) + 1 : (known?.revision ?? 0);
  const result = await store.txn([{ kind, key: one.key, expected, encode: () => Buffer.from(one.text) }]);
  expect(result.ok).toBe(one.do !== 'stale');
  if (result.ok) model.write(one.key, kind === 'delete' ? undefined : one.text);
}

describe('any sequence of writes, compactions and restarts', () => {
  it('leaves the store in memory as the model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) => run(steps, async () => openMemoryStore(), false)),
      { numRuns: 150 },
    );
  });

  it('leaves the store on LMDB as the model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const directory = mkdtempSync(join(tmpdir(), 'minke-model-'));
        try {
          await run(steps, () => openLmdbStore({ directory }), true);
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  });
});
