// Opens the logs of containers so that a link in their place leads nowhere: a pod may have the directory of the logs mounted.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink, realpath, rm } from 'node:fs/promises';
import path from 'node:path';

/** POD/CONTAINER/RUN.log: what a pod could have exchanged. */
const OWN_PARTS = 3;

function ownParts(file: string): string {
  return file.split('/').slice(-OWN_PARTS).join('/');
}

/** Rejects when the file is not there, is no plain file, or lies elsewhere than its path says. */
export async function openLog(file: string): Promise<FileHandle> {
  // A pipe in its place is not waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Error(`${file} is no plain file`);
    const real = await readlink(`/proc/self/fd/${handle.fd}`);
    if (ownParts(real) !== ownParts(path.resolve(file))) throw new Error(`${file} leads elsewhere`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Makes the place of a log: nothing that a pod has left there may lead the runtime's writing elsewhere. */
export async function prepareLog(file: string): Promise<void> {
  const directory = path.dirname(file);
  await mkdir(directory, { recursive: true });
  const real = path.join(await realpath(directory), path.basename(file));
  if (ownParts(real) !== ownParts(path.resolve(file)))
    throw new Error(`the log directory ${directory} leads elsewhere`);
  const there = await lstat(file).catch(() => undefined);
  if (there !== undefined && !there.isFile()) await rm(file, { recursive: true, force: true });
}
