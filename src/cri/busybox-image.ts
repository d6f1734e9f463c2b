// A small image for tests, made of the host's static busybox: no registry is needed to run a container.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { packTar, type TarEntry } from 'modern-tar';
import { findProgram, runProgram } from '../host/programs.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n';
const GROUP = 'root:x:0:\nweb:x:1000:\nextra:x:2000:web\n';

async function layer(extra: readonly TarEntry[]): Promise<Uint8Array> {
  const program = findProgram('busybox');
  if (program === undefined) throw new Error('busybox: program not found; apt-get install -y busybox-static');
  const applets = (await runProgram(program, ['--list'])).stdout.toString().split('\n');
  const body = new Uint8Array(await readFile(program));
  const directory = (name: string, mode = 0o755): TarEntry => ({
    header: { name: `${name}/`, type: 'directory', size: 0, mode },
  });
  const file = (name: string, text: string): TarEntry => ({
    header: { name, size: Buffer.byteLength(text), mode: 0o644 },
    body: text,
  });
  return packTar([
    ...['bin', 'etc', 'root', 'dev', 'proc', 'sys'].map((name) => directory(name)),
    directory('tmp', 0o1777),
    { header: { name: 'bin/busybox', size: body.length, mode: 0o755 }, body },
    ...applets
      .filter((name) => name !== '' && name !== 'busybox')
      .map(
        (name): TarEntry => ({
          header: { name: `bin/${name}`, type: 'symlink', linkname: 'busybox', size: 0, mode: 0o777 },
        }),
      ),
    file('etc/passwd', PASSWD),
    file('etc/group', GROUP),
    ...extra,
  ]);
}

/** Writes a `docker save` archive of `busybox:latest`, or of another name that runs another command. */
export async function writeBusyboxArchive(
  path: string,
  architecture: string,
  other: { name?: string; command?: readonly string[]; extra?: readonly TarEntry[] } = {},
): Promise<void> {
  const tar = await layer(other.extra ?? []);
  const sha = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
  const config = JSON.stringify({
    architecture,
    os: 'linux',
    config: { Cmd: other.command ?? ['sh'], Env: ['PATH=/bin:/sbin:/usr/bin:/usr/sbin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha(tar)}`] },
    history: [],
  });
  const name = `${sha(config)}.json`;
  const manifest = JSON.stringify([
    { Config: name, RepoTags: [other.name ?? 'busybox:latest'], Layers: ['layer.tar'] },
  ]);
  const archive = await packTar([
    { header: { name, size: config.length }, body: config },
    { header: { name: 'layer.tar', size: tar.length }, body: tar },
    { header: { name: 'manifest.json', size: manifest.length }, body: manifest },
  ]);
  await writeFile(path, archive);
}
