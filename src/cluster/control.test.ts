// The door of the running server: calls that take long are waited for, unless they were given a time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callControl, serveControl } from './control.ts';

const directory = mkdtempSync(join(tmpdir(), 'minke-control-'));
const socket = join(directory, 'c.sock');
let close: () => Promise<void>;
const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), ms));
const unused = () => Promise.reject(new Error('not here'));

beforeAll(async () => {
  close = await serveControl(socket, {
    status: () => later(30_000, undefined as never),
    listImages: unused,
    pullImage: (_name, onProgress) => {
      onProgress(1, 2);
      return later(5_500, 'sha256:1');
    },
    importImages: unused,
    removeImage: unused,
  });
});
afterAll(async () => {
  await close();
  rmSync(directory, { recursive: true });
});

describe('a call to the server', () => {
  it('is waited for, however long it takes', async () => {
    const seen: number[] = [];
    const call = { method: 'POST', path: '/images/pull', query: { name: 'x' } } as const;
    expect(await callControl(socket, { ...call, onProgress: (done) => seen.push(done) })).toBe('sha256:1');
    expect(seen).toEqual([1]);
  });

  it('is given up when it was given a time', async () => {
    const call = { method: 'GET', path: '/status', timeoutMs: 50 } as const;
    await expect(callControl(socket, call)).rejects.toThrow('no answer');
  });

  it('says what went wrong in there', async () => {
    await expect(callControl(socket, { method: 'GET', path: '/images' })).rejects.toThrow('not here');
  });
});
