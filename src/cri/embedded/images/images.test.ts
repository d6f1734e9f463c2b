// Images: what a layer may not do, what a registry may not get away with, and what an archive brings.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../host/clock.ts';
import { runProgram } from '../../../host/programs.ts';
import { openImageStore } from './index.ts';
import { LayerTree } from './layer-tree.ts';
import { parseChallenge } from './registry-client.ts';

const root = process.getuid?.() === 0;
const made: string[] = [];
const fresh = () => {
  const dir = mkdtempSync(join(tmpdir(), 'minke-images-'));
  made.push(dir);
  return dir;
};
afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

const sha = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const file = (name: string, body: string): TarEntry => ({
  header: { name, size: body.length, type: 'file', mode: 0o644, uid: 7, gid: 8, mtime: new Date(1e12) },
  body,
});
const directory = (name: string): TarEntry => ({ header: { name, size: 0, type: 'directory', mode: 0o755 } });
const symlink = (name: string, linkname: string): TarEntry => ({
  header: { name, size: 0, type: 'symlink', linkname },
});
const hardlink = (name: string, linkname: string): TarEntry => ({ header: { name, size: 0, type: 'link', linkname } });

interface Layer {
  readonly tar: Buffer;
  readonly diffId: string;
}

async function layer(...entries: TarEntry[]): Promise<Layer> {
  const tar = Buffer.from(await packTar(entries));
  return { tar, diffId: sha(tar) };
}

function configOf(layers: readonly Layer[], extra: Record<string, unknown> = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map((l) => l.diffId) },
      ...extra,
    }),
  );
}

async function dockerArchive(dir: string, layers: readonly Layer[], names = ['app:1']): Promise<string> {
  const config = configOf(layers);
  const manifest = JSON.stringify([
    { Config: 'c.json', RepoTags: names, Layers: layers.map((_, i) => `${i}/layer.tar`) },
  ]);
  const entries: TarEntry[] = [
    { header: { name: 'manifest.json', size: manifest.length }, body: manifest },
    { header: { name: 'c.json', size: config.length }, body: config },
    ...layers.map((l, i) => ({ header: { name: `${i}/layer.tar`, size: l.tar.length }, body: l.tar })),
  ];
  const path = join(dir, 'image.tar');
  writeFileSync(path, gzipSync(await packTar(entries)));
  return path;
}

async function imported(...layers: Layer[]): Promise<readonly string[]> {
  const dir = fresh();
  const store = await openImageStore({ directory: join(dir, 'store'), clock: systemClock });
  expect(await store.importArchive(await dockerArchive(dir, layers))).toEqual(['docker.io/library/app:1']);
  return (await store.open('app:1'))?.layers ?? [];
}

describe.skipIf(!root)('a layer (needs root: it sets owners)', () => {
  it('keeps owners, modes, times, links', async () => {
    const [path = ''] = await imported(
      await layer(directory('etc'), file('etc/a', 'hello'), symlink('etc/b', 'a'), hardlink('c', 'etc/a')),
    );
    const seen = statSync(join(path, 'etc/a'));
    expect([seen.uid, seen.gid, seen.mode & 0o777, seen.mtimeMs, seen.nlink]).toEqual([7, 8, 0o644, 1e12, 2]);
    expect(readlinkSync(join(path, 'etc/b'))).toBe('a');
    expect(readFileSync(join(path, 'c'), 'utf8')).toBe('hello');
  });

  it('never writes outside of itself, by dots or by links', async () => {
    const outside = fresh();
    const [path = ''] = await imported(
      await layer(
        file('../../../../../../../tmp/minke-climbed', 'x'),
        file('/abs', 'y'),
        symlink('out', outside),
        file('out/inside', 'z'),
        symlink('up', '../../../..'),
        file('up/top', 't'),
      ),
    );
    expect(existsSync('/tmp/minke-climbed')).toBe(false);
    expect(existsSync(join(outside, 'inside'))).toBe(false);
    expect(readFileSync(join(path, 'tmp/minke-climbed'), 'utf8')).toBe('x');
    expect(readFileSync(join(path, 'abs'), 'utf8')).toBe('y');
    expect(readFileSync(join(path, outside, 'inside'), 'utf8')).toBe('z');
    expect(readFileSync(join(path, 'top'), 'utf8')).toBe('t');
  });

  it('keeps the capabilities of its files', async () => {
    // cap_net_raw, permitted and effective, as the kernel stores it.
    const value = '\u0001\0\0\u0002\0\u0020'.padEnd(20, '\0');
    const entry = file('ping', 'x');
    const [path = ''] = await imported(
      await layer({ ...entry, header: { ...entry.header, pax: { 'SCHILY.xattr.security.capability': value } } }),
    );
    const { stdout } = await runProgram('getfattr', ['-e', 'hex', '-n', 'security.capability', join(path, 'ping')]);
    expect(stdout.toString()).toContain('0x0100000200200000');
  });

  it('cannot link to a file of the host', async () => {
    await expect(imported(await layer(hardlink('passwd', '/etc/passwd')))).rejects.toThrow('no file of it');
  });

  it('hides what lower layers have, one name or a whole directory', async () => {
    const lower = await layer(directory('d'), file('d/one', '1'), file('d/two', '2'), file('gone', 'x'));
    const [, upper = ''] = await imported(
      lower,
      await layer(file('.wh.gone', ''), directory('d'), file('d/.wh..wh..opq', ''), file('d/two', 'new')),
    );
    for (const name of ['gone', 'd/one']) {
      const seen = statSync(join(upper, name));
      expect([seen.isCharacterDevice(), seen.rdev]).toEqual([true, 0]);
    }
    expect(readFileSync(join(upper, 'd/two'), 'utf8')).toBe('new');
  });

  it('is refused when it is not what the configuration says', async () => {
    const good = await layer(file('a', 'a'));
    const other = await layer(file('a', 'b'));
    await expect(imported({ tar: good.tar, diffId: other.diffId })).rejects.toThrow('wrong diff id');
  });
});

