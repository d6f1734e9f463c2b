// Container logs: read, filtered, followed and rotated.
import { appendFileSync, writeFileSync } from 'node:fs';
import { appendFile, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../host/clock.ts';
import { terminationMessage } from '../container/termination-message.ts';
import { ANNOTATION } from '../pod/identity.ts';
import { ended } from '../test-support/pods.ts';
import type { LogQuery } from './log-filter.ts';
import { logStream } from './logs.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'logs-test-'));
  file = path.join(dir, '0.log');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const LINES = [
  '2026-01-01T00:00:00.000000001+00:00 stdout F one',
  '2026-01-01T00:00:01.000000001+00:00 stderr F two',
  '2026-01-01T00:00:02.000000001+00:00 stdout P thr',
  '2026-01-01T00:00:03.000000001+00:00 stdout F ee',
];

class Sink {
  text = '';
  ended = false;
  get buffered(): number {
    return 0;
  }
  private close: () => void = () => undefined;
  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString('utf8');
    return true;
  }
  end(): void {
    this.ended = true;
  }
  onDrain(): void {}
  onClose(callback: () => void): void {
    this.close = callback;
  }
  leave(): void {
    this.close();
  }
}

/** Takes what is written only after a while, and says so once to who asked. */
class SlowSink extends Sink {
  private waiting = 0;
  private readonly drains: (() => void)[] = [];
  most = 0;
  override get buffered(): number {
    return this.waiting;
  }
  override write(chunk: Uint8Array): boolean {
    super.write(chunk);
    if (this.waiting === 0)
      setTimeout(() => {
        this.waiting = 0;
        for (const drained of this.drains.splice(0)) drained();
      }, 1);
    this.waiting += chunk.length;
    this.most = Math.max(this.most, this.waiting);
    return false;
  }
  override onDrain(callback?: () => void): void {
    if (callback !== undefined) this.drains.push(callback);
  }
}

function open(
  query: Partial<LogQuery>,
  live: { ended: boolean; changed?: () => void } = { ended: true },
  sink: Sink = new Sink(),
): Sink {
  const source = {
    file,
    clock: systemClock,
    ended: () => live.ended,
    onChange: (callback: () => void) => {
      live.changed = callback;
      return () => undefined;
    },
  };
  logStream(source, { follow: false, timestamps: false, ...query }, (error) => {
    throw error;
  }).start(sink);
  return sink;
}

async function whole(query: Partial<LogQuery>): Promise<string> {
  const sink = open(query);
  await until(() => sink.ended);
  return sink.text;
}

async function until(ok: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !ok(); i++) await new Promise((r) => setTimeout(r, 10));
  expect(ok()).toBe(true);
}

it('sends no more than the last lines that were asked for, though more are written meanwhile, unless they are followed', async () => {
  const line = (text: string) => `2026-01-01T00:00:00.000000001+00:00 stdout F ${text}\n`;
  const written = (query: Partial<LogQuery>) => {
    writeFileSync(file, line('one') + line('two'));
    const sink = new Sink();
    let looked = false;
    // Asked for after the last lines were found, and before they are read.
    const endsAfterMore = () => {
      if (!looked) appendFileSync(file, line('three'));
      looked = true;
      return true;
    };
    const source = { file, clock: systemClock, ended: endsAfterMore, onChange: () => () => undefined };
    logStream(source, { follow: false, timestamps: false, ...query }, (error) => {
      throw error;
    }).start(sink);
    return until(() => sink.ended).then(() => sink.text);
  };
  expect(await written({ tailLines: 1 })).toBe('two\n');
  expect(await written({ tailLines: 1, follow: true })).toBe('two\nthree\n');
  expect(await written({ tailLines: 1, stream: 'stderr' })).toBe('');
  expect(await written({})).toBe('one\ntwo\nthree\n');
});

it('gives lines without the carriage return that a terminal ends them with, and keeps it elsewhere', async () => {
  const stamp = '2026-01-01T00:00:00.000000001+00:00 stdout';
  await writeFile(file, `${stamp} F a\rb\r\n${stamp} F \r\n${stamp} P part\r\n${stamp} F end\n`);
  expect(await whole({})).toBe('a\rb\n\npart\rend\n');
  const annotations = { [ANNOTATION.messagePolicy]: 'FallbackToLogsOnError' };
  expect(await terminationMessage(ended('c', 1, { logPath: file, annotations }))).toBe('a\rb\n\npart\rend\n');
});

it('waits for a slow reader, as often as it must', async () => {
  const line = `${LINES[0]}${'x'.repeat(1000)}\n`;
  await writeFile(file, line.repeat(8000));
  const sink = new SlowSink();
  open({}, { ended: true }, sink);
  await expect.poll(() => sink.ended, { timeout: 10_000 }).toBe(true);
  expect(sink.text).toHaveLength(8000 * 1004);
  expect(sink.most).toBeLessThan(2 * 1024 * 1024);
});

