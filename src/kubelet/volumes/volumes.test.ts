// Volumes on a real file system, without root.
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap, Volume } from '../../resources/generated/core-v1.ts';
import { pod } from '../test-support/pods.ts';
import { type Payload, writeAtomically } from './atomic-writer.ts';
import { hugePageSize, memorySize } from './empty-dir.ts';
import { prepareHostPath } from './host-path.ts';
import { type PayloadContext, payloadOf } from './payload.ts';
import { openBelow } from './safe-path.ts';
import { PodTokens } from './tokens.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'volumes-test-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function payload(files: Record<string, string>, mode = 0o644): Payload {
  return new Map(Object.entries(files).map(([name, text]) => [name, { data: Buffer.from(text), mode }]));
}

describe('the atomic writer', () => {
  it('shows files through ..data, with the mode that was asked for', async () => {
    await writeAtomically(dir, payload({ a: 'alpha', 'sub/b': 'beta' }, 0o440), { now: 0 });
    expect(await readFile(path.join(dir, 'sub/b'), 'utf8')).toBe('beta');
    expect(await readlink(path.join(dir, 'a'))).toBe('..data/a');
    expect((await stat(path.join(dir, '..data/a'))).mode & 0o777).toBe(0o440);
    expect((await readdir(dir)).filter((n) => /^\.\.1970_01_01_00_00_00\.\d{9}$/.test(n))).toHaveLength(1);
  });

  it('changes all at once, removes what is gone and leaves no old set behind', async () => {
    await writeAtomically(dir, payload({ a: '1', b: '1' }), { now: 0 });
    const before = await readlink(path.join(dir, '..data'));
    expect(await writeAtomically(dir, payload({ a: '2', c: '1' }), { now: 1000 })).toBe(true);
    expect(await readlink(path.join(dir, '..data'))).not.toBe(before);
    const names = await readdir(dir);
    expect(names.filter((n) => !n.startsWith('..')).sort()).toEqual(['a', 'c']);
    expect(names).not.toContain(before);
  });

  it('does nothing when nothing changed', async () => {
    await writeAtomically(dir, payload({ a: '1' }), { now: 0 });
    const before = await readlink(path.join(dir, '..data'));
    expect(await writeAtomically(dir, payload({ a: '1' }), { now: 1000 })).toBe(false);
    expect(await readlink(path.join(dir, '..data'))).toBe(before);
  });
});

describe('a path below a root', () => {
  it('is made when it is missing, with the mode of the root', async () => {
    await chmod(dir, 0o2777);
    const opened = await openBelow(dir, 'x/y', { create: true });
    expect(opened.isDirectory).toBe(true);
    await opened.close();
    for (const made of ['x', 'x/y']) expect((await stat(path.join(dir, made))).mode & 0o7777).toBe(0o2777);
  });

  it('may go through links that stay inside', async () => {
    await mkdir(path.join(dir, 'real'));
    await symlink('real', path.join(dir, 'link'));
    const opened = await openBelow(dir, 'link', { create: false });
    await opened.close();
  });

  it('never leads out', async () => {
    await symlink('/etc', path.join(dir, 'out'));
    await expect(openBelow(dir, 'out/passwd', { create: false })).rejects.toThrow('leads out of the volume');
    await expect(openBelow(dir, 'a/../../x', { create: true })).rejects.toThrow("must not contain '..'");
    await symlink('/nowhere/at/all', path.join(dir, 'dangling'));
    await expect(openBelow(dir, 'dangling', { create: true })).rejects.toThrow();
  });
});

describe('a hostPath', () => {
  it('is checked by its type', async () => {
    const file = path.join(dir, 'f');
    await writeFile(file, '');
    await prepareHostPath(file, 'File');
    await expect(prepareHostPath(file, 'Directory')).rejects.toThrow(
      `hostPath type check failed: ${file} is not a directory`,
    );
    await prepareHostPath(path.join(dir, 'new/dir'), 'DirectoryOrCreate');
    await prepareHostPath(path.join(dir, 'touched'), 'FileOrCreate');
    await expect(prepareHostPath(path.join(dir, 'no'), 'Socket')).rejects.toThrow('is not a socket file');
    await expect(prepareHostPath(dir, 'FileOrCreate')).rejects.toThrow('is not a file');
    const orphan = path.join(dir, 'no', 'file');
    await expect(prepareHostPath(orphan, 'FileOrCreate')).rejects.toThrow(`open ${orphan}: no such file or directory`);
  });
});

function context(): PayloadContext {
  const p = pod({});
  const map = { metadata: {}, data: { a: 'alpha', ['__proto__']: 'safe' }, binaryData: { b: '/wA=' } };
  return {
    pod: p,
    fields: { pod: p, podIps: [], hostIps: [], allocatable: {} },
    objects: {
      configMap: (_n, name) =>
        name === 'cm'
          ? Promise.resolve(map as unknown as ConfigMap)
          : Promise.reject(Object.assign(new Error(`configmap "${name}" not found`), { reason: 'NotFound' })),
      secret: () => Promise.reject(new Error('no')),
    },
    token: () => Promise.resolve('tok'),
    trust: () => Promise.resolve('anchors'),
    certificate: () => ({ key: 'key\n', chain: 'chain\n' }),
    user: 1000,
    fsGroup: undefined,
  };
}

const volume = (source: object): Volume => ({ name: 'v', ...source });

