// Block devices of the host: what is on them, and a file system for those that are empty.
import { ProgramError, runProgram } from './programs.ts';

/** blkid: nothing was found. */
const NOTHING = 2;

/** The type of the file system on a device; undefined when the device is empty. Throws where something else is on it. */
export async function fileSystemOf(device: string): Promise<string | undefined> {
  const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
  const result = await runProgram('blkid', args, { allowFailure: true });
  if (result.exitCode === NOTHING) return undefined;
  const text = result.stdout.toString();
  if (result.exitCode !== 0)
    throw new ProgramError(`blkid ${device}: exit code ${result.exitCode}`, 'blkid', result.exitCode, text, 'failed');
  const type = /^TYPE=(.+)$/m.exec(text)?.[1];
  if (type === undefined) throw new Error(`there is no file system on ${device}, but probably partitions`);
  return type;
}

const KNOWN = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'vfat']);

/** Only ever called for a device on which nothing was found. */
export async function makeFileSystem(device: string, type: string): Promise<void> {
  if (!KNOWN.has(type)) throw new Error(`unknown file system "${type}"`);
  const options = type.startsWith('ext') ? ['-F', '-m0'] : [];
  await runProgram(`mkfs.${type}`, [...options, device], { timeoutMs: 600_000 });
}