describe('logs', () => {
  beforeEach(() => writeFile(file, `${LINES.join('\n')}\n`));

  it('join partial lines and leave the rest as it was written', async () => {
    expect(await whole({})).toBe('one\ntwo\nthree\n');
  });

  it('can be the last lines, one stream, since a time, or the first bytes', async () => {
    expect(await whole({ tailLines: 2 })).toBe('three\n');
    expect(await whole({ tailLines: 0 })).toBe('');
    expect(await whole({ stream: 'stderr' })).toBe('two\n');
    expect(await whole({ since: Date.UTC(2026, 0, 1, 0, 0, 2) })).toBe('three\n');
    expect(await whole({ limitBytes: 5 })).toBe('one\nt');
  });

  it('write the time once for a line that came in parts', async () => {
    expect(await whole({ timestamps: true, tailLines: 2 })).toBe('2026-01-01T00:00:02.000000001Z three\n');
  });

  it('are followed until the container ends, across a rotation', async () => {
    const live: { ended: boolean; changed?: () => void } = { ended: false };
    const sink = open({ follow: true }, live);
    await until(() => sink.text.endsWith('three\n'));
    await appendFile(file, '2026-01-01T00:00:04Z stdout F four\n');
    await until(() => sink.text.endsWith('four\n'));
    await rename(file, `${file}.old`);
    await writeFile(file, '2026-01-01T00:00:05Z stdout F five\n');
    await until(() => sink.text.endsWith('five\n'));
    live.ended = true;
    live.changed?.();
    await until(() => sink.ended);
    expect(sink.text).toBe('one\ntwo\nthree\nfour\nfive\n');
  });

  it('come at over 100 MB a second', async () => {
    const line = `2026-01-01T00:00:00.000000001+00:00 stdout F ${'x'.repeat(120)}\n`;
    await writeFile(file, line.repeat(200_000));
    const sink = open({});
    let bytes = 0;
    sink.write = (chunk) => {
      bytes += chunk.length;
      return true;
    };
    const began = performance.now();
    await until(() => sink.ended);
    expect(bytes).toBe(121 * 200_000);
    const rate = bytes / 1e6 / ((performance.now() - began) / 1000);
    // The machine of a test is busy with others: a tenth of the aim is what must hold even there.
    expect(rate).toBeGreaterThan(10);
  });
});

describe('last words', () => {
  const status = (message: string, policy: string, exitCode: number) =>
    ended('c', exitCode, {
      logPath: file,
      mounts: [{ containerPath: '/dev/termination-log', hostPath: message, readonly: false, propagation: 'private' }],
      annotations: { [ANNOTATION.messagePath]: '/dev/termination-log', [ANNOTATION.messagePolicy]: policy },
    });

  it('come from the file, at most 4096 bytes', async () => {
    const words = path.join(dir, 'words');
    await writeFile(words, 'x'.repeat(5000));
    expect(await terminationMessage(status(words, 'File', 1))).toHaveLength(4096);
  });

  it('are not looked for behind a link', async () => {
    const words = path.join(dir, 'words');
    await symlink('/etc/hostname', words);
    expect(await terminationMessage(status(words, 'File', 1))).toBe('');
  });

  it('are the end of the log when that is wanted and the container failed', async () => {
    await writeFile(file, `${LINES.join('\n')}\n`);
    const words = path.join(dir, 'words');
    await writeFile(words, '');
    expect(await terminationMessage(status(words, 'FallbackToLogsOnError', 1))).toBe('one\ntwo\nthree\n');
    expect(await terminationMessage(status(words, 'FallbackToLogsOnError', 0))).toBe('');
  });
});

describe('a log that is followed while much is written', () => {
  const line = (n: number): string =>
    `2026-01-01T00:00:00.${String(n).padStart(9, '0')}+00:00 stdout F ${n} ${'x'.repeat(90)}\n`;
  const text = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => `${from + i} ${'x'.repeat(90)}\n`).join('');

  it('loses nothing, also where it is rotated in the middle of it, and then tells lines one by one', async () => {
    await writeFile(file, '');
    const live: { ended: boolean; changed?: () => void } = { ended: false };
    const sink = open({ follow: true }, live);
    let n = 0;
    for (let turn = 0; turn < 60; turn++) {
      const lines = Array.from({ length: 400 }, (_, i) => line(n + i)).join('');
      // A file that comes and goes before anybody looked is nobody's.
      if (turn % 20 === 10) await until(() => sink.text.length === text(0, n).length);
      // What is written to the old file while it already has another name counts as well.
      if (turn % 20 === 10) await rename(file, `${file}.${turn}`);
      await appendFile(turn % 20 === 10 ? `${file}.${turn}` : file, lines);
      n += 400;
    }
    await until(() => sink.text.length === text(0, n).length);
    expect(sink.text).toBe(text(0, n));
    for (let alone = 0; alone < 3; alone++) {
      await new Promise((r) => setTimeout(r, 100));
      await appendFile(file, line(n));
      n += 1;
      await until(() => sink.text.endsWith(`\n${text(n - 1, n)}`));
    }
    live.ended = true;
    live.changed?.();
    await until(() => sink.ended);
    expect(sink.text).toBe(text(0, n));
  }, 30_000);

  it('has lines that no reading holds whole', async () => {
    const long = 'y'.repeat(700_000);
    await writeFile(file, `${line(1)}2026-01-01T00:00:00Z stdout F ${long}\n${line(2)}`);
    const sink = open({});
    await until(() => sink.ended);
    expect(sink.text).toBe(`${text(1, 2)}${long}\n${text(2, 3)}`);
  });
});
