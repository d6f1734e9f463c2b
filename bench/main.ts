// `npm run bench [api|dns|pods|start]`: starts a cluster of its own and prints the figures beside their references.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildDebianImage, DEBIAN_IMAGES, writeDockerArchive } from '../src/cluster/index.ts';
import { benchApi } from './api.ts';
import { benchDns } from './dns.ts';
import type { Target } from './load.ts';
import { benchPods } from './pods.ts';
import { Report } from './report.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const only = process.argv[2] ?? '';
const wants = (part: string) => only === '' || only === part;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

async function main(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'minke-bench-'));
  const data = join(work, 'data');
  const port = await freePort();
  const env = { ...process.env, HOME: work, KUBECONFIG: join(work, 'kubeconfig'), MINKE_DNS_FORWARD: 'none' };
  const minke = (...args: string[]) =>
    run(join(root, 'minke'), [...args, '--data-dir', data], { env, maxBuffer: 64 << 20 });
  const report = new Report((t) => void process.stdout.write(t));
  const timed = async (name: string, goal: string, work: () => Promise<unknown>) => {
    const t = performance.now();
    await work();
    report.row(name, `${((performance.now() - t) / 1000).toFixed(2)} s`, '', goal);
  };
  try {
    report.title('Start');
    await timed('minke up, first (with PKI)', '1.5 s', () => minke('up', '--port', String(port)));
    await minke('down');
    await timed('minke up, on an initialised directory', '0.7 s', () => minke('up', '--port', String(port)));
    await timed('reference: node -e 0', '', () => run(process.execPath, ['-e', '0']));
    const status = JSON.parse((await minke('status', '--json')).stdout) as { memoryBytes: number; pid: number };
    report.row('memory, idle', `${(status.memoryBytes / 1e6).toFixed(0)} MB`, '', '150 MB');
    const pki = join(data, 'pki');
    const target: Target = {
      server: `https://127.0.0.1:${port}`,
      ca: readFileSync(join(pki, 'ca.crt'), 'utf8'),
      cert: readFileSync(join(pki, 'admin.crt'), 'utf8'),
      key: readFileSync(join(pki, 'admin.key'), 'utf8'),
    };
    if (wants('pods')) {
      report.title('Pods');
      const image = await buildDebianImage(DEBIAN_IMAGES.busybox, join(work, 'image'), (file, args) =>
        run(file, [...args], { maxBuffer: 64 << 20 }),
      );
      const archive = join(work, 'busybox.tar');
      await writeDockerArchive(image, ['docker.io/library/busybox:latest'], archive, (file, args) =>
        run(file, [...args]),
      );
      await minke('image', 'import', archive);
      const rootfs = join(work, 'image', 'root');
      await benchPods({ target, image: 'busybox:latest', archive, rootfs, work, server: status.pid }, report);
    }
    if (wants('api')) {
      report.title('API, 32 clients over TLS');
      await benchApi(target, { work, pki, pid: status.pid }, report);
    }
    if (wants('dns')) {
      report.title('DNS, 32 questions at a time over UDP');
      await benchDns(target, report);
    }
    const after = JSON.parse((await minke('status', '--json')).stdout) as { memoryBytes: number };
    report.row('memory, after the load', `${(after.memoryBytes / 1e6).toFixed(0)} MB`, '', '');
  } finally {
    await minke('down', '--purge').catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    rmSync(work, { recursive: true, force: true });
  }
}

await main();
