// Devices by the Container Device Interface: files of vendors, and what they change in a specification.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { injectCdiDevices } from './cdi.ts';
import type { OciSpec } from './spec/types.ts';

const SPEC: OciSpec = {
  ociVersion: '1.0.2',
  process: {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [7] },
    args: ['x'],
    env: ['PATH=/bin', 'MODE=old'],
    cwd: '/',
    capabilities: { bounding: [], effective: [], permitted: [] },
    noNewPrivileges: false,
  },
  root: { path: '/r', readonly: false },
  mounts: [{ destination: '/lib/thing', type: 'bind', source: '/old', options: [] }],
  annotations: {},
  linux: {
    namespaces: [],
    cgroupsPath: '/c',
    resources: { devices: [{ allow: false, access: 'rwm' }] },
    devices: [],
    maskedPaths: [],
    readonlyPaths: [],
  },
};

let root: string;
let dirs: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cdi-test-'));
  dirs = ['etc', 'run'].map((d) => join(root, d));
  for (const dir of dirs) await mkdir(dir);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const describeIn = (dir: number, file: string, value: unknown) =>
  writeFile(join(dirs[dir] ?? '', file), typeof value === 'string' ? value : JSON.stringify(value));
const simple = (text: string) => ({ kind: 'v.io/thing', devices: [{ name: 'one', containerEdits: { env: [text] } }] });

it('variables, devices, files, hooks and groups go into the specification, what is general once', async () => {
  await describeIn(
    0,
    'vendor.yaml',
    `cdiVersion: 0.6.0
kind: v.io/thing
containerEdits:
  env: [MODE=new]
  additionalGids: [7, 9, 0]
  hooks: [{ hookName: createContainer, path: /bin/hook, args: [hook] }]
devices:
  - name: one
    containerEdits:
      deviceNodes: [{ path: /dev/thing, hostPath: /dev/null, permissions: r, uid: 5 }]
      mounts: [{ hostPath: /new, containerPath: /lib/thing, options: [ro, bind] }]
  - name: two
    containerEdits: { env: [TWO=2] }
`,
  );
  const spec = await injectCdiDevices(SPEC, ['v.io/thing=one', 'v.io/thing=two', 'v.io/thing=one'], dirs);
  expect(spec.process.env).toEqual(['PATH=/bin', 'MODE=new', 'TWO=2']);
  expect(spec.process.user.additionalGids).toEqual([7, 9]);
  expect(spec.hooks).toEqual({ createContainer: [{ path: '/bin/hook', args: ['hook'] }] });
  expect(spec.linux.devices).toMatchObject([{ path: '/dev/thing', type: 'c', major: 1, minor: 3, uid: 5 }]);
  expect(spec.linux.resources.devices).toEqual([
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
  ]);
  expect(spec.mounts).toEqual([{ destination: '/lib/thing', type: 'bind', source: '/new', options: ['ro', 'bind'] }]);
});

it('the later directory wins; two descriptions in one directory, broken files and none at all are no device', async () => {
  await describeIn(0, 'a.json', simple('FROM=etc'));
  await describeIn(1, 'a.json', simple('FROM=run'));
  await describeIn(1, 'broken.json', '{');
  expect((await injectCdiDevices(SPEC, ['v.io/thing=one'], dirs)).process.env).toContain('FROM=run');
  await describeIn(1, 'b.json', simple('FROM=again'));
  await expect(injectCdiDevices(SPEC, ['v.io/thing=one', 'v.io/x=y'], dirs)).rejects.toThrow(
    'CDI device injection failed: unresolvable CDI devices v.io/thing=one, v.io/x=y',
  );
});
