// What somebody meets who runs a cluster: starting twice, taken ports, damaged files, users with certificates, `top`, `why`.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectls, isRoot, type Ran, type TestCluster, testCluster } from './cluster.ts';

const hasKubectl = findKubectls().size > 0;
const reason = !isRoot ? 'needs root' : hasKubectl ? undefined : 'no kubectl on this host';

async function eventually(what: () => Promise<Ran>, good: (ran: Ran) => boolean, ms = 60_000): Promise<Ran> {
  for (const end = Date.now() + ms; ; ) {
    const ran = await what();
    if (good(ran)) return ran;
    if (Date.now() > end) throw new Error(`never came about; last: ${JSON.stringify(ran)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A key, and the request for a certificate for it, as `openssl req -new` makes them. */
async function certificateRequest(subject: string): Promise<{ key: string; request: string }> {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ name: subject, keys, signingAlgorithm: algorithm });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
    request: Buffer.from(request.toString('pem')).toString('base64'),
  };
}

describe.skipIf(reason !== undefined)(`a cluster in use${reason === undefined ? '' : ` (${reason})`}`, () => {
  let cluster: TestCluster;
  const k = (...args: string[]) => cluster.kubectl(args);
  const good = async (...args: string[]): Promise<string> => {
    const ran = await k(...args);
    expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
    return ran.stdout;
  };

  beforeAll(async () => {
    cluster = await testCluster();
    const up = await cluster.up('--runtime', 'simulated');
    expect(up, up.stderr).toMatchObject({ code: 0 });
  });
  afterAll(() => cluster?.remove(), 60_000);

  it('gives a user a certificate once the request is approved', async () => {
    const { key, request } = await certificateRequest('CN=bob, O=devs');
    const input = JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'bob' },
      spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
    });
    expect(await cluster.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    expect(await good('get', 'csr', 'bob')).toContain('Pending');
    await good('certificate', 'approve', 'bob');
    await eventually(
      () => k('get', 'csr', 'bob'),
      (ran) => ran.stdout.includes('Approved,Issued'),
    );
    const certificate = await good('get', 'csr', 'bob', '-o', 'jsonpath={.status.certificate}');
    const files = { key: join(cluster.dir, 'bob.key'), cert: join(cluster.dir, 'bob.crt') };
    writeFileSync(files.key, key);
    writeFileSync(files.cert, Buffer.from(certificate, 'base64'));
    const asBob = ['--client-key', files.key, '--client-certificate', files.cert];
    const server = (await good('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')).trim();
    const pki = join(cluster.dir, 'pki', 'ca.crt');
    const bob = (...args: string[]) =>
      k('--kubeconfig', '/dev/null', '--server', server, '--certificate-authority', pki, ...asBob, ...args);
    expect((await bob('get', 'pods')).stderr).toContain('User "bob" cannot list resource "pods"');
    await good('create', 'clusterrolebinding', 'devs', '--clusterrole=view', '--group=devs');
    await eventually(
      () => bob('get', 'pods'),
      (ran) => ran.code === 0,
    );
  });

  it('makes the Service kubernetes again when somebody deletes it', async () => {
    await good('delete', 'services', '--all', '-n', 'default');
    await eventually(
      () => k('get', 'service', 'kubernetes'),
      (ran) => ran.code === 0,
    );
  });

  it('tells by kubectl top what nodes and pods use', async () => {
    await good('run', 'web', '--image=nginx:1.25');
    await good('wait', '--for=condition=Ready', 'pod/web', '--timeout=20s');
    expect(await good('top', 'node')).toMatch(/^NAME +CPU\(cores\).*\nnode-1 +\d+m +\d+% +\d+Mi +\d+%/);
    expect(await good('top', 'pod', '-A')).toMatch(/default +web +\d+m +\d+Mi/);
  });

  it('says by minke why what keeps pods from running, of a pod, a Deployment, a namespace', async () => {
    await good('run', 'far', '--image=nginx:1.25', '--overrides={"spec":{"nodeSelector":{"disktype":"ssd"}}}');
    await good('create', 'deployment', 'none', '--image=nginx', '--replicas=0');
    const far = await eventually(
      () => cluster.minke('why', 'pod/far'),
      (ran) => ran.stdout.includes('No node fits'),
    );
    expect(far.stdout).toContain('kubectl label node NODE disktype=ssd');
    expect((await cluster.minke('why', 'deploy/none')).stdout).toContain('scaled to 0');
    const all = await cluster.minke('why');
    expect(all.stdout).toMatch(/^pod\/far\n/);
    expect(all.stdout).not.toContain('pod/web');
    expect(await cluster.minke('why', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not found'),
    });
  });

  it('is left alone by a second minke up, which says what it did not change', async () => {
    const again = await cluster.minke('up', '--nodes', '7');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain('The cluster runs already, with --nodes 1');
    expect((await cluster.minke('up', '--foreground')).stderr).toContain('the cluster runs already');
  });

  it('keeps port and runtime when it is started again without saying them', async () => {
    expect(await cluster.minke('down')).toMatchObject({ code: 0 });
    const up = await cluster.minke('up');
    expect(up, up.stderr).toMatchObject({ code: 0 });
    expect(up.stderr).toContain(`:${cluster.port}\n`);
    expect((await good('get', 'pod', 'far')).includes('Pending')).toBe(true);
  });
});

describe.skipIf(!isRoot)(`minke${isRoot ? '' : ' (needs root)'}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await testCluster();
  });
  afterAll(() => cluster?.remove(), 60_000);
  /** One line that says it, one that says what to type, and no stack. */
  const plain = (ran: Ran, words: string) => {
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(words);
    expect(ran.stderr).not.toMatch(/^ +at /m);
  };

  it('names the port that is taken, and remembers nothing of a start that failed', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const up = await cluster.minke('up', '--runtime', 'simulated', '--port', String(port));
    taken.close();
    plain(up, `port ${port} of 127.0.0.1 is taken`);
    expect(up.stderr).toContain(`minke up --port ${port + 1}`);
    expect(existsSync(join(cluster.dir, 'cluster.json'))).toBe(false);
  });

  it('says in plain words what is wrong with options, files and directories', async () => {
    plain(await cluster.minke('up', '--port', '70000'), '--port takes a number from 1 to 65535');
    plain(await cluster.minke('up', '--bind-address', 'here'), '--bind-address takes an IP address');
    plain(await cluster.minke('status'), 'No cluster runs in');
    plain(await cluster.minke('image', 'ls'), 'no cluster runs in');
    mkdirSync(cluster.dir, { recursive: true });
    writeFileSync(join(cluster.dir, 'cluster.json'), '{bad');
    plain(await cluster.minke('up'), 'cluster.json is damaged');
    expect(await cluster.minke('down', '--purge')).toMatchObject({ code: 0 });
    writeFileSync(cluster.dir, 'a file');
    plain(await cluster.minke('up'), 'is a file, not a directory');
    rmSync(cluster.dir);
  });

  it('leaves a kubeconfig that it cannot read as it is, and is up all the same', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'minke-kubeconfig-'));
    const path = join(directory, 'config');
    writeFileSync(path, 'clusters: [');
    const env = { ...cluster.env, KUBECONFIG: path };
    const minke = (...args: string[]) => cluster.minkeWith(env, ...args);
    const up = await minke('up', '--runtime', 'simulated', '--port', String(cluster.port));
    expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining('was left as it is') });
    expect(await minke('down', '--purge')).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8')).toBe('clusters: [');
    rmSync(directory, { recursive: true });
  });
});
