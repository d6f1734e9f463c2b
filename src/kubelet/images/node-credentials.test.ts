// Credentials that the node knows: provider programs and docker's configuration, with real programs in a directory of the test.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImageInfo, ImageService, RegistryAuth } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import { runProgram } from '../../host/programs.ts';
import { ImageManager } from './manager.ts';
import { type NodeCredentialsOptions, openNodeCredentials } from './node-credentials.ts';
import { parseProviderConfig } from './provider-config.ts';
import type { PodAccount } from './providers.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-credentials-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const bin = join(root, 'bin');
const config = join(root, 'providers.yaml');
const journal = join(root, 'journal');
let now = 0;
const clock: Clock = { ...systemClock, now: () => now };
let log: string[] = [];

/** A provider that writes down what it is asked and answers with `answer`. */
async function provider(name: string, answer: unknown, more = ''): Promise<void> {
  const text = JSON.stringify(answer);
  const script = `#!/bin/sh\n{ printf '%s %s %s ' "$0" "$*" "$FLAVOUR"; cat; echo; } >>${journal}\n${more}\nprintf '%s' '${text}'\n`;
  await writeFile(join(bin, name), script);
  await chmod(join(bin, name), 0o755);
}

function answer(auth: Record<string, unknown>, cacheKeyType = 'Registry', cacheDuration?: string): unknown {
  return {
    kind: 'CredentialProviderResponse',
    apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
    cacheKeyType,
    ...(cacheDuration === undefined ? {} : { cacheDuration }),
    auth,
  };
}

async function open(more: NodeCredentialsOptions = { providers: { config, directory: bin } }) {
  return openNodeCredentials({ ...more, environment: { PATH: process.env.PATH ?? '' } }, clock, (line) =>
    log.push(line),
  );
}

const nobody = async (): Promise<PodAccount | undefined> => undefined;

async function asked(): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter((l) => l !== '');
  return lines.map((line) => JSON.parse(line.slice(line.indexOf('{'))));
}

function configuration(provider: string): string {
  return `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n  - ${provider.trim().replaceAll('\n', '\n    ')}\n`;
}

const PLAIN = `name: cloud
apiVersion: credentialprovider.kubelet.k8s.io/v1
matchImages: ["*.registry.test/team", "registry.test:5000"]
defaultCacheDuration: 1m
args: [get, --quick]
env: [{name: FLAVOUR, value: sweet}]`;

beforeEach(async () => {
  now = 1_000_000;
  log = [];
  await rm(root, { recursive: true, force: true });
  await mkdir(bin, { recursive: true });
  await writeFile(config, configuration(PLAIN));
});

