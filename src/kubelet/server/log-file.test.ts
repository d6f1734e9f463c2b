// Links and other things that a pod may have put where its logs are.
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog, prepareLog } from './log-file.ts';

let dir: string;
let log: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'log-file-test-'));
  log = path.join(dir, 'pod', 'main', '0.log');
  await mkdir(path.join(dir, 'secret'), { recursive: true });
  await writeFile(path.join(dir, 'secret', '0.log'), 'secret');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a log', () => {
  it('is read where it is', async () => {
    await prepareLog(log);
    await writeFile(log, 'words');
    const handle = await openLog(log);
    expect(await handle.readFile('utf8')).toBe('words');
    await handle.close();
  });

  it('is not read through a link, be it the file or a directory above', async () => {
    await mkdir(path.dirname(log), { recursive: true });
    await symlink(path.join(dir, 'secret', '0.log'), log);
    await expect(openLog(log)).rejects.toThrow('ELOOP');
    await rm(path.dirname(log), { recursive: true });
    await symlink(path.join(dir, 'secret'), path.dirname(log));
    await expect(openLog(log)).rejects.toThrow('leads elsewhere');
  });

  it('that is a pipe is not waited for', async () => {
    await prepareLog(log);
    execFileSync('mkfifo', [log]);
    await expect(openLog(log)).rejects.toThrow('no plain file');
  });

  it('is not written through a link', async () => {
    await mkdir(path.dirname(log), { recursive: true });
    await symlink(path.join(dir, 'secret', '0.log'), log);
    await prepareLog(log);
    await expect(lstat(log)).rejects.toThrow('ENOENT');
    await rm(path.dirname(log), { recursive: true });
    await symlink(path.join(dir, 'secret'), path.dirname(log));
    await expect(prepareLog(log)).rejects.toThrow('leads elsewhere');
    expect(await readFile(path.join(dir, 'secret', '0.log'), 'utf8')).toBe('secret');
  });
});
