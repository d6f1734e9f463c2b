// An embedded runtime for tests of the kubelet, with an image of the host's static busybox and names of its own.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packTar, type TarEntry } from 'modern-tar';
import {
  createEmbeddedRuntime,
  type EmbeddedRuntime,
  type EmbeddedRuntimeOptions,
  type ImageStore,
  openImageStore,
} from '../../cri/index.ts';
import { systemClock } from '../../host/clock.ts';
import { goArchitecture } from '../../host/machine.ts';
import { listMounts } from '../../host/mounts.ts';
import { findProgram, runProgram } from '../../host/programs.ts';

/** Why containers cannot run here; undefined when they can. */
export function whyNoContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const name of ['crun', 'conmon', 'ip', 'nft', 'busybox']) {
    if (findProgram(name) === undefined) return `needs ${name}`;
  }
  return undefined;
}

const sha = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

async function busyboxLayer(): Promise<Uint8Array> {
  const program = findProgram('busybox') ?? '';
  const body = new Uint8Array(await readFile(program));
  const applets = (await runProgram(program, ['--list'])).stdout.toString().split('\n');
  const links = applets.filter((name) => name !== '' && name !== 'busybox');
  const directories = ['bin', 'etc', 'dev', 'proc', 'sys', 'tmp'];
  return packTar([
    ...directories.map((n): TarEntry => ({ header: { name: `${n}/`, type: 'directory', size: 0, mode: 0o755 } })),
    { header: { name: 'bin/busybox', size: body.length, mode: 0o755 }, body },
    ...links.map(
      (n): TarEntry => ({ header: { name: `bin/${n}`, type: 'symlink', linkname: 'busybox', size: 0, mode: 0o777 } }),
    ),
  ]);
}

async function writeArchive(file: string): Promise<void> {
  const layer = await busyboxLayer();
  const config = JSON.stringify({
    architecture: goArchitecture(),
    os: 'linux',
    config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha(layer)}`] },
    history: [],
  });
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: ['busybox:latest'], Layers: ['layer.tar'] }]);
  const archive = await packTar([
    { header: { name: 'config.json', size: config.length }, body: config },
    { header: { name: 'layer.tar', size: layer.length }, body: layer },
    { header: { name: 'manifest.json', size: manifest.length }, body: manifest },
  ]);
  await writeFile(file, archive);
}

export interface RealRuntime {
  readonly directory: string;
  readonly images: ImageStore;
  open(more?: Pick<EmbeddedRuntimeOptions, 'cdiDirectories'>): Promise<EmbeddedRuntime>;
  /** What on the host still bears its name. */
  leftovers(): Promise<string[]>;
  remove(): Promise<void>;
}

/** `octet` is the second of 10.x.0.0/16. */
export async function realRuntime(name: string, octet: number): Promise<RealRuntime> {
  const directory = await mkdtemp(path.join(tmpdir(), 'kubelet-real-'));
  const images = await openImageStore({ directory: path.join(directory, 'images'), clock: systemClock });
  const archive = path.join(directory, 'busybox.tar');
  await writeArchive(archive);
  await images.importArchive(archive);
  return {
    directory,
    images,
    open: (more = {}) =>
      createEmbeddedRuntime({
        ...more,
        name,
        stateDir: path.join(directory, 'state'),
        images,
        podCidr: `10.${octet}.0.0/24`,
        clusterCidr: `10.${octet}.0.0/16`,
        clock: systemClock,
        log: () => undefined,
      }),
    async leftovers() {
      const mounts = (await listMounts()).map((m) => m.mountPoint);
      const links = await readdir('/sys/class/net');
      const spaces = await readdir('/run/netns').catch(() => []);
      return [
        ...mounts.filter((m) => m.startsWith(directory) || m.startsWith(`/run/${name}`)),
        ...[...links, ...spaces].filter((n) => n.startsWith(name)),
      ];
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