describe('credential providers', () => {
  test('are asked about the images that they match, with their arguments and environment', async () => {
    await provider('cloud', answer({ 'a.registry.test': { username: 'u', password: 'p' } }));
    const auths = await open();
    expect(await auths('a.registry.test/team/app:1', nobody)).toEqual([
      { username: 'u', password: 'p', serverAddress: 'a.registry.test' },
    ]);
    expect(await auths('a.registry.test/other/app', nobody)).toEqual([]);
    expect(await auths('nginx', nobody)).toEqual([]);
    expect(await asked()).toEqual([
      {
        kind: 'CredentialProviderRequest',
        apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
        image: 'a.registry.test/team/app',
      },
    ]);
    expect(await readFile(journal, 'utf8')).toContain('/cloud get --quick sweet {');
  });

  test('answers are kept by image, by registry or for all, for as long as they say', async () => {
    const auths = await open();
    const count = async (type: string, duration: string | undefined, images: readonly string[]) => {
      await rm(journal, { force: true });
      await provider('cloud', answer({ '*.registry.test': { username: 'u', password: 'p' } }, type, duration));
      for (const image of images) await auths(image, nobody);
      return (await asked()).length;
    };
    const [a, a2, b] = ['a.registry.test/team/x', 'a.registry.test/team/y', 'b.registry.test/team/x'];
    expect(await count('Image', '0s', [a, a])).toBe(2);
    expect(await count('Image', undefined, [a, a, a2])).toBe(2);
    now += 60_001;
    expect(await count('Registry', '1h', [a, a2, b])).toBe(2);
    now += 3_600_001;
    expect(await count('Global', '10s', [a, a2, b])).toBe(1);
    now += 10_001;
    expect(await count('Global', '10s', [b])).toBe(1);
  });

  test('images wanted at the same time are one question', async () => {
    await provider('cloud', answer({ 'a.registry.test': { username: 'u', password: 'p' } }), 'sleep 0.2');
    const auths = await open();
    await Promise.all([1, 2, 3].map(() => auths('a.registry.test/team/x', nobody)));
    expect(await asked()).toHaveLength(1);
  });

  test('one that fails, is not there or answers nonsense is noted, and the pull goes on without', async () => {
    const auths = await open();
    expect(await auths('a.registry.test/team/x', nobody)).toEqual([]);
    await provider('cloud', {}, 'exit 3');
    expect(await auths('a.registry.test/team/x', nobody)).toEqual([]);
    await provider('cloud', { kind: 'CredentialProviderResponse', apiVersion: 'v9', cacheKeyType: 'Image' });
    expect(await auths('a.registry.test/team/x', nobody)).toEqual([]);
    await provider('cloud', answer({}, 'Moon'));
    expect(await auths('a.registry.test/team/x', nobody)).toEqual([]);
    expect(log).toHaveLength(4);
    expect(log[1]).toContain('credential provider cloud: ');
    expect(log[2]).toContain('did not match expected apiVersion');
    expect(log[3]).toContain('valid cacheKeyType');
  });

  test('those that want it get a token of the pod, and answer for its account only', async () => {
    const attributes = `${PLAIN}
tokenAttributes:
  serviceAccountTokenAudience: registry
  requireServiceAccount: true
  cacheType: ServiceAccount
  requiredServiceAccountAnnotationKeys: [role]
  optionalServiceAccountAnnotationKeys: [zone]`;
    await writeFile(config, configuration(attributes));
    await provider('cloud', answer({ '*.registry.test': { username: 'u', password: 'p' } }, 'Global', '1h'));
    const account = (name: string, annotations: Record<string, string>) => async (): Promise<PodAccount> => ({
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      annotations,
      token: async (audience) => `token of ${name} for ${audience}`,
    });
    const auths = await open();
    const image = 'a.registry.test/team/x';
    for (const name of ['one', 'one', 'two'])
      expect(await auths(image, account(name, { role: 'r', other: 'o' }))).toHaveLength(1);
    expect((await asked()).map((q) => q.serviceAccountToken)).toEqual([
      'token of one for registry',
      'token of two for registry',
    ]);
    expect((await asked())[0]?.serviceAccountAnnotations).toEqual({ role: 'r' });
    expect(await auths(image, nobody)).toEqual([]);
    expect(await auths(image, account('three', {}))).toEqual([]);
    expect(log).toEqual([expect.stringContaining('required annotation role not found')]);
  });
});

test.each([
  ['kind: Nonsense', 'not a CredentialProviderConfig'],
  ['apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: []', 'at least 1 item'],
  [configuration(PLAIN.replace('name: cloud', 'name: ../cloud')), 'providers[0].name: Invalid value'],
  [configuration(PLAIN.replace('/v1', '/v7')), 'providers[0].apiVersion: Unsupported value'],
  [configuration(PLAIN.replace('defaultCacheDuration: 1m', '')), 'providers[0].defaultCacheDuration: Required value'],
  [
    configuration(`${PLAIN}\ntokenAttributes: {requireServiceAccount: true}`),
    'serviceAccountTokenAudience: Required value',
  ],
])('a wrong configuration is refused: %s', (text, why) => {
  expect(() => parseProviderConfig(text)).toThrow(why);
});

