// The byte streams of exec, attach and port-forward, whatever protocol carried them.
import type { Duplex, Readable, Writable } from 'node:stream';

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** The streams that the caller asked for; absent ones were not asked for. With `tty`, stderr is absent and stdout carries both. */
export interface ExecStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly tty: boolean;
  /** Called with each new size of the caller's terminal; returns a function that stops listening. */
  readonly onResize: (callback: (size: TerminalSize) => void) => () => void;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** How a remote command ended; a command that could not be started throws an ApiError or an Error instead. */
export interface ExecResult {
  readonly exitCode: number;
}

/** One forwarded connection. */
export type PortStream = Duplex;
