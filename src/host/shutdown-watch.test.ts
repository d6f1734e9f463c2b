// logind's signals on a bus of the test's own; the lock is held by a stand-in, since no logind runs there.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findProgram } from './programs.ts';
import { delayLimit, prepareForShutdown, type ShutdownWatch, watchShutdown } from './shutdown-watch.ts';

describe('what busctl says', () => {
  const signal = (member: string, ...data: unknown[]) =>
    JSON.stringify({ type: 'signal', path: '/org/freedesktop/login1', member, payload: { type: 'b', data } });
  it('is a shutdown that begins, or is called off, or something else', () => {
    expect(prepareForShutdown(signal('PrepareForShutdown', true))).toBe(true);
    expect(prepareForShutdown(signal('PrepareForShutdown', false))).toBe(false);
    for (const line of [
      signal('PrepareForSleep', true),
      signal('PrepareForShutdown'),
      'Monitoring…',
      '',
      'null',
      '[1]',
    ]) {
      expect(prepareForShutdown(line), line).toBeUndefined();
    }
  });
  it('is how long logind waits; five seconds when it does not say', () => {
    expect(delayLimit('{"type":"t","data":30000000}')).toBe(30_000);
    for (const answer of ['', '{"type":"t","data":0}', 'no such bus']) expect(delayLimit(answer)).toBe(5_000);
  });
});

const busConfig = (dir: string) =>
  `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${dir}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;

const needed = ['dbus-daemon', 'dbus-send', 'busctl', 'setpriv', 'cat'];
const lacking = needed.filter((name) => findProgram(name) === undefined);
const reason = process.getuid?.() !== 0 ? 'needs root' : lacking.length > 0 ? `needs ${lacking.join(', ')}` : undefined;

describe.skipIf(reason !== undefined)(
  `a watch for the host's shutdown${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    let dir: string;
    let bus: ChildProcess;
    let env: Record<string, string>;
    let watch: ShutdownWatch | undefined;
    const held = () => existsSync(join(dir, 'held'));
    const until = (good: () => boolean) =>
      vi.waitFor(() => expect(good()).toBe(true), { timeout: 5_000, interval: 10 });
    const send = (value: boolean) =>
      execFileSync(
        'dbus-send',
        [
          '--system',
          '--type=signal',
          '/org/freedesktop/login1',
          'org.freedesktop.login1.Manager.PrepareForShutdown',
          `boolean:${value}`,
        ],
        { env },
      );

    // One place for all tests: where a program is found is looked up once.
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), 'shutdown-watch-'));
      writeFileSync(join(dir, 'bus.conf'), busConfig(dir));
      const inhibit = join(dir, 'systemd-inhibit');
      writeFileSync(inhibit, `#!/bin/sh\nprintf '%s\\n' "$@" > ${dir}/held\ncat > /dev/null\nrm ${dir}/held\n`);
      chmodSync(inhibit, 0o755);
      env = { PATH: `${dir}:${process.env.PATH ?? ''}`, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/bus` };
      vi.stubEnv('PATH', env.PATH ?? '');
    });

    afterAll(() => {
      vi.unstubAllEnvs();
      rmSync(dir, { recursive: true, force: true });
    });

    beforeEach(async () => {
      bus = spawn('dbus-daemon', [`--config-file=${dir}/bus.conf`, '--nofork', '--nopidfile'], { stdio: 'ignore' });
      await until(() => existsSync(join(dir, 'bus')));
    });

    afterEach(async () => {
      watch?.close();
      await until(() => !held());
      if (bus.exitCode === null && bus.signalCode === null) {
        const gone = new Promise((resolve) => bus.once('exit', resolve));
        bus.kill();
        await gone;
      }
      rmSync(join(dir, 'bus'), { force: true });
    });

    it('holds the shutdown up until the work is done, and again when it was called off', async () => {
      const seen: string[] = [];
      let done: () => void = () => undefined;
      const log: string[] = [];
      watch = await watchShutdown({
        bootedPath: dir,
        env,
        log: (message) => log.push(message),
        onShutdown: (limitMs) => {
          seen.push(`ends within ${limitMs}`);
          return new Promise((resolve) => {
            done = resolve;
          });
        },
        onCancel: async () => {
          seen.push('called off');
        },
      });
      await until(held);
      await vi.waitFor(
        () => {
          send(true);
          expect(seen.length).toBeGreaterThan(0);
        },
        { timeout: 5_000, interval: 100 },
      );
      expect(seen[0]).toBe('ends within 5000');
      expect(held()).toBe(true);
      done();
      await until(() => !held());
      send(false);
      await until(() => seen.at(-1) === 'called off');
      await until(held);
      expect(log).toEqual([]);
    });

    it('says it once when the bus goes away', async () => {
      const log: string[] = [];
      const nothing = async () => {};
      watch = await watchShutdown({
        bootedPath: dir,
        env,
        log: (m) => log.push(m),
        onShutdown: nothing,
        onCancel: nothing,
      });
      await until(held);
      await new Promise((resolve) => setTimeout(resolve, 300));
      bus.kill();
      await until(() => log.length > 0);
      await until(() => !held());
      expect(log).toHaveLength(1);
      expect(log[0]).toContain('pods are not told of a shutdown');
    });

    it('is none where no systemd runs', async () => {
      const nothing = async () => {};
      const none = await watchShutdown({
        bootedPath: join(dir, 'none'),
        env,
        log: () => undefined,
        onShutdown: nothing,
        onCancel: nothing,
      });
      expect(none).toBeUndefined();
      expect(held()).toBe(false);
    });
  },
);
