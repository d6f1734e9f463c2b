// Who a container runs as, and that an image's own files cannot lead the look-up out of the image.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinuxSecurity } from '../../port.ts';
import { signalName, signalNumber } from '../signals.ts';
import { chooseUser, readInRoot } from './users.ts';

const SECURITY: LinuxSecurity = {
  privileged: false,
  supplementalGroups: [],
  readonlyRootfs: false,
  noNewPrivs: false,
  pidMode: 'container',
};
const FILES = {
  passwd: 'root:x:0:0::/:/bin/sh\nweb:x:1000:1001::/:/bin/sh\nbroken line\nx:x:notanumber:1::\n',
  group: 'root:x:0:\nwww:x:1001:\nextra:x:2000:other,web\n',
};
const choose = (image: string, over: Partial<LinuxSecurity> = {}) => chooseUser({ ...SECURITY, ...over }, image, FILES);

test("the image's user by name or number, with group by name or number", () => {
  expect(choose('')).toEqual({ uid: 0, gid: 0, additionalGids: [0] });
  expect(choose('web')).toEqual({ uid: 1000, gid: 1001, additionalGids: [1001, 2000] });
  expect(choose('1000')).toEqual({ uid: 1000, gid: 1001, additionalGids: [1001, 2000] });
  expect(choose('web:extra')).toMatchObject({ uid: 1000, gid: 2000 });
  expect(choose('77:88')).toEqual({ uid: 77, gid: 88, additionalGids: [88] });
});

test("the pod's user wins; an unknown name is an error", () => {
  expect(choose('web', { runAsUser: 5 })).toEqual({ uid: 5, gid: 0, additionalGids: [0] });
  expect(choose('', { runAsUsername: 'web', runAsGroup: 9 })).toMatchObject({ uid: 1000, gid: 9 });
  expect(() => choose('nobody-here')).toThrow('unable to find user nobody-here: no matching entries in passwd file');
  expect(() => choose('web:nogroup')).toThrow('unable to find group nogroup: no matching entries in group file');
});

test("supplementalGroupsPolicy Strict leaves the image's groups out", () => {
  const groups = { supplementalGroups: [4000] };
  expect(choose('web', groups).additionalGids).toEqual([1001, 2000, 4000]);
  expect(choose('web', { ...groups, supplementalGroupsPolicy: 'Strict' }).additionalGids).toEqual([1001, 4000]);
});

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'minke-root-'));
  await mkdir(join(root, 'image/etc/real'), { recursive: true });
  await writeFile(join(root, 'secret'), 'outside');
});
afterAll(() => rm(root, { recursive: true, force: true }));

test('links in an image are followed within the image and never out of it', async () => {
  const image = join(root, 'image');
  await writeFile(join(image, 'etc/real/passwd'), 'inside');
  await symlink('/etc/real/passwd', join(image, 'etc/passwd'));
  expect(await readInRoot(image, '/etc/passwd')).toBe('inside');
  await symlink('../../../../../../secret', join(image, 'etc/climb'));
  await writeFile(join(image, 'secret'), 'the image has its own');
  expect(await readInRoot(image, '/etc/climb')).toBe('the image has its own');
  await symlink(join(root, 'secret'), join(image, 'etc/absolute'));
  expect(await readInRoot(image, '/etc/absolute')).toBe('');
  await symlink('/etc/loop2', join(image, 'etc/loop1'));
  await symlink('/etc/loop1', join(image, 'etc/loop2'));
  await expect(readInRoot(image, '/etc/loop1')).rejects.toThrow('too many levels of symbolic links');
});

test('a pipe in the place of a file does not hang', async () => {
  execFileSync('mkfifo', [join(root, 'image/etc/pipe')]);
  expect(await readInRoot(join(root, 'image'), '/etc/pipe')).toBe('');
});

test('stop signals in all their spellings', () => {
  expect(['TERM', 'sigterm', '15', 'SIGTERM'].map(signalName)).toEqual(Array(4).fill('SIGTERM'));
  expect(signalNumber(signalName('RTMIN+3'))).toBe(37);
  expect(signalName('37')).toBe('SIGRTMIN+3');
  expect(() => signalName('NOPE')).toThrow('failed to parse stop signal "NOPE"');
});
