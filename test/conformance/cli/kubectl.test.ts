// kubectl as it comes, against simulated nodes: what it makes, shows, changes and passes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYMENTS, PODS, REPLICATION_CONTROLLERS, SERVICES } from '../../../src/client/index.ts';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';
import { findKubectls } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, type SimulatedCluster, soon, startSimulated } from '../simulated.ts';

const binary = [...findKubectls().values()].at(-1);
const IMAGE = 'registry.test/httpd:2.4';

describe.skipIf(!isRoot || binary === undefined)(
  'kubectl (it must be installed; the nodes of the cluster need root)',
  () => {
    let cluster: SimulatedCluster;
    let directory = '';
    const proxies: ChildProcess[] = [];
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'minke-cli-'));
      cluster = await startSimulated();
    });
    afterAll(async () => {
      for (const proxy of proxies) proxy.kill();
      await cluster?.stop();
      if (directory !== '') rmSync(directory, { recursive: true, force: true });
    });

    /** Runs to a good end; gives what was printed. */
    const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
      const ran = await cluster.kubectl(args, input === undefined ? {} : { input });
      expect(ran.code, `kubectl ${args.join(' ')}: ${ran.stderr}`).toBe(0);
      return ran.stdout;
    };
    const controller = (name: string, replicas = 1): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { name, labels: { app: 'agnhost', role: 'primary' } },
        spec: {
          replicas,
          selector: { app: 'agnhost', role: 'primary' },
          template: {
            metadata: { labels: { app: 'agnhost', role: 'primary' } },
            spec: {
              containers: [{ name: 'c', image: IMAGE, ports: [{ name: 'agnhost-server', containerPort: 6379 }] }],
            },
          },
        },
      });
    const podsOf = async (namespace: string): Promise<Pod[]> =>
      (await cluster.client.resource(PODS).list(namespace)).items;
    const running = (namespace: string, count: number) =>
      eventually(async () => {
        const all = await podsOf(namespace);
        return all.length === count && all.every(({ status }) => status?.phase === 'Running');
      });
    const makePod = async (namespace: string, name = 'pause', labels: Record<string, string> = {}): Promise<void> => {
      const object = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels },
        spec: { containers: [{ name, image: IMAGE }] },
      };
      await kubectl(['-n', namespace, 'create', '-f', '-'], JSON.stringify(object));
      await running(namespace, 1);
    };

    it.concurrent(covers('Kubectl, check version v1'), async () => {
      expect((await kubectl(['api-versions'])).split('\n')).toContain('v1');
    });

    it.concurrent(covers('Kubectl, cluster info'), async () => {
      const printed = await kubectl(['cluster-info']);
      expect(printed).toMatch(/Kubernetes control plane.* is running at /);
      expect(printed).toContain(cluster.server);
    });

    it.concurrent(covers('Kubectl, version'), async () => {
      const text = await kubectl(['version', '-o', 'json']);
      const info = JSON.parse(text) as Record<string, Record<string, string>>;
      for (const side of ['clientVersion', 'serverVersion']) {
        expect(info[side]?.major).toMatch(/^\d+$/);
        expect(info[side]?.minor).toMatch(/^\d+\+?$/);
        expect(info[side]?.gitVersion).toMatch(/^v\d+\.\d+\.\d+/);
      }
    });

    it.concurrent(covers('Kubectl, describe pod or rc'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await kubectl([...n, 'create', '-f', '-'], controller('agnhost-primary'));
      await kubectl([...n, 'expose', 'rc', 'agnhost-primary', '--port=6379', '--target-port=agnhost-server']);
      await running(namespace, 1);
      const [pod] = await podsOf(namespace);
      const described = await kubectl([...n, 'describe', 'pod', pod?.metadata.name ?? '']);
      for (const line of [
        /^Name: +agnhost-primary-/m,
        new RegExp(`^Namespace: +${namespace}$`, 'm'),
        /^Node: +node-/m,
        /^Labels: +app=agnhost\n +role=primary$/m,
        /^Annotations: /m,
        /^Status: +Running$/m,
        /^IP: +\d/m,
        /^Controlled By: +ReplicationController\/agnhost-primary$/m,
        /Image: +registry\.test\/httpd:2\.4$/m,
        /State: +Running$/m,
        /^QoS Class: +BestEffort$/m,
      ])
        expect(described).toMatch(line);
      const rc = await kubectl([...n, 'describe', 'rc', 'agnhost-primary']);
      expect(rc).toMatch(/^Replicas: +1 current \/ 1 desired$/m);
      expect(rc).toMatch(/^Pods Status: +1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed$/m);
      expect(rc).toMatch(/SuccessfulCreate/);
      const service = await kubectl([...n, 'describe', 'service', 'agnhost-primary']);
      expect(service).toMatch(/^Type: +ClusterIP$/m);
      expect(service).toMatch(/^TargetPort: +agnhost-server\/TCP$/m);
      const node = await kubectl(['describe', 'node', pod?.spec?.nodeName ?? '']);
      for (const head of ['Conditions:', 'Capacity:', 'Allocatable:', 'System Info:', 'Non-terminated Pods:'])
        expect(node).toContain(head);
      expect(await kubectl(['describe', 'namespace', namespace])).toMatch(/^Status: +Active$/m);
    });

    it.concurrent(covers('Kubectl, diff Deployment'), async () => {
      const namespace = await cluster.namespace();
      const manifest = (image: string): string =>
        JSON.stringify({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'httpd-deployment' },
          spec: {
            replicas: 1,
            selector: { matchLabels: { app: 'httpd' } },
            template: { metadata: { labels: { app: 'httpd' } }, spec: { containers: [{ name: 'httpd', image }] } },
          },
        });
      await kubectl(['-n', namespace, 'create', '-f', '-'], manifest(IMAGE));
      const diff = await cluster.kubectl(['-n', namespace, 'diff', '-f', '-'], { input: manifest('busybox') });
      expect(diff.code).toBe(1);
      expect(diff.stdout).toMatch(/^- +(- )?image: registry\.test\/httpd:2\.4$/m);
      expect(diff.stdout).toMatch(/^\+ +(- )?image: busybox$/m);
      const { items } = await cluster.client.resource(DEPLOYMENTS).list(namespace);
      expect(items[0]?.spec?.template?.spec?.containers[0]?.image).toBe(IMAGE);
    });

    it.concurrent(covers('Kubectl, create service, replication controller'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await kubectl([...n, 'create', '-f', '-'], controller('agnhost-primary'));
      await running(namespace, 1);
      await kubectl([...n, 'expose', 'rc', 'agnhost-primary', '--name=rm2', '--port=1234', '--target-port=6379']);
      await kubectl([...n, 'expose', 'service', 'rm2', '--name=rm3', '--port=2345', '--target-port=6379']);
      const services = cluster.client.resource(SERVICES);
      for (const [name, port] of [
        ['rm2', 1234],
        ['rm3', 2345],
      ] as const) {
        const { spec } = await services.get(namespace, name);
        expect(spec?.ports).toMatchObject([{ port, targetPort: 6379, protocol: 'TCP' }]);
        await soon(async () => {
          const slices = await kubectl([
            ...n,
            'get',
            'endpointslices',
            '-l',
            `kubernetes.io/service-name=${name}`,
            '-o',
            'json',
          ]);
          const [slice] = (JSON.parse(slices) as { items: { ports: object[]; endpoints: object[] }[] }).items;
          expect(slice).toMatchObject({ ports: [{ port: 6379 }], endpoints: [{ conditions: { ready: true } }] });
        });
      }
    });

    it.concurrent(covers('Kubectl, label update'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await makePod(namespace);
      await kubectl([...n, 'label', 'pods', 'pause', 'testing-label=testing-label-value']);
      expect(await kubectl([...n, 'get', 'pod', 'pause', '-L', 'testing-label'])).toContain('testing-label-value');
      await kubectl([...n, 'label', 'pods', 'pause', 'testing-label-']);
      expect(await kubectl([...n, 'get', 'pod', 'pause', '-L', 'testing-label'])).not.toContain('testing-label-value');
      expect(await kubectl([...n, 'get', 'pod', '-l', 'testing-label', '-o', 'name'])).toBe('');
    });

    it.concurrent(covers('Kubectl, patch to annotate'), async () => {
      const namespace = await cluster.namespace();
      await kubectl(['-n', namespace, 'create', '-f', '-'], controller('agnhost-primary', 2));
      await running(namespace, 2);
      const patch = JSON.stringify({ metadata: { annotations: { x: 'y' } } });
      for (const { metadata } of await podsOf(namespace))
        await kubectl(['-n', namespace, 'patch', 'pod', metadata.name ?? '', '-p', patch]);
      for (const { metadata } of await podsOf(namespace)) expect(metadata.annotations).toMatchObject({ x: 'y' });
    });

    it.concurrent(covers('Kubectl, replace'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await kubectl([...n, 'run', 'httpd', `--image=${IMAGE}`, '--labels=run=httpd']);
      await running(namespace, 1);
      const text = await kubectl([...n, 'get', 'pod', 'httpd', '-o', 'json']);
      await kubectl([...n, 'replace', '-f', '-'], text.replace(`"image": "${IMAGE}"`, '"image": "busybox:1.29"'));
      expect((await cluster.client.resource(PODS).get(namespace, 'httpd')).spec?.containers[0]?.image).toBe(
        'busybox:1.29',
      );
      const before = (await cluster.client.resource(PODS).get(namespace, 'httpd')).metadata.uid;
      await kubectl([...n, 'replace', '--force', '--grace-period=0', '-f', '-'], text);
      expect((await cluster.client.resource(PODS).get(namespace, 'httpd')).metadata.uid).not.toBe(before);
    });

    it.concurrent(covers('Kubectl, run pod'), async () => {
      const namespace = await cluster.namespace();
      await kubectl(['-n', namespace, 'run', 'httpd', '--restart=Never', `--image=${IMAGE}`]);
      const pod = await cluster.client.resource(PODS).get(namespace, 'httpd');
      expect(pod.spec).toMatchObject({ restartPolicy: 'Never', containers: [{ name: 'httpd', image: IMAGE }] });
    });

    it.concurrent(covers('Kubectl, server-side dry-run Pod'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await kubectl([...n, 'run', 'httpd', `--image=${IMAGE}`, '--labels=run=httpd']);
      const patch = JSON.stringify({ spec: { containers: [{ name: 'httpd', image: 'busybox:1.29' }] } });
      const printed = await kubectl([...n, 'patch', 'pod', 'httpd', '-p', patch, '--dry-run=server', '-o', 'json']);
      expect(printed).toContain('"image": "busybox:1.29"');
      expect((await cluster.client.resource(PODS).get(namespace, 'httpd')).spec?.containers[0]?.image).toBe(IMAGE);
    });

    it.concurrent(covers('Kubectl, replication controller'), async () => {
      const namespace = await cluster.namespace();
      await kubectl(['-n', namespace, 'create', '-f', '-'], controller('update-demo', 2));
      await running(namespace, 2);
      const names = await kubectl(['-n', namespace, 'get', 'pods', '-l', 'app=agnhost', '-o', 'name']);
      expect(names.trim().split('\n')).toHaveLength(2);
    });

    it.concurrent(covers('Kubectl, scale replication controller'), async () => {
      const namespace = await cluster.namespace();
      const n = ['-n', namespace];
      await kubectl([...n, 'create', '-f', '-'], controller('update-demo', 2));
      await running(namespace, 2);
      for (const replicas of [1, 2]) {
        await kubectl([...n, 'scale', 'rc', 'update-demo', `--replicas=${replicas}`, '--timeout=1m']);
        await running(namespace, replicas);
        const { status } = await cluster.client.resource(REPLICATION_CONTROLLERS).get(namespace, 'update-demo');
        expect(status?.replicas).toBe(replicas);
      }
    });

    /** Starts a proxy and gives the first line that it prints. */
    const proxy = (...args: string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, HOME: directory, KUBECONFIG: cluster.kubeconfig };
        const child = spawn(binary ?? '', ['proxy', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
        proxies.push(child);
        child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
        child.once('error', reject);
      });
    const versions = (where: { port: number } | { socketPath: string }): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const asked = request({ ...where, host: '127.0.0.1', path: '/api/' }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { versions: string[] };
            resolve(body.versions);
          });
        });
        asked.on('error', reject);
        asked.end();
      });

    it.concurrent(covers('Kubectl, proxy port zero'), async () => {
      const port = Number(/127\.0\.0\.1:(\d+)/.exec(await proxy('--port=0', '--disable-filter'))?.[1]);
      expect(await versions({ port })).toEqual(['v1']);
    });

    it.concurrent(covers('Kubectl, proxy socket'), async () => {
      const socketPath = join(directory, 'proxy.sock');
      await proxy(`--unix-socket=${socketPath}`);
      await eventually(async () => existsSync(socketPath));
      expect(await versions({ socketPath })).toEqual(['v1']);
    });
  },
);
