// The server process: what `minke up` starts, and what `minke up --foreground` is.
import { closeSync, fstatSync, writeSync } from 'node:fs';
import type { ClusterConfig } from '../config.ts';
import type { RunningCluster } from '../start.ts';
import { type CommandIo, type CommandSpec, text } from './command.ts';
import { type ProgressLine, writePidFile } from './daemon.ts';
import { explain } from './errors.ts';
import type { Progress } from './progress.ts';

/** The pipe that `startServer` reads. */
const PROGRESS_FD = 3;
/** After a start that failed: whatever it left open must not keep the process. */
const LINGER_MS = 500;

/** Loaded here and not by the other commands: reading all of it takes longer than most of them. */
const serverCode = () => import('../start.ts');

export const serve: CommandSpec = {
  name: 'serve',
  summary: 'the server process itself (started by `minke up`)',
  hidden: true,
  options: [{ flags: '--config <json>', description: 'the configuration that `minke up` made' }],
  async run(_args, options) {
    const config: ClusterConfig = JSON.parse(text(options, 'config'));
    const say = progressPipe();
    await outliveMistakes(config);
    try {
      const cluster = await (await serverCode()).startCluster(config, (step) => say({ step }));
      writePidFile(config);
      say({ ready: true });
      say.close();
      await untilStopped(cluster);
      return 0;
    } catch (error) {
      setTimeout(() => process.exit(1), LINGER_MS).unref();
      say(failure(error));
      throw error;
    }
  },
};

/** One forgotten promise must not take the API and the nodes with it: it is logged, and the server runs on. */
async function outliveMistakes(config: ClusterConfig): Promise<void> {
  const { createLogger } = await import('../log.ts');
  const log = createLogger(config.name);
  process.on('unhandledRejection', (reason) =>
    log.error({ part: 'server', err: reason }, 'a rejection nobody handled'),
  );
}

function failure(error: unknown): ProgressLine {
  const told = explain(error) ?? { message: error instanceof Error ? error.message : String(error) };
  return { failed: told.message, ...(told.hint === undefined ? {} : { hint: told.hint }) };
}

function progressPipe(): ((line: ProgressLine) => void) & { close(): void } {
  let open = true;
  try {
    open = fstatSync(PROGRESS_FD).isFIFO() || fstatSync(PROGRESS_FD).isSocket();
  } catch {
    open = false;
  }
  const close = () => {
    if (open) closeSync(PROGRESS_FD);
    open = false;
  };
  const say = (line: ProgressLine) => {
    if (!open) return;
    try {
      writeSync(PROGRESS_FD, `${JSON.stringify(line)}\n`);
    } catch {
      open = false; // The one who started us has gone; the server runs on.
    }
  };
  return Object.assign(say, { close });
}

/** Runs until it is told to end, or its terminal goes away; pods run on. */
async function untilStopped(cluster: RunningCluster): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  await cluster.stop();
  process.exit(0);
}

export async function serveInForeground(
  config: ClusterConfig,
  io: CommandIo,
  progress: Progress,
  whenReady: () => Promise<void>,
): Promise<number> {
  const cluster = await (await serverCode()).startCluster(config, (step) => progress.step(step));
  progress.done();
  writePidFile(config);
  await whenReady().catch(async (error: unknown) => {
    setTimeout(() => process.exit(1), LINGER_MS).unref();
    await cluster.stop();
    throw error;
  });
  io.err('Ctrl-C stops the server; `minke down` also ends the pods.\n');
  await untilStopped(cluster);
  return 0;
}
