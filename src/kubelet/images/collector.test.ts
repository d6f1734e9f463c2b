// Which images go when the disk fills.
import { beforeEach, describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { ImageInfo } from '../../cri/port.ts';
import { DEFAULT_CONFIG } from '../config.ts';
import { FakeImages } from '../test-support/fake-runtime.ts';
import { type CollectorOptions, ImageCollector } from './collector.ts';

const MINUTE = 60_000;

class Images extends FakeImages {
  removed: string[] = [];
  override removeImage(id: string): Promise<void> {
    this.removed.push(id.replace('sha256:', ''));
    for (const [name, image] of this.present) if (image.id === id) this.present.delete(name);
    return Promise.resolve();
  }
  put(name: string, more: Partial<ImageInfo> = {}): void {
    this.add(name);
    const made = this.present.get(name);
    if (made !== undefined) this.present.set(name, { ...made, ...more });
  }
}

let clock: HandClock;
let images: Images;
let used: Set<string>;
let askedFor: Map<string, number>;
let freeBytes: number;
let said: string[];

function collector(config: Partial<CollectorOptions['config']> = {}): ImageCollector {
  return new ImageCollector({
    clock,
    config: { ...DEFAULT_CONFIG, ...config },
    images,
    inUse: () => used,
    askedFor,
    disk: () => Promise.resolve({ totalBytes: 100_000, freeBytes }),
    fallbackPath: '/',
    say: (_type, reason, message) => said.push(`${reason}: ${message}`),
    log: () => undefined,
  });
}

beforeEach(() => {
  clock = new HandClock();
  images = new Images();
  used = new Set();
  askedFor = new Map();
  freeBytes = 50_000;
  said = [];
});

describe('the collection of images', () => {
  it('removes nothing while the disk is less full than the high mark', async () => {
    images.put('a');
    const c = collector();
    await c.collect();
    await clock.advance(10 * MINUTE);
    freeBytes = 16_000;
    await c.collect();
    expect(images.removed).toEqual([]);
  });

  it('removes the longest unused first, until the disk is at the low mark', async () => {
    for (const name of ['old', 'older', 'never', 'running']) images.put(name);
    const c = collector();
    used = new Set(['sha256:older', 'sha256:old', 'sha256:running']);
    await c.collect();
    await clock.advance(5 * MINUTE);
    used = new Set(['sha256:old', 'running']);
    await c.collect();
    await clock.advance(5 * MINUTE);
    used = new Set(['running']);
    freeBytes = 15_000 + 3_500;
    // 81 % is full, but not too full.
    await c.collect();
    expect(images.removed).toEqual([]);
    freeBytes = 15_000;
    for (const [name, image] of images.present) images.present.set(name, { ...image, size: 2_000 });
    await c.collect();
    // 5,000 bytes are wanted: three images of 2,000.
    expect(images.removed).toEqual(['never', 'older', 'old']);
  });

  it('keeps images that are in use, pinned, new, or were asked for just now', async () => {
    images.put('pinned', { pinned: true });
    images.put('running');
    images.put('asked');
    const c = collector();
    used = new Set(['running']);
    await c.collect();
    await clock.advance(3 * MINUTE);
    images.put('new');
    askedFor.set('sha256:asked', clock.now() - MINUTE);
    freeBytes = 0;
    await c.collect();
    expect(images.removed).toEqual([]);
    expect(said).toEqual([
      'FreeDiskSpaceFailed: Failed to garbage collect required amount of images. Attempted to free 20000 bytes, but only found 0 bytes eligible to free.',
    ]);
    await clock.advance(MINUTE);
    await c.collect();
    expect(images.removed).toEqual(['asked']);
    expect(said.some((text) => text.startsWith('ImageGCFailed: '))).toBe(true);
  });

  it('removes all that nobody uses under disk pressure', async () => {
    images.put('a');
    images.put('b');
    used = new Set(['b']);
    const c = collector();
    await c.collect();
    await clock.advance(3 * MINUTE);
    expect(await c.removeUnused()).toBe(1000);
    expect(images.removed).toEqual(['a']);
  });

  it('removes what nobody has used for longer than the greatest age, once it has looked for so long', async () => {
    images.put('a');
    images.put('b');
    used = new Set(['a']);
    const c = collector({ imageMaximumAgeMs: 20 * MINUTE });
    await c.collect();
    await clock.advance(10 * MINUTE);
    used = new Set();
    await c.collect();
    expect(images.removed).toEqual([]);
    await clock.advance(11 * MINUTE);
    await c.collect();
    expect(images.removed).toEqual(['b', 'a']);
  });
});
