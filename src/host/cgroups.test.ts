// Control groups of the kernel that runs the test: what is killed ends, and limits hold again afterwards.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controllersOfV1, detectCgroups } from './cgroup-layout.ts';
import { Cgroups } from './cgroups.ts';

describe.skipIf(process.getuid?.() !== 0)('a control group (needs root)', () => {
  const path = `/minke-test-${process.pid}`;
  let cgroups: Cgroups;
  let files: { pids: string; quota: string; none: string; some: string };
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    cgroups = new Cgroups(await detectCgroups());
    await cgroups.create(path);
    const { legacy, unified = '' } = cgroups.layout;
    const cpu = legacy.get('cpu');
    files = {
      pids: join(legacy.get('pids') ?? unified, path, 'pids.max'),
      quota: cpu === undefined ? join(unified, path, 'cpu.max') : join(cpu, path, 'cpu.cfs_quota_us'),
      none: cpu === undefined ? 'max 100000' : '-1',
      some: cpu === undefined ? '5000 100000' : '5000',
    };
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (let i = 0; i < 100 && !(await cgroups.remove(path)); i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
  });

  /** A process in the group, in every tree. */
  function enter(script: string): number {
    const { legacy, unified } = cgroups.layout;
    const trees = [...new Set([...legacy.values(), ...(unified === undefined ? [] : [unified])])];
    const enterAll = trees.map((tree) => `echo $$ > ${join(tree, path, 'cgroup.procs')}`).join('; ');
    const child = spawn('sh', ['-c', `${enterAll}; ${script}`], { stdio: 'ignore' });
    children.push(child);
    return child.pid ?? 0;
  }
  const read = (file: string): string => readFileSync(file, 'utf8').trim();
  const members = async (least: number): Promise<void> => {
    for (let i = 0; (await cgroups.processes(path)).length < least; i++) {
      if (i > 250) throw new Error('the processes never came');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it('that is killed makes no process any more, and no limit holds its end up', async () => {
    writeFileSync(files.pids, '200');
    writeFileSync(files.quota, files.some);
    const bounded = read(files.quota);
    enter('while true; do sleep 0.01 & wait; done');
    await members(1);
    await cgroups.kill(path);
    expect(read(files.pids)).toBe('0');
    expect([bounded, read(files.quota)]).toEqual([files.some, files.none]);
    for (let i = 0; !(await cgroups.remove(path)); i++) {
      expect(i, 'they do not end').toBeLessThan(100);
      await cgroups.kill(path);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('uses the processor as it likes for as long as it is told to, and is bounded again', async () => {
    writeFileSync(files.quota, files.some);
    const inside = await cgroups.unthrottled(path, async () => read(files.quota));
    expect(inside).toBe(files.none);
    expect(read(files.quota)).toBe(files.some);
    await expect(cgroups.unthrottled(`${path}-none`, async () => 'done')).resolves.toBe('done');
  });
});

it('controllers in a tree of v1 are known though nobody has mounted it', () => {
  const table =
    '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t723\t1\nnet_cls\t0\t2\t1\nhugetlb\t10\t1\t1\n';
  expect(controllersOfV1(table)).toEqual(['memory', 'hugetlb']);
  expect(controllersOfV1('')).toEqual([]);
});