describe('the tree of a layer', () => {
  it('gives up on links that lead in a circle', () => {
    const tree = new LayerTree();
    tree.set('a', { link: 'b' });
    tree.set('b', { link: 'a' });
    expect(() => tree.resolveParent('a/x')).toThrow('too many symbolic links');
  });
});

interface Behaviour {
  /** Answers before the ordinary registry does; true when it has. */
  readonly intercept?: (req: IncomingMessage, res: ServerResponse, hits: Map<string, number>) => boolean;
  readonly repository?: string;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function registry(
  layers: readonly Layer[],
  behaviour: Behaviour = {},
): Promise<{ address: string; hits: Map<string, number>; digest: string }> {
  const config = configOf(layers);
  const blobs = new Map<string, Buffer>([[sha(config), config]]);
  const descriptors = layers.map((l) => {
    const data = gzipSync(l.tar);
    blobs.set(sha(data), data);
    return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha(data), size: data.length };
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'x', digest: sha(config), size: config.length },
      layers: descriptors,
    }),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        { mediaType: 'x', digest: sha(Buffer.from('arm')), size: 3, platform: { os: 'linux', architecture: 'other' } },
        {
          mediaType: 'x',
          digest: sha(manifest),
          size: manifest.length,
          platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
        },
      ],
    }),
  );
  const hits = new Map<string, number>();
  const server = createServer((req, res) => {
    const [, kind = '', ref = ''] = /\/(manifests|blobs)\/(.+)$/.exec(req.url ?? '') ?? [];
    hits.set(kind, (hits.get(kind) ?? 0) + 1);
    if (behaviour.intercept?.(req, res, hits) === true) return;
    const body =
      kind === 'blobs' ? blobs.get(ref) : ref === 'latest' ? index : ref === sha(manifest) ? manifest : undefined;
    if (body === undefined) {
      res.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0);
    res.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length - from }).end(body.subarray(from));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, hits, digest: sha(index) };
}

const openStore = async (registries = '', more: { idleMs?: number } = {}) => {
  const dir = fresh();
  writeFileSync(join(dir, 'registries.yaml'), registries);
  return openImageStore({
    directory: join(dir, 'store'),
    registriesFile: join(dir, 'registries.yaml'),
    clock: systemClock,
    ...more,
  });
};

