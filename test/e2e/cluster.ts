// A cluster of its own for an end-to-end test: its directory, port and kubeconfig; all of it is gone afterwards.
import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws for a non-zero exit. */
export function run(
  file: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      {
        env: options.env ?? process.env,
        timeout: options.timeoutMs ?? 120_000,
        maxBuffer: 256 << 20,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error: ExecFileException | null, stdout, stderr) => {
        if (error !== null && typeof error.code === 'string') return reject(error);
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 137, stdout, stderr });
      },
    );
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** The genuine kubectls of this host, by version: `1.27` … ; beside the one on the PATH where several are kept, else that one. */
export function findKubectls(): Map<string, string> {
  const found = new Map<string, string>();
  const first = (process.env.PATH ?? '')
    .split(delimiter)
    .map((d) => join(d, 'kubectl'))
    .find((p) => existsSync(p));
  if (first === undefined) return found;
  const real = realpathSync(first);
  for (const name of readdirSync(dirname(real))) {
    const version = /^kubectl\.(1\.\d+)$/.exec(name)?.[1];
    if (version !== undefined) found.set(version, join(dirname(real), name));
  }
  if (found.size === 0) found.set('installed', real);
  return found;
}

export const MINKE = join(import.meta.dirname, '..', '..', 'minke');

export interface TestCluster {
  readonly dir: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  minke(...args: string[]): Promise<Ran>;
  minkeWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran>;
  /** Any kubectl; the default is the newest found. */
  kubectl(args: readonly string[], options?: { version?: string; input?: string; timeoutMs?: number }): Promise<Ran>;
  up(...more: string[]): Promise<Ran>;
  /** The lines of its log that tell of requests which its own parts may not make. */
  refusals(): string[];
  /** Takes the cluster down and removes its directory. Throws when one of its parts asked for what it may not have. */
  remove(): Promise<void>;
}

function refusedParts(log: string): string[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, 'utf8').split('\n');
  return lines.filter((line) => /is forbidden: (User \\*"system:|.*node \\*")/.test(line));
}

export async function testCluster(): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'minke-e2e-'));
  const port = await freePort();
  const env = { ...process.env, HOME: dir, KUBECONFIG: join(dir, 'user-kubeconfig') };
  const kubectls = findKubectls();
  const newest = [...kubectls.keys()].sort((a, b) => Number(b.slice(2)) - Number(a.slice(2)))[0] ?? '';
  const data = join(dir, 'data');
  const minkeWith = (other: NodeJS.ProcessEnv, ...args: string[]) =>
    run(MINKE, [...args, '--data-dir', data], { env: other });
  const minke = (...args: string[]) => minkeWith(env, ...args);
  return {
    dir: data,
    port,
    env,
    minke,
    minkeWith,
    kubectl(args, options = {}) {
      const file = kubectls.get(options.version ?? newest);
      if (file === undefined) throw new Error('no kubectl on this host');
      return run(file, args, { env, ...options });
    },
    up: (...more) => minke('up', '--port', String(port), '--disable-default-registry-endpoint', ...more),
    refusals: () => refusedParts(join(data, 'minke.log')),
    async remove() {
      // A node that asks for what a pod needed which has just gone is refused, and rightly.
      const refused = refusedParts(join(data, 'minke.log')).filter((line) => !line.includes('no relationship found'));
      await minke('down', '--purge');
      rmSync(dir, { recursive: true, force: true });
      if (refused.length > 0)
        throw new Error(`parts of the cluster asked for what they may not have:\n${refused.join('\n')}`);
    },
  };
}

/** Tests that make containers need root; elsewhere they are skipped with this reason. */
export const isRoot = process.getuid?.() === 0;
