// Services of a cluster that really runs pods: the API from inside, cluster addresses and node ports, nobody behind them, and the end.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDockerArchive } from '../../src/cluster/index.ts';
import { findProgram } from '../../src/host/programs.ts';
import { findKubectls, freePort, isRoot, type Ran, run, type TestCluster, testCluster } from './cluster.ts';
import { buildImage } from './images.ts';
import { leftovers } from './leftovers.ts';

const reason = !isRoot
  ? 'needs root'
  : findKubectls().size === 0
    ? 'no kubectl on this host'
    : findProgram('curl') === undefined
      ? 'needs curl'
      : undefined;

const container = (command: string, more = '') =>
  `{name: c, image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, '${command}']${more}}`;
const MANIFEST = `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {terminationGracePeriodSeconds: 0, containers: [${container('sleep 100000')}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [${container('mkdir /w; hostname > /w/index.html; exec httpd -f -v -p 8080 -h /w', ', readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}')}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;
const SECRETS = '/var/run/secrets/kubernetes.io/serviceaccount';
const CURL_REFUSED = 7;
const BRIDGE_RULES = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const bridgesAreFiltered = () => existsSync(BRIDGE_RULES) && readFileSync(BRIDGE_RULES, 'utf8').trim() === '1';

describe.skipIf(reason !== undefined)(`Services${reason === undefined ? '' : ` (${reason})`}`, () => {
  let cluster: TestCluster;
  let work: string;
  let inPod: string[] = [];
  let name = '';
  let clientIp = '';
  const good = async (...args: string[]): Promise<string> => {
    const ran = await cluster.kubectl(args);
    expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
    return ran.stdout.trim();
  };
  const curl = (prefix: readonly string[], ...args: string[]): Promise<Ran> => {
    const [file = '', ...rest] = [...prefix, 'curl', '-sS', '--max-time', '5', ...args];
    return run(file, rest);
  };
  /** Where the Service is: by its own address, and by its node port on loopback and on the node's address. */
  const addresses = async (): Promise<string[]> => {
    const [ip, port] = (
      await good('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}')
    ).split(' ');
    const node = await good('get', 'node', 'node-1', '-o', 'jsonpath={.status.addresses[0].address}');
    return [`http://${ip}`, `http://${node}:${port}`, `http://127.0.0.1:${port}`];
  };

  beforeAll(async () => {
    cluster = await testCluster();
    work = mkdtempSync(join(tmpdir(), 'minke-services-'));
    const archive = join(work, 'busybox.tar');
    const image = await buildImage('busybox', work);
    await writeDockerArchive(image, ['docker.io/library/busybox:latest'], archive, (file, args) => run(file, args));
    expect(await cluster.up()).toMatchObject({ code: 0 });
    expect(await cluster.minke('image', 'import', archive)).toMatchObject({ code: 0 });
    expect(await cluster.kubectl(['apply', '-f', '-'], { input: MANIFEST })).toMatchObject({ code: 0 });
    await good('wait', '--for=condition=Ready', 'pod/client', '--timeout=30s');
    await good('rollout', 'status', 'deployment/web', '--timeout=30s');
    ({ name } = JSON.parse(readFileSync(join(cluster.dir, 'cluster.json'), 'utf8')) as { name: string });
    clientIp = await good('get', 'pod', 'client', '-o', 'jsonpath={.status.podIP}');
    for (const line of (await run('ip', ['netns', 'list'])).stdout.split('\n')) {
      const [space = ''] = line.split(' ');
      if (!space.startsWith(name)) continue;
      if ((await run('ip', ['-n', space, '-4', '-o', 'addr'])).stdout.includes(` ${clientIp}/`))
        inPod = ['ip', 'netns', 'exec', space];
    }
    expect(inPod).toHaveLength(4);
  }, 120_000);

  afterAll(async () => {
    await cluster?.remove();
    rmSync(work, { recursive: true, force: true });
  });

  it('lead a pod to the API server, which knows it by its token and is known by its certificate', async () => {
    const read = async (file: string) => good('exec', 'client', '--', 'cat', file);
    const ca = join(work, 'ca.crt');
    writeFileSync(ca, await read(`${SECRETS}/ca.crt`));
    const as = ['--cacert', ca, '-H', `Authorization: Bearer ${await read(`${SECRETS}/token`)}`];
    const server = await good(
      'exec',
      'client',
      '--',
      'sh',
      '-c',
      'echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT',
    );
    expect((await curl(inPod, ...as, `https://${server}/version`)).stdout).toContain('"gitVersion":"v1.36');
    const asked = await curl(inPod, ...as, `https://${server}/api/v1/namespaces/default/pods`);
    expect(asked.stdout).toContain('system:serviceaccount:default:default\\" cannot list');
    expect((await curl([], '-k', `https://${server}/version`)).stdout).toContain('Unauthorized');
  });

  it('lead pods and the host to every backend, by kubectl too', async () => {
    const [service = '', node = '', loopback = ''] = await addresses();
    const ways: [readonly string[], string][] = [
      [inPod, service],
      [inPod, node],
      [[], service],
      [[], node],
      [[], loopback],
    ];
    for (const [prefix, url] of ways) {
      const answers = await curl(prefix, ...Array.from({ length: 24 }, () => url));
      expect(answers, url).toMatchObject({ code: 0 });
      expect(new Set(answers.stdout.trim().split('\n')).size, url).toBe(2);
    }
    const heard = await good('logs', '-l', 'app=web', '--tail=-1');
    // On one bridge only where rules see what goes over it.
    if (bridgesAreFiltered()) expect(heard).toContain(`:${clientIp}]:`);
    expect(await good('get', '--raw', '/api/v1/namespaces/default/services/web/proxy/')).toMatch(/^web-/);
    const port = await freePort();
    const [, file = ''] = [...findKubectls()].at(-1) ?? [];
    const forward = spawn(file, ['port-forward', 'service/web', `${port}:80`], {
      stdio: 'ignore',
      env: cluster.env as Record<string, string>,
    });
    await expect
      .poll(async () => (await curl([], `http://127.0.0.1:${port}`)).stdout, { timeout: 30_000 })
      .toMatch(/^web-/);
    forward.kill();
  });

  it('refuse at once when there is nobody behind them, and lead on when there is somebody again', async () => {
    await good('scale', 'deployment/web', '--replicas=0');
    const urls = await addresses();
    for (const url of urls)
      await expect.poll(async () => (await curl([], url)).code, { timeout: 30_000 }).toBe(CURL_REFUSED);
    expect((await curl(inPod, urls[0] ?? '')).code).toBe(CURL_REFUSED);
    await good('scale', 'deployment/web', '--replicas=1');
    for (const url of urls)
      await expect.poll(async () => (await curl([], url)).stdout, { timeout: 30_000 }).toMatch(/^web-/);
  });

  it('have no rules left after down', async () => {
    expect((await run('nft', ['list', 'tables'])).stdout).toContain(`${name}-services`);
    expect(await cluster.minke('down')).toMatchObject({ code: 0 });
    expect(await leftovers(name, cluster.dir)).toEqual([]);
  });
});
