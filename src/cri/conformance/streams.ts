// Exec, attach and port-forward: what goes in, what comes out, and how they end.
import { expect, test } from 'vitest';
import { SECURITY } from '../test-configs.ts';
import type { Bench } from './bench.ts';
import { type ConformanceOptions, missingWords } from './options.ts';
import { duplexPair, Terminal } from './terminal.ts';

export function streams(options: ConformanceOptions, bench: () => Bench): void {
  test('exec collects output and exit code, and takes a time-out seriously', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000']);
    const result = await b.runtime.execSync(id, ['sh', '-c', 'echo out; echo err >&2; exit 9'], 10_000);
    expect(result.exitCode).toBe(9);
    expect(Buffer.from(result.stdout).toString()).toBe('out\n');
    expect(Buffer.from(result.stderr).toString()).toBe('err\n');
    const begun = Date.now();
    await expect(b.runtime.execSync(id, ['sh', '-c', 'sleep 777 & sleep 777'], 300)).rejects.toMatchObject({
      kind: 'deadline',
    });
    expect(Date.now() - begun).toBeLessThan(5000);
    await expect(b.runtime.execSync(id, ['nosuch'], 5000)).rejects.toThrow(missingWords(options));
    if (options.foreign === true) return;
    const left = await b.runtime.execSync(id, ['sh', '-c', 'ps | grep -c "[s]leep 777"'], 5000);
    expect(Buffer.from(left.stdout).toString().trim()).toBe('0');
  });

  test('exec runs as the container does: user, groups, directory, environment, privileges', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000'], {
      env: [{ key: 'GREETING', value: 'hi' }],
      workingDir: '/tmp',
      security: { ...SECURITY, runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000], noNewPrivs: true },
    });
    const line = 'id -u; id -g; pwd; echo $GREETING; grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status';
    const { stdout } = await b.runtime.execSync(id, ['sh', '-c', line], 10_000);
    const [uid, gid, cwd, greeting, ...status] = Buffer.from(stdout).toString().split('\n');
    expect([uid, gid, cwd, greeting]).toEqual(['1000', '3000', '/tmp', 'hi']);
    expect(status.join(' ')).toMatch(/CapEff:\s+0+ NoNewPrivs:\s+1 Seccomp:\s+2/);
  });

  test.skipIf(options.closesInput === false)('exec carries input and output both ways', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000']);
    const terminal = new Terminal();
    const done = b.runtime.exec(id, ['sh', '-c', 'wc -c; echo done >&2; exit 4'], terminal.streams(false, true));
    terminal.stdin.end(Buffer.alloc(300_000, 'x'));
    expect(await done).toEqual({ exitCode: 4 });
    expect(terminal.said.trim()).toBe('300000');
    expect(terminal.complained).toBe('done\n');
  });

  test('exec with a terminal: it is one, it has a size, it can be typed into', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000']);
    const terminal = new Terminal();
    const done = b.runtime.exec(id, ['sh'], terminal.streams(true, true));
    terminal.stdin.write('tty && echo re""ady\n');
    await terminal.until('ready');
    terminal.resize?.({ width: 101, height: 33 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    terminal.stdin.write('stty size; exit 6\n');
    expect(await done).toEqual({ exitCode: 6 });
    expect(terminal.said).toContain('/dev/pts/');
    expect(terminal.said).toContain('33 101');
  });

  test('attach types into a container and hears it', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sh', '-c', 'read line; echo "got $line"; exit 2'], {
      stdin: true,
      stdinOnce: true,
    });
    const terminal = new Terminal();
    const done = b.runtime.attach(id, terminal.streams(false, true));
    terminal.stdin.write('hello\n');
    await terminal.until('got hello');
    await done;
    expect((await b.exited(id)).exitCode).toBe(2);
  });

  test.skipIf(options.closesInput === false)(
    'attach ends with its input where the container keeps its own open, and can be begun again',
    async () => {
      const b = bench();
      const pod = await b.sandbox();
      const id = await b.start(pod, ['sh', '-c', 'while read line; do echo "got $line"; done'], { stdin: true });
      for (const word of ['one', 'two']) {
        const terminal = new Terminal();
        const done = b.runtime.attach(id, terminal.streams(false, true));
        terminal.stdin.write(`${word}\n`);
        await terminal.until(`got ${word}`);
        terminal.stdin.end();
        await done;
      }
      expect((await b.runtime.containerStatus(id)).state).toBe('running');
    },
  );

  test("port-forward reaches a port on the pod's localhost", async () => {
    const b = bench();
    const pod = await b.sandbox();
    await b.start(pod, ['httpd', '-f', '-p', '127.0.0.1:8081', '-h', '/etc']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [mine, theirs] = duplexPair();
    let answer = '';
    mine.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const done = b.runtime.portForward(pod.id, 8081, theirs);
    mine.write('GET /resolv.conf HTTP/1.0\r\n\r\n');
    await done;
    expect(answer).toContain('nameserver 192.0.2.53');
    const [, other] = duplexPair();
    await expect(b.runtime.portForward(pod.id, 9, other)).rejects.toThrow(/connection refused/i);
  });

  test('a command that speaks without end is cut off and ended', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000']);
    await expect(b.runtime.execSync(id, ['yes'], 500)).rejects.toMatchObject({ kind: 'deadline' });
    const short = await b.runtime.execSync(id, ['sh', '-c', 'yes | head -c 40000000'], 20_000).catch((e: unknown) => e);
    if (!(short instanceof Error))
      expect((short as { stdout: Uint8Array }).stdout.length).toBeLessThanOrEqual(16 * 1024 * 1024);
  });
}