describe('files from the API', () => {
  it('are all keys, or the items that were chosen, with their own modes', async () => {
    const all = await payloadOf(context(), volume({ configMap: { name: 'cm' } }));
    expect([...(all?.keys() ?? [])].sort()).toEqual(
      ['a', 'b'].concat(all?.has('__proto__') ? ['__proto__'] : []).sort(),
    );
    const items = [{ key: 'a', path: 'deep/x', mode: 0o400 }];
    const some = await payloadOf(context(), volume({ configMap: { name: 'cm', items } }));
    expect(some?.get('deep/x')?.mode).toBe(0o400);
  });

  it('say which key or object is missing, unless it may be', async () => {
    const of = (source: object) => payloadOf(context(), volume({ configMap: source }));
    await expect(of({ name: 'nope' })).rejects.toThrow('configmap "nope" not found');
    await expect(of({ name: 'cm', items: [{ key: 'z', path: 'z' }] })).rejects.toThrow(
      'configmap references non-existent config key: z',
    );
    const sources = [{ configMap: { name: 'nope' } }, { secret: { name: 's' } }];
    await expect(payloadOf(context(), volume({ projected: { sources } }))).rejects.toThrow(
      '[configmap "nope" not found, no]',
    );
    expect((await of({ name: 'nope', optional: true }))?.size).toBe(0);
  });

  it('refuse a path that climbs', async () => {
    const items = [{ key: 'a', path: '../x' }];
    await expect(payloadOf(context(), volume({ configMap: { name: 'cm', items } }))).rejects.toThrow('without');
  });

  it('keep tokens for the one user of the pod', async () => {
    const sources = [{ serviceAccountToken: { path: 'token' } }];
    const files = await payloadOf(context(), volume({ projected: { sources } }));
    expect(files?.get('token')).toMatchObject({ mode: 0o600, uid: 1000 });
  });
});

describe('tokens', () => {
  it('are kept, and renewed when most of their life is over', async () => {
    let now = 0;
    let asked = 0;
    const request = () => Promise.resolve({ token: `t${++asked}`, expiresAt: now + 3_600_000 });
    const tokens = new PodTokens(request, () => now);
    const source = { path: 'token', expirationSeconds: 3600 };
    expect(await tokens.token(pod({}), source)).toBe('t1');
    now = 2_000_000;
    expect(await tokens.token(pod({}), source)).toBe('t1');
    now = tokens.renewAt ?? 0;
    expect(now).toBe(2_880_000);
    expect(await tokens.token(pod({}), source)).toBe('t2');
  });

  it('are renewed after a day, however long they would last', async () => {
    let asked = 0;
    const request = () => Promise.resolve({ token: `t${++asked}`, expiresAt: 10 * 86_400_000 });
    const tokens = new PodTokens(request, () => 0);
    await tokens.token(pod({}), { path: 'token', expirationSeconds: 864_000 });
    expect(tokens.renewAt).toBe(86_400_000);
  });

  it('serve on while the API is away and they are still good', async () => {
    let now = 0;
    let away = false;
    const request = () => (away ? Promise.reject(new Error('away')) : Promise.resolve({ token: 't', expiresAt: 1000 }));
    const tokens = new PodTokens(request, () => now);
    const source = { path: 'token' };
    await tokens.token(pod({}), source);
    away = true;
    now = 900;
    expect(await tokens.token(pod({}), source)).toBe('t');
    now = 1_000_000;
    await expect(tokens.token(pod({}), source)).rejects.toThrow('away');
  });
});

describe('an emptyDir in memory', () => {
  const sized = (limits: (string | undefined)[], sizeLimit?: string): number => {
    const containers = limits.map((memory, i) => ({
      name: `c${i}`,
      image: 'x',
      ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
    }));
    const source = { medium: 'Memory', ...(sizeLimit === undefined ? {} : { sizeLimit }) };
    return memorySize({ pod: pod({ containers }), source, allocatable: { memory: '1Gi' } });
  };

  it('is as large as what the pod may use, or smaller when its limit says so', () => {
    expect(sized([undefined])).toBe(2 ** 30);
    expect(sized(['1Mi', '2Mi'])).toBe(3 * 2 ** 20);
    expect(sized(['1Mi', undefined])).toBe(2 ** 30);
    expect(sized(['8Mi'], '2Mi')).toBe(2 * 2 ** 20);
    expect(sized(['8Mi'], '2Gi')).toBe(8 * 2 ** 20);
  });
});

describe('huge pages', () => {
  const asking = (...sizes: string[]) =>
    pod({
      containers: sizes.map((size, i) => ({
        name: `c${i}`,
        image: 'x',
        resources: { limits: { [`hugepages-${size}`]: '4Mi' } },
      })),
    });

  it('have the size that the pod asks for', () => {
    expect(hugePageSize(asking('2Mi'), 'HugePages')).toBe('2Mi');
    expect(hugePageSize(asking('2Mi', '1Gi'), 'HugePages-1Gi')).toBe('1Gi');
  });

  it('are refused when it asks for none, for others or for several', () => {
    expect(() => hugePageSize(asking(), 'HugePages')).toThrow('there is no resource request for huge pages');
    expect(() => hugePageSize(asking('2Mi'), 'HugePages-1Gi')).toThrow('there is no resource request for huge pages');
    expect(() => hugePageSize(asking('2Mi', '1Gi'), 'HugePages')).toThrow('multiple huge page sizes');
  });
});
