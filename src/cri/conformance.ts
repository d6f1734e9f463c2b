// What every container runtime must do, as one suite: lifecycles for all of them, and real processes for those that run some.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ExecStreams } from '../machinery/streams.ts';
import {
  type ContainerConfig,
  type ContainerStatus,
  type LinuxSecurity,
  type PodSandboxConfig,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeService,
} from './port.ts';

export interface RuntimeUnderTest {
  readonly runtime: RuntimeService;
  /** The id of an image with busybox, where images matter. */
  readonly image: string;
  close(): Promise<void>;
}

export interface ConformanceOptions {
  readonly name: string;
  readonly open: () => Promise<RuntimeUnderTest>;
  /** Why the suite cannot run here. */
  readonly skip?: string;
  /** Whether commands really run. */
  readonly processes: boolean;
  /** A command that runs until it is told to stop. */
  readonly forever: readonly string[];
  readonly exit: (code: number) => readonly string[];
  readonly missing: readonly string[];
  /** Whether the runtime tells events as they happen. */
  readonly events?: boolean;
  /** Whether the end of the caller's input reaches the command. */
  readonly closesInput?: boolean;
  /** Another's runtime: its words are its own, and so is what it leaves running after a command's time-out. */
  readonly foreign?: boolean;
}

const SECURITY: LinuxSecurity = {
  privileged: false,
  supplementalGroups: [],
  readonlyRootfs: false,
  noNewPrivs: false,
  pidMode: 'container',
  seccomp: { type: 'RuntimeDefault' },
};

class Bench {
  runtime: RuntimeService;
  readonly image: string;
  readonly logs: string;
  readonly sandboxes: string[] = [];
  #serial = 0;

  constructor(under: RuntimeUnderTest, logs: string) {
    this.runtime = under.runtime;
    this.image = under.image;
    this.logs = logs;
  }

  sandboxConfig(over: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
    this.#serial += 1;
    const name = `pod-${process.pid}-${this.#serial}`;
    return {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      attempt: 0,
      hostname: name,
      logDirectory: join(this.logs, name),
      dns: { servers: ['192.0.2.53'], searches: ['example.test'], options: ['ndots:5'] },
      portMappings: [],
      labels: { app: name },
      annotations: { note: 'kept' },
      cgroupParent: `/kubepods/besteffort/pod${name}`,
      sysctls: {},
      namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
      security: SECURITY,
      runtimeHandler: '',
      ...over,
    };
  }

  containerConfig(command: readonly string[], over: Partial<ContainerConfig> = {}): ContainerConfig {
    const name = over.name ?? 'main';
    return {
      name,
      attempt: 0,
      image: this.image,
      userImage: 'busybox:latest',
      command,
      args: [],
      workingDir: '',
      env: [],
      mounts: [],
      devices: [],
      labels: { role: name },
      annotations: {},
      logPath: `${name}/0.log`,
      stdin: false,
      stdinOnce: false,
      tty: false,
      resources: {},
      security: SECURITY,
      ...over,
    };
  }

  async sandbox(over: Partial<PodSandboxConfig> = {}): Promise<{ id: string; config: PodSandboxConfig }> {
    const config = this.sandboxConfig(over);
    const id = await this.runtime.runPodSandbox(config);
    this.sandboxes.push(id);
    return { id, config };
  }

  async start(
    pod: { id: string; config: PodSandboxConfig },
    command: readonly string[],
    over: Partial<ContainerConfig> = {},
  ): Promise<string> {
    const id = await this.runtime.createContainer(pod.id, this.containerConfig(command, over), pod.config);
    await this.runtime.startContainer(id);
    return id;
  }

  async exited(id: string, timeoutMs = 10_000): Promise<ContainerStatus> {
    for (const begun = Date.now(); Date.now() - begun < timeoutMs; ) {
      const status = await this.runtime.containerStatus(id);
      if (status.state === 'exited') return status;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`container ${id} did not end in ${timeoutMs} ms`);
  }

