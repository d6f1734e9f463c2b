// exec and attach: the streams that a caller asked for, whatever protocol carries them, and the Status with which they end.
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#execoptions-v1-core
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ApiError, internalError } from '../../machinery/errors.ts';
import type { ExecResult, ExecStreams, TerminalSize } from '../../machinery/streams.ts';

export interface RemoteCommandOptions {
  readonly kind: 'exec' | 'attach';
  /** For exec; named in the error of a command that fails. */
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export type RunRemoteCommand = (streams: ExecStreams) => Promise<ExecResult>;

/** What a protocol offers. */
export interface RemoteStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly resize: Readable | undefined;
  readonly error: Writable;
  readonly signal: AbortSignal;
  /** From v4 on the end is told as a Status; before that, as the text of an error. */
  readonly statusAsJson: boolean;
}

/** Runs the command to its end and tells how it ended. Resolves when the caller has been told, or has gone. */
export async function runRemoteCommand(
  streams: RemoteStreams,
  options: RemoteCommandOptions,
  run: RunRemoteCommand,
): Promise<void> {
  const status = await outcome(streams, options, run);
  await Promise.all([ended(streams.stdout), ended(streams.stderr)]);
  const text = streams.statusAsJson ? JSON.stringify(status) : status.status === 'Success' ? '' : status.message;
  if (text !== undefined && text !== '') streams.error.write(Buffer.from(text));
  await ended(streams.error);
}

/** Ends a stream and waits until what was written has left. */
async function ended(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed) return;
  if (!stream.writableEnded) stream.end();
  try {
    await finished(stream, { readable: false });
  } catch {
    // The caller has gone: there is nobody to send the rest to.
  }
}

/** A Status as it is written on the error stream. Source: meta/v1 Status. */
interface EndStatus {
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: unknown;
  readonly code?: number;
}

async function outcome(
  streams: RemoteStreams,
  options: RemoteCommandOptions,
  run: RunRemoteCommand,
): Promise<EndStatus> {
  try {
    const { exitCode } = await run({
      ...(streams.stdin === undefined ? {} : { stdin: streams.stdin }),
      ...(streams.stdout === undefined ? {} : { stdout: streams.stdout }),
      ...(streams.stderr === undefined ? {} : { stderr: streams.stderr }),
      tty: options.tty,
      onResize: resizes(streams.resize),
      signal: streams.signal,
    });
    // Attach has no exit code to tell: the container's status has it.
    if (exitCode === 0 || options.kind === 'attach') return { metadata: {}, status: 'Success' };
    return nonZeroExit(exitCode, options.command);
  } catch (error) {
    return failureStatus(error, options.kind);
  }
}

function nonZeroExit(exitCode: number, command: readonly string[]): EndStatus {
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

function failureStatus(error: unknown, kind: 'exec' | 'attach'): EndStatus {
  const known = error instanceof ApiError && error.code < 500;
  const text = error instanceof Error ? error.message : String(error);
  const what = kind === 'exec' ? 'error executing command in container' : 'error attaching to container';
  const { kind: _, apiVersion: __, ...status } = (known ? error : internalError(`${what}: ${text}`)).toStatus();
  return { ...status, metadata: {} };
}

/** Sizes come as JSON objects, one after the other; who asks late is told the last one. */
function resizes(resize: Readable | undefined): ExecStreams['onResize'] {
  const listeners = new Set<(size: TerminalSize) => void>();
  let last: TerminalSize | undefined;
  let pending = '';
  resize?.on('data', (chunk: Buffer) => {
    pending += chunk.toString('utf8');
    for (let end = pending.indexOf('}'); end >= 0; end = pending.indexOf('}')) {
      const size = parseSize(pending.slice(0, end + 1));
      pending = pending.slice(end + 1);
      if (size === undefined) continue;
      last = size;
      for (const listener of listeners) listener(size);
    }
    // Not a size, whatever it is.
    if (pending.length > 1024) pending = '';
  });
  return (callback) => {
    listeners.add(callback);
    if (last !== undefined) callback(last);
    return () => {
      listeners.delete(callback);
    };
  };
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height, width, height } = JSON.parse(text) as Record<string, unknown>;
    const size = { width: Number(Width ?? width ?? 0), height: Number(Height ?? height ?? 0) };
    const fits = [size.width, size.height].every((n) => Number.isInteger(n) && n >= 0 && n <= 0xffff);
    return fits ? size : undefined;
  } catch {
    return undefined;
  }
}
