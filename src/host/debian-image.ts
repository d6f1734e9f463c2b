// Makes container images from Debian packages, for machines that reach no registry: the example's nginx, and what the tests run.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Runs a host program to its end with an argument array; rejects when it fails. */
export type RunProgram = (file: string, args: readonly string[], options?: { timeoutMs?: number }) => Promise<unknown>;

/** What an image is made of. */
export interface DebianImageSpec {
  readonly packages: readonly string[];
  /** Packages whose dependencies are not taken in. */
  readonly alone?: boolean;
  /** Links made in the root: from → to. */
  readonly links: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly directories: readonly string[];
  /** `config` of the OCI image configuration. */
  readonly config: Readonly<Record<string, unknown>>;
}

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
const GROUP = 'root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const NGINX_CONF = `worker_processes 1;
events { worker_connections 512; }
http {
  include /etc/nginx/mime.types;
  access_log /dev/stdout;
  error_log /dev/stderr;
  server {
    listen 80 default_server;
    listen [::]:80 default_server;
    root /usr/share/nginx/html;
    index index.html;
  }
}
`;

const BASE_FILES = {
  'etc/passwd': PASSWD,
  'etc/group': GROUP,
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};
const BASE_DIRECTORIES = ['tmp', 'run', 'root', 'proc', 'sys', 'dev', 'etc', 'var/tmp'];

const BUSYBOX_APPLETS =
  'sh ash cat cp chmod chown cut date dd df dirname basename du echo env expr false find free grep head hostname httpd id ifconfig ip kill killall ln ls mkdir mkfifo mknod mount mountpoint mv nc netstat nslookup od passwd ping pidof printf ps pwd readlink realpath rm rmdir route sed seq sha256sum sleep sort stat stty su sync tail tar tee telnet test time timeout top touch tr traceroute true truncate tty umount uname uniq uptime usleep vi wc wget which whoami xargs yes'.split(
    ' ',
  );

/** Ready-made recipes. */
export const DEBIAN_IMAGES = {
  nginx: {
    packages: ['nginx-light', 'bash', 'curl', 'coreutils', 'grep', 'sed', 'procps', 'libc-bin', 'tar'],
    links: { 'var/log/nginx/access.log': '/dev/stdout', 'var/log/nginx/error.log': '/dev/stderr', 'bin/sh': 'bash' },
    files: { ...BASE_FILES, 'etc/nginx/nginx.conf': NGINX_CONF },
    directories: [...BASE_DIRECTORIES, 'var/lib/nginx', 'var/log/nginx', 'var/cache/nginx'],
    config: {
      Env: [PATH],
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  },
  busybox: {
    packages: ['busybox-static'],
    alone: true,
    links: Object.fromEntries(BUSYBOX_APPLETS.map((applet) => [`bin/${applet}`, 'busybox'])),
    files: { ...BASE_FILES, 'www/index.html': 'hello\n' },
    directories: [...BASE_DIRECTORIES, 'home', 'usr/bin'],
    config: { Env: [PATH], Cmd: ['sh'] },
  },
} as const satisfies Record<string, DebianImageSpec>;

export interface BuiltImage {
  /** Path of the one layer, an uncompressed tar. */
  readonly layer: string;
  readonly diffId: string;
  /** The image configuration, whole. */
  readonly config: Readonly<Record<string, unknown>>;
}

const UNNEEDED = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'usr/share/i18n',
  'usr/share/bash-completion',
  'boot',
];

/** Downloads the packages, unpacks them into `workDir`, and makes the layer. Throws when apt or dpkg fail. */
export async function buildDebianImage(spec: DebianImageSpec, workDir: string, run: RunProgram): Promise<BuiltImage> {
  const at = (...parts: string[]) => join(workDir, ...parts);
  await mkdir(at('archives', 'partial'), { recursive: true });
  await mkdir(at('root'), { recursive: true });
  await download(spec, workDir, run);
  for (const file of await readdir(at('archives'))) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', at('archives', file), at('root')], { timeoutMs: 60_000 });
  }
  for (const path of UNNEEDED) await rm(at('root', path), { recursive: true, force: true });
  await furnish(spec, at('root'));
  const layer = at('layer.tar');
  await run('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', at('root'), '-cf', layer, '.'], {
    timeoutMs: 120_000,
  });
  const diffId = await digestOf(layer);
  return {
    layer,
    diffId,
    config: {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: spec.config,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created_by: `Debian packages: ${spec.packages.join(' ')}` }],
    },
  };
}

async function download(spec: DebianImageSpec, workDir: string, run: RunProgram): Promise<void> {
  const status = join(workDir, 'status');
  await writeFile(status, ''); // As if nothing were installed: all dependencies are fetched too.
  const archives = join(workDir, 'archives');
  if (spec.alone === true) {
    await run(
      'apt-get',
      [
        '-qq',
        '-y',
        '--allow-downgrades',
        '--reinstall',
        '-o',
        `Dir::Cache::archives=${archives}`,
        '-o',
        'Debug::NoLocking=1',
        'install',
        '--download-only',
        ...spec.packages,
      ],
      { timeoutMs: 300_000 },
    );
    return;
  }
  await run(
    'apt-get',
    [
      '-qq',
      '-y',
      '-o',
      `Dir::State::status=${status}`,
      '-o',
      `Dir::Cache::archives=${archives}`,
      '-o',
      'APT::Install-Recommends=false',
      '-o',
      'Debug::NoLocking=1',
      'install',
      '--download-only',
      ...spec.packages,
    ],
    { timeoutMs: 300_000 },
  );
}

async function furnish(spec: DebianImageSpec, root: string): Promise<void> {
  for (const directory of spec.directories) await mkdir(join(root, directory), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  for (const [path, content] of Object.entries(spec.files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const [path, target] of Object.entries(spec.links)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await rm(join(root, path), { force: true });
    await symlink(target, join(root, path));
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** Writes the image as `docker save` does. */
export async function writeDockerArchive(
  image: BuiltImage,
  names: readonly string[],
  out: string,
  run: RunProgram,
): Promise<void> {
  const dir = join(image.layer, '..');
  const config = JSON.stringify(image.config);
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  await writeFile(join(dir, configName), config);
  await writeFile(
    join(dir, 'manifest.json'),
    JSON.stringify([{ Config: configName, RepoTags: names, Layers: ['layer.tar'] }]),
  );
  await run('tar', ['-C', dir, '-cf', out, 'manifest.json', configName, 'layer.tar'], { timeoutMs: 120_000 });
}
