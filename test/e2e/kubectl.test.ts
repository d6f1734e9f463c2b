// The genuine kubectl, the oldest and the newest found, through the commands that people use on pods.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn as spawnPty } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDockerArchive } from '../../src/cluster/index.ts';
import { findKubectls, isRoot, type Ran, run, type TestCluster, testCluster } from './cluster.ts';
import { buildImage } from './images.ts';

const found = [...findKubectls().keys()];
const versions = [...new Set([found[0], found.at(-1)])].filter((v): v is string => v !== undefined);
const reason = !isRoot ? 'needs root' : versions.length === 0 ? 'no kubectl on this host' : undefined;

const POD = (name: string, command: string, extra = '') => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels: {app: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      imagePullPolicy: IfNotPresent
      command: [sh, -c, ${JSON.stringify(command)}]
${extra}`;

async function until<T>(what: () => Promise<T>, good: (value: T) => boolean, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`never came about; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.skipIf(reason !== undefined)(`kubectl${reason === undefined ? '' : ` (${reason})`}`, () => {
  let cluster: TestCluster;
  let work: string;

  beforeAll(async () => {
    cluster = await testCluster();
    mkdirSync(cluster.dir, { recursive: true });
    writeFileSync(
      join(cluster.dir, 'registries.yaml'),
      'mirrors:\n  docker.io:\n    endpoint: ["http://127.0.0.1:1"]\n',
    );
    work = mkdtempSync(join(tmpdir(), 'minke-kubectl-'));
    const image = await buildImage('busybox', work);
    const archive = join(work, 'busybox.tar');
    await writeDockerArchive(image, ['docker.io/library/busybox:latest'], archive, (file, args) => run(file, args));
    const up = await cluster.up();
    expect(up, up.stderr).toMatchObject({ code: 0 });
    expect(await cluster.minke('image', 'import', archive)).toMatchObject({ code: 0 });
  }, 240_000);

  afterAll(async () => {
    await cluster?.remove();
    rmSync(work, { recursive: true, force: true });
  });

  for (const version of versions) {
    describe(version, () => {
      const ns = `k${version.replace('.', '-')}`;
      const k = (args: readonly string[], input?: string): Promise<Ran> =>
        cluster.kubectl(['-n', ns, ...args], { version, ...(input === undefined ? {} : { input }) });
      const good = async (args: readonly string[], input?: string): Promise<string> => {
        const ran = await k(args, input);
        expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
        return ran.stdout;
      };
      const pty = async (
        args: readonly string[],
        drive: (write: (text: string) => void, seen: () => string) => Promise<void>,
      ) => {
        const terminal = spawnPty(findKubectls().get(version) ?? '', ['-n', ns, ...args], {
          env: cluster.env,
          cols: 90,
          rows: 30,
        });
        let text = '';
        terminal.onData((d) => {
          text += d;
        });
        const ended = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
        await drive(
          (t) => terminal.write(t),
          () => text,
        );
        return { code: await ended, text };
      };

      beforeAll(async () => {
        expect(await cluster.kubectl(['create', 'namespace', ns], { version })).toMatchObject({ code: 0 });
        await good(
          ['apply', '-f', '-'],
          POD('web', 'echo started; echo problem >&2; httpd -p 8080 -h /www; while true; do sleep 0.2; done'),
        );
        await good(['wait', '--for=condition=Ready', 'pod/web', '--timeout=30s']);
      });

      it('gets in every output form', async () => {
        expect(await good(['get', 'pod', 'web', '-o', 'name'])).toBe('pod/web\n');
        expect(await good(['get', 'pod', 'web', '-o', 'jsonpath={.spec.containers[0].image}'])).toBe('busybox');
        expect(await good(['get', 'pods', '-o', 'custom-columns=N:.metadata.name,P:.status.phase'])).toBe(
          'N     P\nweb   Running\n',
        );
        expect(JSON.parse(await good(['get', 'pod', 'web', '-o', 'json'])).kind).toBe('Pod');
        expect(await good(['get', 'pods', '-l', 'app=web', '--no-headers'])).toMatch(/^web +1\/1 +Running/);
        expect(await good(['get', 'pods', '-l', 'app notin (web)'])).toBe('');
        expect(await good(['get', 'all'])).toContain('pod/web');
        expect(await good(['get', 'po,sa,cm'])).toMatch(/serviceaccount\/default[\s\S]*configmap\/kube-root-ca.crt/);
      });

      it('watches', async () => {
        const watching = cluster.kubectl(
          ['-n', ns, 'get', 'cm', '-w', '--output-watch-events', '--request-timeout=3s'],
          { version },
        );
        await new Promise((resolve) => setTimeout(resolve, 500));
        await good(['create', 'configmap', 'seen', '--from-literal=a=b']);
        await good(['delete', 'configmap', 'seen']);
        const { stdout } = await watching;
        expect(stdout).toMatch(/ADDED +seen/);
        expect(stdout).toMatch(/DELETED +seen/);
      });

      it('runs commands, with exit codes and separate streams', async () => {
        expect(await k(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 4'])).toMatchObject({
          code: 4,
          stdout: 'out\n',
          stderr: expect.stringContaining('err'),
        });
        expect(await good(['exec', '-i', 'web', '--', 'cat'], 'through\nand back\n')).toBe('through\nand back\n');
        expect((await k(['exec', 'web', '--', 'nosuch'])).stderr).toMatch(/executable file .*not found in \$PATH/);
        expect((await k(['exec', 'web', '-c', 'none', '--', 'true'])).stderr).toContain(
          'container none is not valid for pod web',
        );
      });

      it('opens a terminal that has the size of ours', async () => {
        const { code, text } = await pty(['exec', '-it', 'web', '--', 'sh'], async (write, seen) => {
          await until(
            async () => seen(),
            (t) => /\/ # /.test(t),
          );
          write('stty size; exit 5\r');
        });
        expect(code, text).toBe(5);
        expect(text).toContain('30 90');
      });

      it('copies files both ways', async () => {
        const file = join(work, `${ns}.bin`);
        const data = Buffer.alloc(3_000_000, ns);
        writeFileSync(file, data);
        await good(['cp', file, 'web:/tmp/copied']);
        expect(await good(['exec', 'web', '--', 'wc', '-c', '/tmp/copied'])).toContain('3000000');
        await good(['cp', 'web:/tmp/copied', `${file}.back`]);
        expect(readFileSync(`${file}.back`).equals(data)).toBe(true);
      });

      it('shows logs: all, the last lines, since, with times, followed, of the run before', async () => {
        await good(
          ['apply', '-f', '-'],
          POD(
            'talk',
            'for i in 1 2 3 4 5; do echo line $i; done; sleep 1; echo last; exit 1',
            '  restartPolicy: OnFailure\n',
          ),
        );
        await until(
          () => good(['get', 'pod', 'talk', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}']),
          (t) => Number(t) >= 1,
        );
        expect(await good(['logs', 'talk', '-p'])).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nlast\n');
        expect(await good(['logs', 'talk', '-p', '--tail=2'])).toBe('line 5\nlast\n');
        expect(await good(['logs', 'talk', '-p', '--timestamps', '--tail=1'])).toMatch(
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z last\n$/,
        );
        expect(await good(['logs', 'web', '-c', 'main', '--since=1h'])).toBe('started\nproblem\n');
        await good(['delete', 'pod', 'talk', '--now']);
        await good(
          ['apply', '-f', '-'],
          POD('steps', 'sleep 0.5; echo one; sleep 0.5; echo two', '  restartPolicy: Never\n'),
        );
        await until(
          () => good(['get', 'pod', 'steps', '-o', 'jsonpath={.status.phase}']),
          (t) => t !== 'Pending',
        );
        expect(await good(['logs', '-f', 'steps'])).toBe('one\ntwo\n');
        await good(['delete', 'pod', 'steps', '--now']);
      });

      it('runs a pod, attached, and removes it afterwards', async () => {
        const { text } = await pty(
          [
            'run',
            'shell',
            '-it',
            '--rm',
            '--restart=Never',
            '--image=busybox',
            '--image-pull-policy=IfNotPresent',
            '--',
            'sh',
          ],
          async (write, seen) => {
            await until(
              async () => seen(),
              (t) => /\/ # |press enter/.test(t),
              25_000,
            );
            write('\recho in $((40+2)); exit\r');
          },
        );
        expect(text).toContain('in 42');
        expect(text).toContain('pod "shell" deleted');
        expect((await k(['get', 'pod', 'shell'])).stderr).toContain('not found');
      });

      it('labels, annotates, patches, replaces, edits', async () => {
        expect(await good(['label', 'pod', 'web', 'tier=front'])).toBe('pod/web labeled\n');
        expect(await good(['annotate', 'pod', 'web', 'note=hello'])).toMatch(/^pod\/web annotated?\n$/);
        expect(await good(['patch', 'pod', 'web', '-p', '{"metadata":{"labels":{"tier":null,"by":"patch"}}}'])).toBe(
          'pod/web patched\n',
        );
        expect(
          await good([
            'patch',
            'pod',
            'web',
            '--type=json',
            '-p',
            '[{"op":"add","path":"/metadata/labels/json","value":"yes"}]',
          ]),
        ).toBe('pod/web patched\n');
        expect(JSON.parse(await good(['get', 'pod', 'web', '-o', 'jsonpath={.metadata.labels}']))).toEqual({
          app: 'web',
          by: 'patch',
          json: 'yes',
        });
        await good(['create', 'configmap', 'c', '--from-literal=a=1']);
        const yaml = (await good(['get', 'configmap', 'c', '-o', 'yaml'])).replace('a: "1"', 'a: "2"');
        expect(await good(['replace', '-f', '-'], yaml)).toBe('configmap/c replaced\n');
        const edited = await run(findKubectls().get(version) ?? '', ['-n', ns, 'edit', 'configmap', 'c'], {
          env: { ...cluster.env, KUBE_EDITOR: `sed -i 's/a: "2"/a: "3"/'` },
        });
        expect(edited.stdout).toBe('configmap/c edited\n');
        expect(await good(['get', 'configmap', 'c', '-o', 'jsonpath={.data.a}'])).toBe('3');
      });

      it('applies twice, server-side and client-side, and shows the difference', async () => {
        const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: both}\ndata: {a: "1"}\n';
        expect(await good(['apply', '-f', '-'], manifest)).toBe('configmap/both created\n');
        expect(await good(['apply', '-f', '-'], manifest)).toBe('configmap/both unchanged\n');
        expect(await good(['apply', '-f', '-'], manifest.replace('"1"', '"2"'))).toBe('configmap/both configured\n');
        expect(await good(['apply', '--server-side', '-f', '-'], manifest.replace('both', 'side'))).toBe(
          'configmap/side serverside-applied\n',
        );
        const conflict = await k(
          ['apply', '--server-side', '--field-manager=other', '-f', '-'],
          manifest.replace('both', 'side').replace('"1"', '"9"'),
        );
        expect(conflict.stderr).toContain('conflict with "kubectl": .data.a');
        const diff = await k(['diff', '-f', '-'], manifest.replace('"1"', '"7"'));
        expect([diff.code, diff.stdout.includes('+  a: "7"')]).toEqual([1, true]);
      });

      it('explains itself', async () => {
        expect(await good(['explain', 'pod.spec.restartPolicy'])).toMatch(
          /Restart policy for all containers within the pod/,
        );
        expect(await good(['explain', 'deployment.spec.strategy', '--recursive'])).toContain('rollingUpdate');
        expect(await good(['api-resources', '--namespaced=true'])).toMatch(/pods +po +v1 +true +Pod/);
        expect(await good(['describe', 'pod', 'web'])).toMatch(/Status: +Running/);
        expect(await good(['describe', 'node', 'node-1'])).toContain('Allocated resources');
        expect(await good(['auth', 'can-i', 'create', 'pods'])).toBe('yes\n');
        expect(await good(['events'])).toContain('Started');
        expect(await good(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'])).toBe(
          `https://127.0.0.1:${cluster.port}`,
        );
      });

      it('debugs a running pod with an ephemeral container', async () => {
        const { text } = await pty(
          ['debug', 'web', '-it', '--image=busybox', '--image-pull-policy=IfNotPresent', '--target=main', '--', 'sh'],
          async (write, seen) => {
            await until(
              async () => seen(),
              (t) => /\/ # |press enter/.test(t),
              25_000,
            );
            write('\rps; exit\r');
          },
        );
        expect(text).toContain('httpd');
      });

      it('deletes by name, by label, by force', async () => {
        await good(['apply', '-f', '-'], POD('stubborn', 'trap "" TERM; while true; do sleep 0.1; done'));
        await good(['wait', '--for=condition=Ready', 'pod/stubborn', '--timeout=30s']);
        const t = Date.now();
        await good(['delete', 'pod', 'stubborn', '--grace-period=0', '--force']);
        // Its own grace period is half a minute.
        expect(Date.now() - t).toBeLessThan(25_000);
        await good(['delete', 'pod', '-l', 'app=web', '--grace-period=1']);
        expect((await k(['get', 'pods'])).stderr).toContain('No resources found');
      });

      it('empties a namespace that is deleted', async () => {
        expect((await cluster.kubectl(['delete', 'namespace', ns, '--timeout=30s'], { version })).stdout).toContain(
          `namespace "${ns}" deleted`,
        );
        expect((await cluster.kubectl(['get', 'namespace', ns], { version })).stderr).toContain('not found');
      });
    });
  }
});
