// What `npm start` shows: a cluster, a first Pod from the examples, its table, and what it answers.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createClient, httpsTransport } from '../../client/index.ts';
import type { ImageInfo } from '../../cri/index.ts';
import { buildDebianImage, DEBIAN_IMAGES, writeDockerArchive } from '../../host/debian-image.ts';
import { runProgram } from '../../host/programs.ts';
import { callControl } from '../control.ts';
import { type CommandIo, type CommandSpec, type OptionValues, UserError } from './command.ts';
import { runningServer } from './daemon.ts';
import { pathsOf } from './options.ts';
import { Progress } from './progress.ts';
import { kubeconfigInput, up } from './up.ts';

const IMAGE = 'docker.io/library/nginx:latest';
const POD = '/api/v1/namespaces/default/pods/nginx-pod';

export const demo: CommandSpec = {
  name: 'demo',
  summary: 'what `npm start` runs',
  hidden: true,
  options: up.options,
  async run(args, options, io) {
    await up.run(args, { ...options, file: [] }, io);
    await haveImage(options, io);
    await up.run(args, { ...options, file: [examplePath()] }, io);
    await show(options, io);
    return 0;
  },
};

/** The example stands beside the bundle's directory, or beside the sources. */
function examplePath(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const path = join(dir, 'examples', 'nginx-pod.yaml');
    if (existsSync(path)) return path;
  }
  throw new UserError('examples/nginx-pod.yaml is missing from this checkout');
}

async function haveImage(options: OptionValues, io: CommandIo): Promise<void> {
  const { controlSocket } = pathsOf(options);
  const images = (await callControl(controlSocket, { method: 'GET', path: '/images' })) as ImageInfo[];
  if (images.some((i) => i.repoTags.includes(IMAGE))) return;
  const progress = new Progress(io);
  if (io.env.MINKE_EXAMPLE_IMAGE !== 'debian') {
    progress.step('pulling nginx:latest');
    try {
      await callControl(controlSocket, { method: 'POST', path: '/images/pull', query: { name: IMAGE } });
      progress.done();
      return;
    } catch (error) {
      progress.fail();
      io.err(
        `  ${error instanceof Error ? error.message : String(error)}\n  Docker Hub cannot be reached, so the image is made from Debian packages.\n`,
      );
    }
  }
  progress.step('making the image nginx:latest from Debian packages');
  const work = mkdtempSync(join(tmpdir(), 'minke-image-'));
  try {
    const image = await buildDebianImage(DEBIAN_IMAGES.nginx, work, runProgram);
    const archive = join(work, 'nginx.tar');
    await writeDockerArchive(image, [IMAGE], archive, runProgram);
    await callControl(controlSocket, { method: 'POST', path: '/images/import', query: { path: archive } });
    progress.done();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface TableAnswer {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

async function show(options: OptionValues, io: CommandIo): Promise<void> {
  const running = runningServer(pathsOf(options));
  if (running === undefined) throw new UserError('the cluster has gone');
  const input = kubeconfigInput(running.config);
  const transport = httpsTransport({ server: input.server, ca: input.ca, cert: input.cert, key: input.key });
  const client = createClient({ transport, userAgent: 'minke' });
  const pod = (await client.raw('GET', POD)) as { status?: { podIP?: string } };
  const ip = pod.status?.podIP ?? '';
  io.out(`\n$ kubectl get pods -o wide\n${podTable((await tableOf(input, POD)) as TableAnswer)}`);
  io.out(`\n$ curl http://${ip}\n${await fetchText(ip)}\n`);
  io.out(
    `Go on:  kubectl exec -it nginx-pod -- bash\n        kubectl logs nginx-pod\n        kubectl describe pod nginx-pod\n        ./minke why           # what keeps a pod from running, in plain words\n        ./minke down          # stops it and leaves nothing behind\n`,
  );
}

async function tableOf(
  input: { server: string; ca: string; cert: string; key: string },
  path: string,
): Promise<unknown> {
  const transport = httpsTransport(input);
  const response = await transport({
    method: 'GET',
    path,
    query: new URLSearchParams(),
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  if (!(response.body instanceof Uint8Array)) throw new UserError('the server streamed a table');
  return JSON.parse(Buffer.from(response.body).toString());
}

function podTable(table: TableAnswer): string {
  const lines = [
    table.columnDefinitions.map((c) => c.name.toUpperCase()),
    ...table.rows.map((r) => r.cells.map((c) => String(c ?? '<none>'))),
  ];
  const widths = table.columnDefinitions.map((_, i) => Math.max(...lines.map((l) => l[i]?.length ?? 0)));
  return lines
    .map(
      (l) =>
        `${l
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

function fetchText(ip: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host: ip, port: 80, path: '/', timeout: 5000 }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('end', () => resolve(text));
    });
    req.on('timeout', () => req.destroy(new UserError(`${ip} does not answer`)));
    req.on('error', reject);
    req.end();
  });
}
