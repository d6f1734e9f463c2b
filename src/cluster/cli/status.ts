// `minke status`: what runs and how big it is.
import type { ClusterPaths } from '../config.ts';
import { callControl, type StatusReport } from '../control.ts';
import { type CommandSpec, flag, UserError } from './command.ts';
import { runningServer, strayServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';

export const status: CommandSpec = {
  name: 'status',
  summary: 'what runs and how big it is; exit code 1 when the cluster is down',
  options: [DATA_DIR, { flags: '--json', description: 'as JSON' }],
  async run(_args, options, io) {
    const paths = pathsOf(options);
    const running = runningServer(paths);
    if (running === undefined) {
      if (flag(options, 'json')) io.out('{"running":false}\n');
      else io.err(notRunning(paths));
      return 1;
    }
    const call = { method: 'GET', path: '/status', timeoutMs: 5000 } as const;
    const report = (await callControl(paths.controlSocket, call).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EACCES') throw error;
      throw new UserError(`the server (pid ${running.pid}) does not answer`, `minke down ends it; see ${paths.log}`);
    })) as StatusReport;
    io.out(flag(options, 'json') ? `${JSON.stringify({ running: true, ...report })}\n` : describe(report, Date.now()));
    return 0;
  },
};

function notRunning(paths: ClusterPaths): string {
  const stray = strayServer(paths);
  return stray === undefined
    ? `No cluster runs in ${paths.root}. minke up starts one.\n`
    : `The cluster in ${paths.root} is starting (pid ${stray.pid}). If that takes long: minke down\n`;
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function uptime(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

function dnsText({ service, listens, forward }: NonNullable<StatusReport['dns']>): string {
  const asked = forward === 'host' ? "the host's servers" : forward === 'none' ? 'nobody' : forward;
  return `${service}, on ${listens}; names of elsewhere are asked of ${asked}`;
}

/** The report as a person reads it. */
export function describe(report: StatusReport, now: number): string {
  const rows = [
    ['cluster', `${report.name} (minke ${report.version}, Kubernetes ${report.kubernetes})`],
    ['server', `${report.server}, pid ${report.pid}, up ${uptime(now - report.startedAt)}`],
    ['memory', mega(report.memoryBytes)],
    ['objects', `${report.database.keys} in ${mega(report.database.bytes)}, revision ${report.database.revision}`],
    ['images', String(report.images)],
    ...(report.dns === undefined ? [] : [['dns', dnsText(report.dns)]]),
    ...report.nodes.map((n) => [
      `node ${n.name}`,
      `${n.ready ? 'Ready' : 'NotReady'}, ${count(n.pods, 'pod')}, ${n.podCidr}`,
    ]),
  ];
  const width = Math.max(...rows.map(([key]) => key?.length ?? 0));
  return rows.map(([key = '', value]) => `${key.padEnd(width)}  ${value}\n`).join('');
}