describe.skipIf(!root)('a pull (needs root)', () => {
  const content = () => layer(file('hello', 'x'.repeat(50_000)));

  it('takes the image for this platform and knows it by tag and digest', async () => {
    const { address, digest } = await registry([await content()]);
    const store = await openStore();
    const id = await store.pullImage(`${address}/app`, undefined);
    expect(await store.imageStatus(`${address}/app:latest`)).toMatchObject({
      id,
      repoTags: [`${address}/app:latest`],
      repoDigests: [`${address}/app@${digest}`],
    });
    expect((await store.imageStatus(`${address}/app@${digest}`))?.id).toBe(id);
    await store.removeImage(`${address}/app`);
    expect(await store.listImages()).toEqual([]);
  });

  it('asks a mirror for names of Docker Hub', async () => {
    const { address } = await registry([await content()]);
    const store = await openStore(`mirrors:\n  docker.io:\n    endpoint: ["http://${address}"]\n`);
    await store.pullImage('nginx', undefined);
    expect((await store.imageStatus('nginx'))?.repoTags).toEqual(['docker.io/library/nginx:latest']);
  });

  it('is one pull for all who ask at the same time', async () => {
    const { address, hits } = await registry([await content()]);
    const store = await openStore();
    await Promise.all([1, 2, 3].map(() => store.pullImage(`${address}/app`, undefined)));
    expect(hits.get('blobs')).toBe(2);
  });

  it('shares what images that come at the same time have in common', async () => {
    const { address, hits } = await registry([await content()]);
    const store = await openStore();
    const names = ['one', 'two', 'three'].map((name) => `${address}/${name}`);
    const ids = await Promise.all(names.map((name) => store.pullImage(name, undefined)));
    expect(new Set(ids).size).toBe(1);
    expect(hits.get('blobs')).toBe(2);
    expect((await store.imageStatus(names[2] ?? ''))?.repoTags).toHaveLength(3);
  });

  it('goes on where a transfer was cut off', async () => {
    let cut = false;
    const one = await content();
    const data = gzipSync(one.tar);
    const { address } = await registry([one], {
      intercept(req, res) {
        if (cut || !(req.url ?? '').endsWith(sha(data))) return false;
        cut = true;
        res.writeHead(200, { 'content-length': data.length });
        res.write(data.subarray(0, 40), () => res.destroy());
        return true;
      },
    });
    await (await openStore()).pullImage(`${address}/app`, undefined);
    expect(cut).toBe(true);
  });

  it('gives up a registry that stalls, before the answer or in the middle of a layer, and goes on where it was', async () => {
    const one = await content();
    const data = gzipSync(one.tar);
    const stalled = { manifest: 0, blob: 0 };
    const { address } = await registry([one], {
      intercept(req, res) {
        const layerWanted = (req.url ?? '').endsWith(sha(data));
        if (!layerWanted && stalled.manifest === 0) {
          stalled.manifest++;
          return true; // never answered
        }
        if (!layerWanted || stalled.blob > 0) return false;
        stalled.blob++;
        res.writeHead(200, { 'content-length': data.length });
        res.write(data.subarray(0, 40)); // and no more
        return true;
      },
    });
    await (await openStore('', { idleMs: 200 })).pullImage(`${address}/app`, undefined);
    expect(stalled).toEqual({ manifest: 1, blob: 1 });
  });

  it('ends with a clear error when the registry never says anything', async () => {
    const { address } = await registry([await content()], { intercept: () => true });
    const store = await openStore('', { idleMs: 50 });
    await expect(store.pullImage(`${address}/app`, undefined)).rejects.toMatchObject({
      kind: 'registry-unavailable',
      message: expect.stringMatching(/failed to do request: Head .* did not answer for 0.05 s/),
    });
  });

  it('waits as long as a 429 says', async () => {
    let refusals = 0;
    const { address } = await registry([await content()], {
      intercept(_req, res) {
        if (refusals >= 2) return false;
        refusals++;
        res.writeHead(429, { 'retry-after': '0' }).end();
        return true;
      },
    });
    await (await openStore()).pullImage(`${address}/app`, undefined);
    expect(refusals).toBe(2);
  });

  it('gets a token where one is asked for, with the credentials given', async () => {
    let seen = '';
    const { address } = await registry([await content()], {
      intercept(req, res) {
        if ((req.url ?? '').startsWith('/token')) {
          seen = Buffer.from((req.headers.authorization ?? '').slice(6), 'base64').toString();
          res.end('{"token":"t1"}');
          return true;
        }
        if (req.headers.authorization === 'Bearer t1') return false;
        res
          .writeHead(401, {
            'www-authenticate': `Bearer realm="http://${req.headers.host}/token",service="s",scope="repository:app:pull"`,
          })
          .end();
        return true;
      },
    });
    const store = await openStore();
    await store.pullImage(`${address}/app`, { username: 'u', password: 'p' });
    expect(seen).toBe('u:p');
  });

  const refusals: readonly (readonly [string, Behaviour['intercept'], RegExp, string])[] = [
    [
      'another blob than was asked for',
      (req, res) => {
        if (!(req.url ?? '').includes('/blobs/')) return false;
        res.end(Buffer.alloc(10));
        return true;
      },
      /unexpected commit digest|ended after 10|more than/,
      'registry-unavailable',
    ],
    [
      'a redirect without end',
      (req, res) => {
        res.writeHead(302, { location: `http://${req.headers.host}${req.url}` }).end();
        return true;
      },
      /stopped after 5 redirects/,
      'registry-unavailable',
    ],
    [
      'a manifest that is no JSON',
      (_req, res) => {
        res.end('<html>');
        return true;
      },
      /not JSON/,
      'registry-unavailable',
    ],
    [
      'nothing by that name',
      (_req, res) => {
        res.writeHead(404).end();
        return true;
      },
      /failed to resolve reference .*: not found/,
      'image-not-found',
    ],
    [
      'no entry',
      (_req, res) => {
        res.writeHead(401).end();
        return true;
      },
      /pull access denied/,
      'unauthorized',
    ],
  ];
  for (const [what, intercept, message, kind] of refusals) {
    it(`fails with a clear error when the registry has ${what}`, async () => {
      const { address } = await registry([await content()], intercept === undefined ? {} : { intercept });
      const store = await openStore();
      await expect(store.pullImage(`${address}/app`, undefined)).rejects.toMatchObject({
        kind,
        message: expect.stringMatching(message),
      });
      expect(await store.listImages()).toEqual([]);
    });
  }

  it('says what is wrong with a name', async () => {
    await expect((await openStore()).pullImage('Bad Name', undefined)).rejects.toMatchObject({
      kind: 'invalid-image-name',
    });
  });
});

describe('a challenge', () => {
  it('is taken apart', () => {
    expect(parseChallenge('Bearer realm="https://a/token",service="b", scope="c d"')).toEqual({
      scheme: 'bearer',
      parameters: { realm: 'https://a/token', service: 'b', scope: 'c d' },
    });
  });
});
