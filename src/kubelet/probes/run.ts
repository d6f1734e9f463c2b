// Carries out one probe or network hook against a container.
import type { ExecSyncResult } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import { goDuration } from '../../machinery/time.ts';
import type { Container, HTTPGetAction, Probe } from '../../resources/generated/core-v1.ts';
import { asRpcError, messageOf } from '../container/errors.ts';
import type { HttpTarget } from './http.ts';
import type { PodReach } from './reach.ts';
import type { ProbeResult } from './result.ts';

const MAX_OUTPUT = 10 * 1024;

export interface ProbeTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly podIp: string;
  readonly reach: PodReach;
  readonly exec: (id: string, command: readonly string[], timeoutMs: number) => Promise<ExecSyncResult>;
}

export function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = (container.ports ?? []).find((p) => p.name === port);
  if (named !== undefined) return named.containerPort;
  if (!/^[+-]?\d+$/.test(port)) throw new Error(`strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`);
  const number = Number(port);
  if (number > 0 && number < 65536) return number;
  throw new Error(`invalid port number: ${number}`);
}

export function httpTarget(action: HTTPGetAction, container: Container, podIp: string): HttpTarget {
  const path = action.path ?? '/';
  return {
    scheme: action.scheme === 'HTTPS' ? 'https' : 'http',
    host: action.host !== undefined && action.host !== '' ? action.host : podIp,
    port: portNumber(action.port, container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers: (action.httpHeaders ?? []).map((h) => ({ name: h.name, value: h.value })),
  };
}

async function probeExec(target: ProbeTarget, command: readonly string[], timeoutMs: number): Promise<ProbeResult> {
  try {
    const result = await target.exec(target.containerId, command, timeoutMs);
    const output = Buffer.concat([result.stdout, result.stderr]).subarray(0, MAX_OUTPUT).toString('utf8');
    return { outcome: result.exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (error instanceof RuntimeError && error.kind === 'deadline') {
      const after = goDuration(timeoutMs);
      return { outcome: 'failure', output: `command timed out: "${command.join(' ')}" timed out after ${after}` };
    }
    return { outcome: 'error', output: asRpcError(messageOf(error)) };
  }
}

/** What Node waits at most, 24.8 days; what is longer it takes for nothing. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeoutMs = Math.min((probe.timeoutSeconds ?? 1) * 1000, LONGEST_WAIT_MS);
  try {
    if (probe.exec !== undefined) return await probeExec(target, probe.exec.command ?? [], timeoutMs);
    if (probe.httpGet !== undefined) {
      return await target.reach.http(httpTarget(probe.httpGet, target.container, target.podIp), timeoutMs);
    }
    if (probe.tcpSocket !== undefined) {
      const { host, port } = probe.tcpSocket;
      const to = host !== undefined && host !== '' ? host : target.podIp;
      return await target.reach.tcp(to, portNumber(port, target.container), timeoutMs);
    }
    if (probe.grpc !== undefined) {
      const { port, service } = probe.grpc;
      return await target.reach.grpc({ host: target.podIp, port, service: service ?? '' }, timeoutMs);
    }
    return { outcome: 'error', output: 'missing probe handler' };
  } catch (error) {
    return { outcome: 'error', output: messageOf(error) };
  }
}
