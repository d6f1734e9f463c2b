// The caller's end of exec, attach and port-forward.
import { Duplex, PassThrough } from 'node:stream';
import type { ExecStreams } from '../../machinery/streams.ts';

export class Terminal {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly abort = new AbortController();
  said = '';
  complained = '';
  resize: ((size: { width: number; height: number }) => void) | undefined;

  constructor() {
    this.stdout.on('data', (chunk: Buffer) => {
      this.said += chunk.toString();
    });
    this.stderr.on('data', (chunk: Buffer) => {
      this.complained += chunk.toString();
    });
  }

  streams(tty: boolean, withInput: boolean): ExecStreams {
    return {
      ...(withInput ? { stdin: this.stdin } : {}),
      stdout: this.stdout,
      ...(tty ? {} : { stderr: this.stderr }),
      tty,
      onResize: (callback) => {
        this.resize = callback;
        return () => undefined;
      },
      signal: this.abort.signal,
    };
  }

  async until(text: string, timeoutMs = 5000): Promise<void> {
    for (const begun = Date.now(); !this.said.includes(text); await new Promise((r) => setTimeout(r, 5)))
      if (Date.now() - begun > timeoutMs)
        throw new Error(`"${text}" never came; what came: ${JSON.stringify(this.said)}`);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const a = new PassThrough();
  const b = new PassThrough();
  return [Duplex.from({ readable: a, writable: b }), Duplex.from({ readable: b, writable: a })];
}
