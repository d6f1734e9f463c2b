// Walks through every command of the seed documents with the genuine kubectl against real containers.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { spawn as spawnPty } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectls, freePort, isRoot, type Ran, run, type TestCluster, testCluster } from './cluster.ts';
import { fillRegistry, mirrorConfig } from './images.ts';
import { leftovers } from './leftovers.ts';
import { type Registry, startRegistry } from './registry.ts';

const kubectls = [...findKubectls().keys()];
const oldest = kubectls[0];
const reason = !isRoot ? 'needs root' : kubectls.length === 0 ? 'no kubectl on this host' : undefined;
const seeds = join(import.meta.dirname, '..', 'seeds');
const seed = (name: string) => join(seeds, `${name}.yaml`);

function httpGet(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host, port, path: '/', timeout: 5000 }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (c: string) => {
        text += c;
      });
      res.on('end', () => resolve(text));
    });
    req.on('timeout', () => req.destroy(new Error('time-out')));
    req.on('error', reject);
    req.end();
  });
}

async function eventually<T>(what: () => Promise<T>, good: (value: T) => boolean, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`never came about; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(reason !== undefined)(
  `the seed documents with the genuine kubectl${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    let cluster: TestCluster;
    let registry: Registry;
    const k = (...args: string[]): Promise<Ran> => cluster.kubectl(args);
    const good = async (...args: string[]): Promise<string> => {
      const ran = await k(...args);
      expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
      return ran.stdout;
    };

    beforeAll(async () => {
      cluster = await testCluster();
      mkdirSync(cluster.dir, { recursive: true });
      const work = join(cluster.dir, '..', 'work');
      mkdirSync(work, { recursive: true });
      registry = await startRegistry(work);
      await fillRegistry(registry, work);
      writeFileSync(join(cluster.dir, 'registries.yaml'), mirrorConfig(registry));
      const up = await cluster.up();
      expect(up, up.stderr).toMatchObject({ code: 0 });
    }, 240_000);

    afterAll(async () => {
      await registry?.close();
      await cluster?.remove();
    });

    it('applies nginx-pod.yaml, shows it, and answers on the pod address', async () => {
      expect(await good('apply', '-f', seed('nginx-pod'))).toBe('pod/nginx-pod created\n');
      await good('wait', '--for=condition=Ready', 'pod/nginx-pod', '--timeout=60s');
      expect(await good('get', 'pods')).toMatch(
        /^NAME +READY +STATUS +RESTARTS +AGE\nnginx-pod +1\/1 +Running +0 +\d+s\n$/,
      );
      const ip = await good('get', 'pod', 'nginx-pod', '-o', 'jsonpath={.status.podIP}');
      expect(await httpGet(ip, 80)).toContain('Welcome to nginx!');
      expect(await good('get', 'po', 'nginx-pod', '-o', 'yaml')).toContain('phase: Running');
      expect(await good('get', 'pod', '-o', 'wide')).toContain(ip);
    });

    it('describes the pod with the events that a newcomer looks for', async () => {
      const text = await eventually(
        () => good('describe', 'pod', 'nginx-pod'),
        (t) => t.includes('Started'),
      );
      for (const words of [
        'Successfully assigned default/nginx-pod to',
        'Pulling image "nginx:latest"',
        'Successfully pulled image "nginx:latest"',
        'Created container',
        'Started container',
      ]) {
        expect(text).toContain(words);
      }
    });

    it('lists nodes, all pods, and the pods of a node', async () => {
      expect(await good('get', 'nodes')).toMatch(/Ready/);
      expect(await good('get', 'pods', '-A')).toContain('nginx-pod');
      const node = await good('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');
      expect(await good('get', 'pods', '--all-namespaces', '--field-selector', `spec.nodeName=${node}`)).toContain(
        'nginx-pod',
      );
      expect(
        (await k('get', 'pods', '--all-namespaces', '--field-selector', 'spec.nodeName=elsewhere')).stderr,
      ).toContain('No resources found');
    });

    it('opens a shell in the container, where localhost is nginx', async () => {
      const newest = kubectls.at(-1) ?? '';
      for (const version of new Set([oldest, newest])) {
        const file = findKubectls().get(version ?? '') ?? '';
        const pty = spawnPty(file, ['exec', '-it', 'nginx-pod', '--', 'bash'], {
          env: cluster.env,
          cols: 100,
          rows: 40,
        });
        let seen = '';
        pty.onData((d) => {
          seen += d;
        });
        const ended = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
        await eventually(
          async () => seen,
          (t) => /[#$] $/.test(t),
          15_000,
        );
        pty.write('curl -s localhost; stty size; exit 7\r');
        expect(await ended, seen).toBe(7);
        expect(seen).toContain('Welcome to nginx!');
        expect(seen).toContain('40 100');
      }
    });

    it('forwards a port', async () => {
      for (const version of new Set([oldest, kubectls.at(-1)])) {
        const file = findKubectls().get(version ?? '') ?? '';
        const port = await freePort();
        const pty = spawnPty(file, ['port-forward', 'pod/nginx-pod', `${port}:80`], { env: cluster.env });
        let seen = '';
        pty.onData((d) => {
          seen += d;
        });
        await eventually(
          async () => seen,
          (t) => t.includes('Forwarding from 127.0.0.1'),
          15_000,
        );
        expect(await httpGet('127.0.0.1', port)).toContain('Welcome to nginx!');
        pty.kill();
      }
    });

    it('shows the logs', async () => {
      expect(
        await eventually(
          () => good('logs', 'nginx-pod'),
          (t) => t.includes('GET / HTTP/1.1'),
        ),
      ).toContain('curl');
      expect((await good('logs', 'nginx-pod', '--tail=1')).trim().split('\n')).toHaveLength(1);
      expect(await good('logs', 'nginx-pod', '--timestamps', '--tail=1')).toMatch(/^\d{4}-\d\d-\d\dT/);
    });

    it('deletes the pod', async () => {
      expect(await good('delete', 'pod', 'nginx-pod')).toMatch(/^pod "nginx-pod" deleted/);
      expect((await k('get', 'pod', 'nginx-pod')).stderr).toBe(
        'Error from server (NotFound): pods "nginx-pod" not found\n',
      );
    });

    it('writes YAML without making anything', async () => {
      const yaml = await good('run', 'nginx', '--image=nginx', '--restart=Never', '--dry-run=client', '-o', 'yaml');
      expect(yaml).toContain('restartPolicy: Never');
      const applied = await cluster.kubectl(['apply', '-f', '-', '--dry-run=server'], { input: yaml });
      expect(applied.stdout).toBe('pod/nginx created (server dry run)\n');
      expect(await good('run', 'nginx', '--image=nginx', '--dry-run=server', '-o', 'yaml')).toContain(
        'serviceAccountName: default',
      );
      expect(await good('create', 'deployment', 'webapp', '--image=nginx', '--dry-run=client', '-o', 'yaml')).toContain(
        'kind: Deployment',
      );
      await good('run', 'nginx', '--image=nginx');
      expect(
        await good(
          'expose',
          'pod',
          'nginx',
          '--port=80',
          '--target-port=80',
          '--name=nginx-service',
          '--dry-run=client',
          '-o',
          'yaml',
        ),
      ).toContain('kind: Service');
      await good('delete', 'pod', 'nginx', '--now');
    });

    it('makes a deployment, a pod and a service by command', async () => {
      expect(await good('create', 'deployment', 'my-app', '--image=nginx')).toBe('deployment.apps/my-app created\n');
      expect(await good('run', 'my-pod', '--image=nginx')).toBe('pod/my-pod created\n');
      expect(await good('expose', 'pod', 'my-pod', '--type=NodePort', '--port=80')).toBe('service/my-pod exposed\n');
      expect(await good('get', 'service', 'my-pod')).toMatch(/NodePort +10\.\d+\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/);
      await good('delete', 'service/my-pod', 'pod/my-pod', 'deployment/my-app', '--now');
    });

    it('says what is wrong with a tab, with a bad name, and with a pod without containers', async () => {
      expect((await k('apply', '-f', seed('kubia-tabs'))).stderr).toContain(
        'found character that cannot start any token',
      );
      const bad = await k('apply', '-f', seed('spring-pod-bad-name'));
      expect(bad.code).toBe(1);
      expect(bad.stderr).toContain(
        'spec.containers[0].name: Invalid value: "spring-container:latest": a lowercase RFC 1123 label must consist of',
      );
      expect((await k('apply', '-f', seed('my-pod-without-spec'))).stderr).toContain('spec.containers: Required value');
      expect((await k('apply', '-f', seed('kubia-container-without-name'))).stderr).toContain(
        'unknown field "spec.ports"',
      );
      expect((await k('apply', '--validate=false', '-f', seed('kubia-container-without-name'))).stderr).toContain(
        'spec.containers[0].name: Required value',
      );
    });

    it('ends a local image without a registry in ImagePullBackOff, and says why', async () => {
      await good('apply', '-f', seed('spring-pod'));
      await eventually(
        () => good('get', 'pod', 'spring-pod'),
        (t) => /ErrImagePull|ImagePullBackOff/.test(t),
      );
      const text = await eventually(
        () => good('describe', 'pod', 'spring-pod'),
        (t) => t.includes('Failed to pull image'),
      );
      expect(text).toContain('Failed to pull image "spring-server"');
      await good('delete', 'pod', 'spring-pod', '--now');
    });

    it('leaves a pod Pending whose nodeSelector fits no node, and runs it when the label comes', async () => {
      await good('apply', '-f', seed('full-options-pod'));
      const text = await eventually(
        () => good('describe', 'pod', 'full-options-pod'),
        (t) => t.includes('FailedScheduling'),
      );
      expect(text).toContain("didn't match Pod's node affinity/selector");
      expect(await good('get', 'pod', 'full-options-pod')).toContain('Pending');
      const node = await good('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');
      await good('label', 'node', node, 'disktype=ssd');
      await eventually(
        () => good('get', 'pod', 'full-options-pod'),
        (t) => t.includes('Running'),
      );
      await good('delete', '-f', seed('full-options-pod'), '--now');
    });

    it('shares the network between the containers of a pod, and shows the pause process', async () => {
      await good('apply', '-f', seed('my-nginx-pod-with-ubuntu'));
      await good('wait', '--for=condition=Ready', 'pod/my-nginx-pod', '--timeout=60s');
      expect(await good('get', 'pods')).toContain('2/2');
      expect(
        await good('exec', 'my-nginx-pod', '-c', 'ubuntu-sidecar-container', '--', 'curl', '-s', 'localhost'),
      ).toContain('Welcome to nginx!');
      expect((await run('ps', ['-ef'])).stdout).toMatch(/pause/);
      await good('delete', '-f', seed('my-nginx-pod-with-ubuntu'), '--now');
    });

    it('runs every other good manifest as written', async () => {
      for (const name of ['example-pod', 'my-pod', 'nginx-run-output', 'nginx-pod-with-comments', 'my-nginx-pod']) {
        await good('apply', '-f', seed(name));
        const pod = /\n {2}name: (\S+)/.exec(readFileSync(seed(name), 'utf8'))?.[1] ?? '';
        await good('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
        await good('delete', '-f', seed(name), '--now');
      }
    });

    it('tells what there is', async () => {
      expect(await good('api-resources')).toContain('pods');
      expect(await good('api-versions')).toContain('apps/v1');
      expect(await good('explain', 'pod.spec.containers')).toContain('List of containers');
      expect(await good('cluster-info')).toContain('is running at');
      expect(await good('version')).toContain('Server Version: v1.36');
    });

    it('leaves nothing on the host after down', async () => {
      await good('apply', '-f', seed('nginx-pod'));
      await good('wait', '--for=condition=Ready', 'pod/nginx-pod', '--timeout=60s');
      const config = JSON.parse(readFileSync(join(cluster.dir, 'cluster.json'), 'utf8')) as { name: string };
      expect(await cluster.minke('down')).toMatchObject({ code: 0 });
      const left = await leftovers(config.name, cluster.dir);
      expect(left.filter((line) => !line.includes('docker-registry'))).toEqual([]);
    });
  },
);
