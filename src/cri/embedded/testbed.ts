// An embedded runtime for tests, with directories, names and address ranges of its own; and what such a runtime may leave behind: nothing.
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detectCgroups } from '../../host/cgroup-layout.ts';
import { systemClock } from '../../host/clock.ts';
import { exists } from '../../host/files.ts';
import { goArchitecture } from '../../host/machine.ts';
import { listMounts } from '../../host/mounts.ts';
import { findProgram, runProgram } from '../../host/programs.ts';
import { writeBusyboxArchive } from '../busybox-image.ts';
import { type ImageStore, openImageStore } from './images/index.ts';
import { createEmbeddedRuntime, type EmbeddedRuntime } from './runtime.ts';

/** Why containers cannot run here; undefined when they can. */
export function whyNoContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const name of ['crun', 'conmon', 'ip', 'nft', 'busybox'])
    if (findProgram(name) === undefined) return `needs ${name}`;
  return undefined;
}

export interface Testbed {
  readonly directory: string;
  readonly name: string;
  readonly images: ImageStore;
  readonly image: string;
  open(): Promise<EmbeddedRuntime>;
  remove(): Promise<void>;
}

export interface TestbedOptions {
  /** At most 9 characters; no other test may have it. */
  readonly name: string;
  /** The second octet of 10.x.0.0/16. */
  readonly octet: number;
  readonly directory?: string;
}

export async function openTestbed(options: TestbedOptions): Promise<Testbed> {
  const { name, octet } = options;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'minke-embedded-')));
  await chmod(directory, 0o711); // users of a pod's own namespace pass through it
  const images = await openImageStore({ directory: join(directory, 'images'), clock: systemClock });
  const archive = join(directory, 'busybox.tar');
  if (!(await exists(archive))) await writeBusyboxArchive(archive, goArchitecture());
  if ((await images.imageStatus('busybox')) === undefined) await images.importArchive(archive);
  const image = (await images.imageStatus('busybox'))?.id ?? '';
  return {
    directory,
    name,
    images,
    image,
    open: () =>
      createEmbeddedRuntime({
        name,
        stateDir: join(directory, 'state'),
        images,
        podCidr: `10.${octet}.0.0/24`,
        clusterCidr: `10.${octet}.0.0/16`,
        clock: systemClock,
        log: () => undefined,
      }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Everything on the host that bears a testbed's name. */
export async function leftovers(bed: Testbed, octet: number): Promise<string[]> {
  const found: string[] = [];
  const { name, directory } = bed;
  for (const m of await listMounts())
    if (m.mountPoint.startsWith(directory) || m.mountPoint.startsWith(`/run/${name}`))
      found.push(`mount ${m.mountPoint}`);
  for (const link of await readdir('/sys/class/net')) if (link.startsWith(name)) found.push(`link ${link}`);
  for (const space of await readdir('/run/netns').catch(() => []))
    if (space.startsWith(name)) found.push(`netns ${space}`);
  const { layout } = { layout: await detectCgroups() };
  const trees = new Set([...layout.legacy.values(), ...(layout.unified === undefined ? [] : [layout.unified])]);
  for (const tree of trees) if (await exists(join(tree, name))) found.push(`cgroup ${join(tree, name)}`);
  const tables = (await runProgram('nft', ['list', 'tables'])).stdout.toString();
  if (tables.includes(` ${name}-`)) found.push(`table in ${tables}`);
  const routes = (await runProgram('ip', ['route'])).stdout.toString();
  if (routes.includes(`10.${octet}.`)) found.push(`route in ${routes}`);
  if (await exists(`/run/${name}`)) found.push(`/run/${name}`);
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const shim = line.includes(`${directory}/state`) && line.startsWith('/usr/bin/conmon');
    if (shim || line.startsWith(`${directory}/state/pause`)) found.push(`process ${pid} ${line}`);
  }
  return found;
}