  /** Runs a shell line to its end and answers what it said. */
  async shell(
    line: string,
    over: Partial<ContainerConfig> = {},
    pod?: { id: string; config: PodSandboxConfig },
  ): Promise<{ out: string; status: ContainerStatus }> {
    const where = pod ?? (await this.sandbox());
    const id = await this.start(where, ['sh', '-c', line], over);
    const status = await this.exited(id);
    return { out: logText(await readFile(status.logPath, 'utf8')), status };
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.sandboxes.splice(0).map((id) => this.runtime.removePodSandbox(id)));
  }
}

/** The text of a log in the CRI's format, without times and streams. */
function logText(log: string): string {
  let out = '';
  for (const line of log.split('\n')) {
    const match = /^\S+ (?:stdout|stderr) ([FP]) (.*)$/.exec(line);
    if (match !== null) out += `${match[2]}${match[1] === 'F' ? '\n' : ''}`;
  }
  return out;
}

class Terminal {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly abort = new AbortController();
  said = '';
  complained = '';
  resize: ((size: { width: number; height: number }) => void) | undefined;

  constructor() {
    this.stdout.on('data', (chunk: Buffer) => {
      this.said += chunk.toString();
    });
    this.stderr.on('data', (chunk: Buffer) => {
      this.complained += chunk.toString();
    });
  }

  streams(tty: boolean, withInput: boolean): ExecStreams {
    return {
      ...(withInput ? { stdin: this.stdin } : {}),
      stdout: this.stdout,
      ...(tty ? {} : { stderr: this.stderr }),
      tty,
      onResize: (callback) => {
        this.resize = callback;
        return () => undefined;
      },
      signal: this.abort.signal,
    };
  }

  async until(text: string, timeoutMs = 5000): Promise<void> {
    for (const begun = Date.now(); !this.said.includes(text); await new Promise((r) => setTimeout(r, 5)))
      if (Date.now() - begun > timeoutMs)
        throw new Error(`"${text}" never came; what came: ${JSON.stringify(this.said)}`);
  }
}

