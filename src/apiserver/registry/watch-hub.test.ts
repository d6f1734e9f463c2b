// When a watch sends bookmarks, and when it ends.
import { expect, test } from 'vitest';
import { HandClock } from '../../client/index.ts';
import { openMemoryStore } from '../../store/index.ts';
import { TestSink } from '../test-fixture.ts';
import { type FrameMaker, WatchHub } from './watch-hub.ts';

const frames: FrameMaker = {
  shareKey: '',
  make: (type) => Buffer.from(type),
  bookmark: (revision) => Buffer.from(`bookmark ${revision}`),
  left: (previous) => previous,
};

/** The bookmarks of a watch, by the second in which they came, and the second in which it ended. */
async function course(timeoutMs: number): Promise<string[]> {
  const clock = new HandClock();
  const hub = new WatchHub(openMemoryStore(), clock);
  const sink = new TestSink();
  const plan = { prefix: '/x/', afterRevision: 0, initial: [], announceEnd: false, bookmarks: true, timeoutMs, frames };
  (await hub.start(plan)).start(sink);
  const out: string[] = [];
  for (let second = 1; !sink.ended && second < 1000; second++) {
    await clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
    out.push(...sink.chunks.splice(0).map(() => `bookmark at ${second}`));
    if (sink.ended) out.push(`end at ${second}`);
  }
  return out;
}

test('a watch tells how far it is every minute, and two seconds before its end', async () => {
  expect(await course(130_000)).toEqual(['bookmark at 60', 'bookmark at 120', 'bookmark at 128', 'end at 130']);
});

test('a watch of two seconds or less has no bookmark', async () => {
  expect(await course(2000)).toEqual(['end at 2']);
});