test('a node with a wrong configuration of providers does not start as if it had none; one without any does', async () => {
  await writeFile(config, 'kind: Nonsense');
  await expect(open()).rejects.toThrow(`${config}: not a CredentialProviderConfig`);
  await rm(config);
  expect(await (await open())('nginx', nobody)).toEqual([]);
});

describe("docker's configuration", () => {
  const docker = join(root, 'config.json');
  const run: typeof runProgram = (name, args, options) =>
    runProgram(name.startsWith('docker-') ? join(bin, name) : name, args, options);

  test('what docker login has written counts, and is read anew each time', async () => {
    const auths = await open({ dockerConfig: docker });
    expect(await auths('nginx', nobody)).toEqual([]);
    const auth = Buffer.from('me:secret').toString('base64');
    await writeFile(docker, JSON.stringify({ auths: { 'https://index.docker.io/v1/': { auth }, 'x.test': {} } }));
    expect(await auths('nginx', nobody)).toMatchObject([{ username: 'me', password: 'secret' }]);
    expect(await auths('x.test/app', nobody)).toEqual([]);
    await writeFile(docker, '{');
    expect(await auths('nginx', nobody)).toEqual([]);
    expect(log).toHaveLength(1);
  });

  test('helpers are asked for their registry, the store for all others; a token is no password; a helper that is missing is noted once', async () => {
    const before = process.env.PATH;
    process.env.PATH = `${bin}:${before}`;
    try {
      const helper = (name: string, script: string) =>
        writeFile(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      await helper('one', `read server; printf '{"ServerURL":"%s","Username":"u1","Secret":"s1"}' "$server"`);
      await helper(
        'all',
        `read server; case $server in y.test) printf '{"Username":"<token>","Secret":"t"}' ;; *) echo no; exit 1 ;; esac`,
      );
      await writeFile(
        docker,
        JSON.stringify({ credHelpers: { 'x.test': 'one', 'z.test': 'lost-helper' }, credsStore: 'all' }),
      );
      const auths = await open({ dockerConfig: docker, run });
      expect(await auths('x.test/app', nobody)).toEqual([{ username: 'u1', password: 's1', serverAddress: 'x.test' }]);
      expect(await auths('y.test/app', nobody)).toEqual([{ identityToken: 't', serverAddress: 'y.test' }]);
      expect(await auths('nginx', nobody)).toEqual([]);
      for (let i = 0; i < 2; i += 1) expect(await auths('z.test/app', nobody)).toEqual([]);
      expect(log).toEqual([expect.stringContaining('docker-credential-lost-helper, which is not on this host')]);
    } finally {
      process.env.PATH = before;
    }
  });
});

test("a pull tries the pod's own secrets first, then what the node knows", async () => {
  const tried: (string | undefined)[] = [];
  const info: ImageInfo = { id: 'sha256:1', repoTags: [], repoDigests: [], size: 1, pinned: false };
  const images: ImageService = {
    imageStatus: async (name) => (name === info.id ? info : undefined),
    listImages: async () => [],
    removeImage: async () => {},
    imageFsInfo: async () => ({ usedBytes: 0, inodesUsed: 0, mountpoint: '/' }),
    async pullImage(_image: string, auth: RegistryAuth | undefined) {
      tried.push(auth?.username);
      if (auth?.username !== 'node') throw new RuntimeError('unauthorized', 'no');
      return info.id;
    },
  };
  const manager = new ImageManager(images, systemClock, 1);
  const secret = Buffer.from(JSON.stringify({ auths: { 'x.test': { username: 'pod', password: 'p' } } })).toString(
    'base64',
  );
  await manager.ensure({
    podUid: 'u',
    image: 'x.test/app',
    policy: 'Always',
    secrets: async () => [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { '.dockerconfigjson': secret } },
    ],
    nodeAuths: async () => [{ username: 'node', password: 'n' }],
    say: () => undefined,
    signal: new AbortController().signal,
  });
  expect(tried).toEqual(['pod', 'node']);
});