function lifecycles(options: ConformanceOptions, bench: () => Bench): void {
  test('a sandbox runs, has an address, stops and goes; doing it again is no error', async () => {
    const b = bench();
    const { id, config } = await b.sandbox();
    const status = await b.runtime.podSandboxStatus(id);
    expect(status).toMatchObject({ id, name: config.name, uid: config.uid, state: 'ready', labels: config.labels });
    expect(status.annotations).toMatchObject({ note: 'kept' });
    expect(status.ips).toHaveLength(1);
    expect((await b.runtime.listPodSandboxes()).map((s) => s.id)).toContain(id);
    await b.runtime.stopPodSandbox(id);
    await b.runtime.stopPodSandbox(id);
    expect((await b.runtime.podSandboxStatus(id)).state).toBe('notready');
    await b.runtime.removePodSandbox(id);
    await b.runtime.removePodSandbox(id);
    await expect(b.runtime.podSandboxStatus(id)).rejects.toThrow(RuntimeError);
    expect((await b.runtime.listPodSandboxes()).map((s) => s.id)).not.toContain(id);
  });

  test('no two pods have the same address', async () => {
    const b = bench();
    const pods = await Promise.all([1, 2, 3, 4, 5].map(() => b.sandbox()));
    const ips = await Promise.all(pods.map(async (p) => (await b.runtime.podSandboxStatus(p.id)).ips[0]));
    expect(new Set(ips).size).toBe(5);
  });

  test('a container is created, runs, ends with its exit code and is removed', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const config = b.containerConfig(options.exit(7));
    const id = await b.runtime.createContainer(pod.id, config, pod.config);
    expect(await b.runtime.containerStatus(id)).toMatchObject({ state: 'created', startedAt: 0, finishedAt: 0 });
    await b.runtime.startContainer(id);
    const status = await b.exited(id);
    expect(status).toMatchObject({
      exitCode: 7,
      reason: 'Error',
      name: 'main',
      sandboxId: pod.id,
      labels: { role: 'main' },
    });
    expect(status.startedAt).toBeGreaterThan(0);
    expect(status.finishedAt).toBeGreaterThanOrEqual(status.startedAt - 1000);
    await b.runtime.removeContainer(id);
    await b.runtime.removeContainer(id);
    await expect(b.runtime.containerStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('an end without error is Completed', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.exit(0));
    expect(await b.exited(id)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  test('a command that is not there: the start fails and says so', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.runtime.createContainer(pod.id, b.containerConfig(options.missing), pod.config);
    await expect(b.runtime.startContainer(id)).rejects.toMatchObject({ kind: 'run-container' });
    expect(await b.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 128, reason: 'StartError' });
  });

  test('stopping a container ends it; stopping it again is no error', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    expect((await b.runtime.containerStatus(id)).state).toBe('running');
    await b.runtime.stopContainer(id, 100);
    expect((await b.runtime.containerStatus(id)).state).toBe('exited');
    expect((await b.runtime.containerStatus(id)).exitCode).not.toBe(0);
    await b.runtime.stopContainer(id, 100);
  });

  test('stopping a sandbox ends its containers, removing it removes them', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    await b.runtime.stopPodSandbox(pod.id);
    expect((await b.runtime.containerStatus(id)).state).toBe('exited');
    await b.runtime.removePodSandbox(pod.id);
    await expect(b.runtime.containerStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('events tell of starts and ends', async () => {
    if (options.events === false) return;
    const b = bench();
    const seen: RuntimeEvent[] = [];
    const stop = b.runtime.onEvent((event) => seen.push(event));
    const pod = await b.sandbox();
    const id = await b.start(pod, options.exit(3));
    const status = await b.exited(id);
    await expect
      .poll(() => seen.filter((e) => e.containerId === id).map((e) => e.type))
      .toEqual(['created', 'started', 'stopped']);
    expect(status.exitCode).toBe(3);
    expect(seen.every((e) => e.podUid === pod.config.uid)).toBe(true);
    stop();
  });

  test('unknown ids are not found', async () => {
    const b = bench();
    await expect(b.runtime.containerStatus('nothing')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(b.runtime.startContainer('nothing')).rejects.toMatchObject({ kind: 'not-found' });
    await b.runtime.stopContainer('nothing', 0);
    await b.runtime.removeContainer('nothing');
    await b.runtime.stopPodSandbox('nothing');
    await b.runtime.removePodSandbox('nothing');
  });

  test('stats of a running pod have a time and its containers', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, options.forever);
    const stats = await b.runtime.podSandboxStats(pod.id);
    expect(stats).toMatchObject({ id: pod.id, uid: pod.config.uid });
    expect(stats.containers.map((c) => c.id)).toEqual([id]);
    expect((await b.runtime.listPodSandboxStats()).map((s) => s.id)).toContain(pod.id);
  });
}

function processes(options: ConformanceOptions, bench: () => Bench): void {
  const words =
    options.foreign === true ? /executable file .?nosuch/ : /exec: "nosuch": executable file not found in \$PATH/;
  test('output goes to the log with its stream, partial lines too', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const { status } = await b.shell('echo out; echo err >&2; printf end', {}, pod);
    const log = await readFile(status.logPath, 'utf8');
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT\S+ stdout F out$/m);
    expect(log).toMatch(/ stderr F err$/m);
    expect(log).toMatch(/ stdout [FP] end$/m);
  });

  test('a command that is not there is named in the words everybody knows', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.runtime.createContainer(pod.id, b.containerConfig(['nosuch']), pod.config);
    await expect(b.runtime.startContainer(id)).rejects.toThrow(words);
  });

  test('a container that heeds SIGTERM ends at once, one that ignores it is killed after its time', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const polite = await b.start(pod, ['sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.05; done'], {
      name: 'polite',
    });
    const deaf = await b.start(pod, ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], { name: 'deaf' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const begun = Date.now();
    await b.runtime.stopContainer(polite, 20_000);
    expect(Date.now() - begun).toBeLessThan(5000);
    expect(await b.runtime.containerStatus(polite)).toMatchObject({ exitCode: 5, reason: 'Error' });
    await b.runtime.stopContainer(deaf, 300);
    expect(await b.runtime.containerStatus(deaf)).toMatchObject({ state: 'exited', exitCode: 137 });
  });

  test('containers of a pod share network, hostname and IPC, and see only their own processes', async () => {
    const b = bench();
    const pod = await b.sandbox();
    await b.start(pod, ['sh', '-c', 'echo shared > /dev/shm/x; exec httpd -f -p 8080 -h /etc'], { name: 'server' });
    const { out } = await b.shell(
      'for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://127.0.0.1:8080/resolv.conf && break; sleep 0.1; done; hostname; cat /dev/shm/x; ps | grep -c "[h]ttpd"',
      { name: 'client' },
      pod,
    );
    expect(out).toContain('nameserver 192.0.2.53');
    expect(out).toContain('search example.test');
    expect(out).toContain(`${pod.config.hostname}\nshared\n0\n`);
  });

  test('with a shared PID namespace the pause process is the first of all', async () => {
    const b = bench();
    const pod = await b.sandbox({ namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' } });
    const { out } = await b.shell('ps -o pid,comm', { security: { ...SECURITY, pidMode: 'pod' } }, pod);
    expect(out).toMatch(/^\s*1 pause$/m);
  });

  test('orphans are reaped by pause', async () => {
    const b = bench();
    const pod = await b.sandbox({ namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' } });
    const shared = { security: { ...SECURITY, pidMode: 'pod' as const } };
    const { out } = await b.shell('(sleep 0.05 &) ; sleep 0.3; ps -o stat,comm | grep -c "^Z" ; true', shared, pod);
    expect(out.trim()).toBe('0');
  });

  test('environment, user, groups, working directory and default capabilities', async () => {
    const b = bench();
    const { out } = await b.shell('echo $GREETING; id -u; id -g; id -G; pwd; grep CapEff /proc/self/status', {
      env: [{ key: 'GREETING', value: 'hi there' }],
      workingDir: '/tmp',
      security: { ...SECURITY, runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000] },
    });
    const [greeting, uid, gid, groups, cwd, caps] = out.split('\n');
    expect([greeting, uid, gid, cwd]).toEqual(['hi there', '1000', '3000', '/tmp']);
    expect(groups?.split(' ')).toEqual(expect.arrayContaining(['3000', '4000']));
    expect(caps).toMatch(/0000000000000000$/);
  });

  test('no new privileges, a read-only root, dropped capabilities', async () => {
    const b = bench();
    const { out } = await b.shell(
      'grep NoNewPrivs /proc/self/status; touch /x || echo refused; grep CapBnd /proc/self/status',
      {
        security: {
          ...SECURITY,
          noNewPrivs: true,
          readonlyRootfs: true,
          capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        },
      },
    );
    expect(out).toMatch(/NoNewPrivs:\s+1/);
    expect(out).toContain('refused');
    expect(out).toMatch(/CapBnd:\s+0000000000001000$/m);
  });

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
    await expect(b.runtime.execSync(id, ['nosuch'], 5000)).rejects.toThrow(words);
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

  test('a memory limit kills, and the reason says so', async () => {
    const b = bench();
    const { status } = await b.shell('dd if=/dev/zero of=/dev/null bs=200M count=1', {
      resources: { memoryLimitBytes: 20 * 1024 * 1024 },
    });
    expect(status).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
  });

  test('limits can be changed while it runs', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000'], {
      resources: { memoryLimitBytes: 64 * 1024 * 1024, cpuShares: 100 },
    });
    await b.runtime.updateContainerResources(id, { memoryLimitBytes: 128 * 1024 * 1024, cpuShares: 200 });
    expect((await b.runtime.containerStatus(id)).resources).toMatchObject({ memoryLimitBytes: 128 * 1024 * 1024 });
  });

  test('a log moved away is opened anew', async () => {
    const { rename } = await import('node:fs/promises');
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sh', '-c', 'while :; do echo tick; sleep 0.05; done']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { logPath } = await b.runtime.containerStatus(id);
    await rename(logPath, `${logPath}.1`);
    await b.runtime.reopenContainerLog(id);
    await expect.poll(() => readFile(logPath, 'utf8').catch(() => ''), { timeout: 3000 }).toContain('tick');
  });

  test.skipIf(options.foreign === true)(
    'an image is mounted as a volume, whole or in part, and cannot be written',
    async () => {
      const b = bench();
      const volume = (containerPath: string, imageSubPath?: string) => ({
        ...{ containerPath, hostPath: '', readonly: true, propagation: 'private' as const, image: b.image },
        ...(imageSubPath === undefined ? {} : { imageSubPath }),
      });
      const { out } = await b.shell(
        'ls /whole; head -n 1 /part/passwd; touch /whole/x || touch /part/x || echo refused',
        {
          mounts: [volume('/whole'), volume('/part', 'etc')],
        },
      );
      expect(out).toBe(
        'bin\ndev\netc\nproc\nroot\nsys\ntmp\nroot:x:0:0:root:/root:/bin/sh\n'.concat(out.slice(out.indexOf('touch:'))),
      );
      expect(out).toContain('refused');
      const pod = await b.sandbox();
      const lost = b.containerConfig(['true'], { mounts: [volume('/part', 'no/such')] });
      await expect(b.runtime.createContainer(pod.id, lost, pod.config)).rejects.toMatchObject({
        kind: 'create-container',
      });
    },
  );

  test('a working directory among open files of the runtime leads nowhere outside', async () => {
    const b = bench();
    const pod = await b.sandbox();
    for (let fd = 3; fd < 12; fd += 1) {
      const config = b.containerConfig(['cat', '../../../../../../../../etc/os-release'], {
        name: `fd${fd}`,
        workingDir: `/proc/self/fd/${fd}`,
      });
      try {
        const id = await b.runtime.createContainer(pod.id, config, pod.config);
        await b.runtime.startContainer(id);
        // The image has no such file, the host does.
        expect((await b.exited(id)).exitCode).not.toBe(0);
      } catch (error) {
        expect(error).toBeInstanceOf(RuntimeError);
      }
    }
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

  test.skipIf(options.foreign === true)('a fork bomb meets its limit', async () => {
    const b = bench();
    const { out } = await b.shell(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done; echo survived',
      {
        resources: { pidsLimit: 10 },
      },
    );
    expect(out).not.toContain('survived');
  });

  test('host files are mounted, read-only ones cannot be written', async () => {
    const b = bench();
    const directory = await mkdtemp(join(tmpdir(), 'minke-mount-'));
    try {
      const { out } = await b.shell('echo x > /data/file && cat /data/file; touch /fixed/y || echo refused', {
        mounts: [
          { containerPath: '/data', hostPath: directory, readonly: false, propagation: 'private' },
          { containerPath: '/fixed', hostPath: directory, readonly: true, propagation: 'private' },
        ],
      });
      expect(out).toContain('x\n');
      expect(out).toContain('refused');
      expect(await readFile(join(directory, 'file'), 'utf8')).toBe('x\n');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

function duplexPair(): [Duplex, Duplex] {
  const a = new PassThrough();
  const b = new PassThrough();
  return [Duplex.from({ readable: a, writable: b }), Duplex.from({ readable: b, writable: a })];
}

export function runtimeConformance(options: ConformanceOptions): void {
  describe.skipIf(options.skip !== undefined)(
    `${options.name}${options.skip === undefined ? '' : ` (${options.skip})`}`,
    () => {
      let under: RuntimeUnderTest;
      let bench: Bench;
      let logs = '';
      beforeAll(async () => {
        logs = await mkdtemp(join(tmpdir(), 'minke-cri-'));
        under = await options.open();
        bench = new Bench(under, logs);
      });
      afterEach(() => bench.cleanUp());
      afterAll(async () => {
        await under?.close();
        await rm(logs, { recursive: true, force: true });
      });
      describe('lifecycles', () => lifecycles(options, () => bench));
      if (options.processes) describe('processes', () => processes(options, () => bench));
    },
  );
}
