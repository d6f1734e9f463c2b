// Lifecycle hooks. https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/

import type { Clock } from '../../host/clock.ts';
import { nearest } from '../../machinery/int64.ts';
import { goQuote } from '../../machinery/json.ts';
import type { LifecycleHandler } from '../../resources/generated/core-v1.ts';
import { httpTarget, type ProbeTarget, portNumber } from '../probes/run.ts';
import { messageOf } from './errors.ts';

const NETWORK_TIMEOUT_MS = 30_000;

class HookError extends Error {
  constructor(
    message: string,
    readonly output: string,
  ) {
    super(message);
  }
}

/** What a container's status says of a hook that failed. */
export function hookFailure({ exec, httpGet, sleep }: LifecycleHandler, about: string, error: unknown): string {
  const why = `for ${about} failed - error: ${messageOf(error)}`;
  if (exec !== undefined) {
    const output = error instanceof HookError ? error.output : '';
    return `Exec lifecycle hook ([${(exec.command ?? []).join(' ')}]) ${why}, message: ${goQuote(output)}`;
  }
  if (sleep !== undefined) return `Sleep lifecycle hook (${sleep.seconds}) ${why}`;
  return `HTTP lifecycle hook (${httpGet?.path ?? ''}) ${why}`;
}

/** Throws with what went wrong. */
export async function runHook(
  handler: LifecycleHandler,
  target: ProbeTarget,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { exec, httpGet, tcpSocket, sleep } = handler;
  if (exec !== undefined) {
    const command = exec.command ?? [];
    // It runs until it ends, or its container does.
    const result = await target.exec(target.containerId, command, 0);
    if (result.exitCode === 0) return;
    const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8');
    throw new HookError(`command '${command.join(' ')}' exited with ${result.exitCode}: ${output}`, output);
  }
  const timeout = options.timeoutMs > 0 ? Math.min(options.timeoutMs, NETWORK_TIMEOUT_MS) : NETWORK_TIMEOUT_MS;
  if (httpGet !== undefined) {
    const result = await target.reach.http(httpTarget(httpGet, target.container, target.podIp), timeout);
    // Any answer will do for a hook.
    if (result.outcome === 'failure' && result.output.startsWith('Get ')) throw new Error(result.output);
  } else if (tcpSocket !== undefined) {
    const host = tcpSocket.host !== undefined && tcpSocket.host !== '' ? tcpSocket.host : target.podIp;
    const result = await target.reach.tcp(host, portNumber(tcpSocket.port, target.container), timeout);
    if (result.outcome !== 'success') throw new Error(result.output);
  } else if (sleep !== undefined) {
    const ms = nearest(sleep.seconds) * 1000;
    await options.clock.sleep(options.timeoutMs > 0 ? Math.min(ms, options.timeoutMs) : ms, options.signal);
  }
}
