// `minke image …`: images of the running cluster's nodes.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ImageInfo } from '../../cri/index.ts';
import { type ControlCall, callControl } from '../control.ts';
import { type CommandSpec, type OptionValues, UserError } from './command.ts';
import { runningServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';
import { Progress } from './progress.ts';

function ask(options: OptionValues, call: ControlCall): Promise<unknown> {
  const paths = pathsOf(options);
  if (runningServer(paths) === undefined)
    throw new UserError(`no cluster runs in ${paths.root}`, 'minke up starts one');
  return callControl(paths.controlSocket, call).catch((error: unknown) => {
    throw new UserError(error instanceof Error ? error.message : String(error));
  });
}

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export const imageImport: CommandSpec = {
  name: 'image import',
  summary: 'take in a `docker save` or OCI archive (.tar, .tar.gz, .tar.zst)',
  args: ['<archive>'],
  options: [DATA_DIR, { flags: '--name <name>', description: 'name it so, when the archive names nothing' }],
  async run([archive = ''], options, io) {
    const path = resolve(archive);
    if (!existsSync(path)) throw new UserError(`there is no file ${path}`);
    const query: Record<string, string> = { path };
    if (typeof options.name === 'string') query.name = options.name;
    const names = (await ask(options, {
      method: 'POST',
      path: '/images/import',
      query,
    })) as string[];
    for (const n of names) io.out(`${n}\n`);
    return 0;
  },
};

export const imagePull: CommandSpec = {
  name: 'image pull',
  summary: 'pull an image from its registry',
  args: ['<name>'],
  options: [DATA_DIR],
  async run([name = ''], options, io) {
    const progress = new Progress(io);
    progress.step(`pulling ${name}`);
    try {
      const id = await ask(options, {
        method: 'POST',
        path: '/images/pull',
        query: { name },
        onProgress: (done, total) => progress.update(`pulling ${name}: ${mega(done)} of ${mega(total)}`),
      });
      progress.done();
      io.out(`${String(id)}\n`);
      return 0;
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
};

export const imageList: CommandSpec = {
  name: 'image list',
  aliases: ['ls'],
  summary: 'the images at hand',
  options: [DATA_DIR],
  async run(_args, options, io) {
    const images = (await ask(options, { method: 'GET', path: '/images' })) as ImageInfo[];
    const rows = images.flatMap((i) =>
      (i.repoTags.length > 0 ? i.repoTags : [i.repoDigests[0] ?? '<none>']).map((name) => [
        name,
        i.id.slice(7, 19),
        mega(i.size),
      ]),
    );
    const table = [['NAME', 'ID', 'SIZE'], ...rows];
    const widths = [0, 1].map((c) => Math.max(...table.map((r) => r[c]?.length ?? 0)));
    for (const [name = '', id = '', size = ''] of table)
      io.out(`${name.padEnd(widths[0] ?? 0)}  ${id.padEnd(widths[1] ?? 0)}  ${size}\n`);
    return 0;
  },
};

export const imageRemove: CommandSpec = {
  name: 'image remove',
  aliases: ['rm'],
  summary: 'remove an image',
  args: ['<name>'],
  options: [DATA_DIR],
  async run([name = ''], options, io) {
    await ask(options, { method: 'POST', path: '/images/remove', query: { name } });
    io.out(`${name}\n`);
    return 0;
  },
};
