// One SPDY/3.1 connection: many streams of bytes over one socket, with back pressure both ways.
import { Duplex } from 'node:stream';
import {
  type ControlFrame,
  controlFrame,
  type DataFrame,
  dataHead,
  FLAG_FIN,
  FRAME,
  type Frame,
  FrameReader,
  numbers,
  RESET,
} from './frames.ts';
import { HeaderReader, type Headers, HeaderWriter } from './headers.ts';

const INITIAL_WINDOW = 64 * 1024;
/** Received bytes after which the peer is told that they were taken. */
const UPDATE_AFTER = 32 * 1024;
const STREAM_BUFFER = 256 * 1024;
const MAX_STREAMS = 4096;
const SETTING_INITIAL_WINDOW = 7;
/** How long the peer may take to close its side. */
const LINGER_MS = 10_000;

/** One stream of a session. */
export class SpdyStream extends Duplex {
  /** Bytes that may be sent; endless until the peer shows that it counts them (Kubernetes' own clients do not). */
  window = Number.POSITIVE_INFINITY;
  private sent = 0;
  private taken = 0;
  private waiting: (() => void) | undefined;
  private isFull = false;
  private onRoom: (() => void) | undefined;
  private finReceived = false;
  private finSent = false;

  constructor(
    readonly id: number,
    readonly headers: Headers,
    private readonly session: SpdySession,
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: STREAM_BUFFER, writableHighWaterMark: STREAM_BUFFER });
    // An error of a stream is seen as its close; nobody is obliged to listen.
    this.on('error', () => undefined);
  }

  /** Resolves when there is room again. */
  async receive(payload: Buffer, fin: boolean): Promise<void> {
    if (payload.length > 0 && !this.destroyed && !this.finReceived) {
      this.isFull = !this.push(payload);
      this.taken += payload.length;
      if (this.isFull) {
        await new Promise<void>((resolve) => {
          this.onRoom = resolve;
        });
      }
      this.acknowledge();
    }
    if (fin) this.endReading();
  }

  endReading(): void {
    if (this.finReceived) return;
    this.finReceived = true;
    if (!this.destroyed) this.push(null);
  }

  private acknowledge(): void {
    if (this.taken < UPDATE_AFTER || this.destroyed) return;
    this.session.control(FRAME.WINDOW_UPDATE, numbers(this.id, this.taken));
    this.session.control(FRAME.WINDOW_UPDATE, numbers(0, this.taken));
    this.taken = 0;
  }

  /** The peer counts: what was sent already counts too. */
  limit(initial: number): void {
    if (this.window === Number.POSITIVE_INFINITY) this.window = initial - this.sent;
  }

  widen(delta: number): void {
    this.window += delta;
    const go = this.waiting;
    this.waiting = undefined;
    go?.();
  }

  override _read(): void {
    this.isFull = false;
    this.makeRoom();
  }

  private makeRoom(): void {
    const go = this.onRoom;
    this.onRoom = undefined;
    go?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const room = Math.min(chunk.length, this.window);
    if (room <= 0) {
      this.waiting = () => this._write(chunk, _encoding, callback);
      return;
    }
    this.window -= room;
    this.sent += room;
    const rest = chunk.subarray(room);
    this.session.data(this.id, 0, chunk.subarray(0, room), () => {
      if (rest.length > 0 && !this.destroyed) this._write(rest, _encoding, callback);
      else callback();
    });
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.finSent = true;
    this.session.data(this.id, FLAG_FIN, Buffer.alloc(0), () => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.session.forget(this);
    if (!(this.finReceived && this.finSent)) this.session.control(FRAME.RST_STREAM, numbers(this.id, RESET.CANCEL));
    this.makeRoom();
    this.waiting = undefined;
    callback(error);
  }
}

export interface SessionOptions {
  /** Called for each stream that the peer opens; throw to refuse it. */
  readonly onStream: (stream: SpdyStream) => void;
  /** A quiet connection is asked for a sign of life this often. */
  readonly pingMs?: number;
}

export class SpdySession {
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  private readonly gone = new AbortController();
  private readonly streams = new Map<number, SpdyStream>();
  private readonly reader = new FrameReader();
  private readonly headerReader = new HeaderReader();
  private readonly headerWriter = new HeaderWriter();
  private initialWindow = INITIAL_WINDOW;
  private peerCounts = false;
  private lastStream = 0;
  private pingId = 0;
  private draining: (() => void)[] = [];

  constructor(
    private readonly socket: Duplex,
    private readonly options: SessionOptions,
  ) {
    this.signal = this.gone.signal;
    socket.once('close', () => this.closed());
    socket.on('error', () => socket.destroy());
    const ping = setInterval(() => {
      this.pingId += 2;
      this.control(FRAME.PING, numbers(this.pingId));
    }, options.pingMs ?? 30_000);
    ping.unref();
    this.signal.addEventListener('abort', () => clearInterval(ping));
  }

  /** Reads until the connection ends. */
  async run(head: Buffer): Promise<void> {
    try {
      await this.take(head);
      for await (const chunk of this.socket) await this.take(chunk as Buffer);
    } catch {
      // The peer broke the rules or the connection: either way this is the end of it.
    } finally {
      this.socket.destroy();
      this.closed();
    }
  }

  private closed(): void {
    if (this.gone.signal.aborted) return;
    this.gone.abort();
    for (const stream of [...this.streams.values()]) stream.destroy();
    this.drained();
    this.headerReader.close();
  }

  private async take(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return;
    for (const frame of this.reader.push(chunk)) await this.handle(frame);
  }

  private async handle(frame: Frame): Promise<void> {
    if (frame.kind === 'data') return this.handleData(frame);
    switch (frame.type) {
      case FRAME.SYN_STREAM:
        return this.open(frame);
      case FRAME.HEADERS:
      case FRAME.SYN_REPLY:
        // Not needed, but all blocks go through one decompressor.
        await this.headerReader.read(frame.payload.subarray(4));
        return;
      case FRAME.RST_STREAM:
        this.streams.get(frame.payload.readUInt32BE(0))?.destroy();
        return;
      case FRAME.PING:
        // Even numbers are answers to ours.
        if (frame.payload.readUInt32BE(0) % 2 === 1) this.control(FRAME.PING, frame.payload);
        return;
      case FRAME.SETTINGS:
        this.handleSettings(frame.payload);
        return;
      case FRAME.WINDOW_UPDATE:
        this.handleWindowUpdate(frame.payload);
        return;
      default:
    }
  }

  private async handleData(frame: DataFrame): Promise<void> {
    const stream = this.streams.get(frame.stream);
    if (stream === undefined) return;
    const fin = (frame.flags & FLAG_FIN) !== 0;
    await stream.receive(frame.payload, fin);
  }

  private async open(frame: ControlFrame): Promise<void> {
    const id = frame.payload.readUInt32BE(0);
    const headers = await this.headerReader.read(frame.payload.subarray(10));
    if (this.streams.size >= MAX_STREAMS || id <= this.lastStream) {
      this.control(FRAME.RST_STREAM, numbers(id, RESET.REFUSED_STREAM));
      return;
    }
    this.lastStream = id;
    const stream = new SpdyStream(id, headers, this);
    if (this.peerCounts) stream.limit(this.initialWindow);
    try {
      this.options.onStream(stream);
    } catch {
      this.control(FRAME.RST_STREAM, numbers(id, RESET.REFUSED_STREAM));
      return;
    }
    this.streams.set(id, stream);
    this.control(FRAME.SYN_REPLY, Buffer.concat([numbers(id), this.headerWriter.write([])]));
    if ((frame.flags & FLAG_FIN) !== 0) stream.endReading();
  }

  private handleSettings(payload: Buffer): void {
    const count = payload.readUInt32BE(0);
    for (let i = 0; i < count && 4 + 8 * i + 8 <= payload.length; i++) {
      const id = payload.readUInt32BE(4 + 8 * i) & 0xffffff;
      if (id === SETTING_INITIAL_WINDOW) this.initialWindow = payload.readUInt32BE(8 + 8 * i);
    }
  }

  private handleWindowUpdate(payload: Buffer): void {
    const id = payload.readUInt32BE(0);
    const delta = payload.readUInt32BE(4) & 0x7fffffff;
    if (!this.peerCounts) {
      this.peerCounts = true;
      for (const stream of this.streams.values()) stream.limit(this.initialWindow);
    }
    // The window of the connection as a whole never is the narrower one: each stream's is kept.
    this.streams.get(id)?.widen(delta);
  }

  control(type: number, payload: Buffer): void {
    if (!this.socket.writable) return;
    this.socket.write(controlFrame(type, 0, payload));
  }

  /** `done` is called when the bytes have left, or when they never will. */
  data(stream: number, flags: number, payload: Buffer, done: () => void): void {
    if (!this.socket.writable) {
      done();
      return;
    }
    this.socket.cork();
    this.socket.write(dataHead(stream, flags, payload.length));
    if (payload.length > 0) this.socket.write(payload);
    this.socket.uncork();
    if (!this.socket.writableNeedDrain) {
      process.nextTick(done);
      return;
    }
    if (this.draining.length === 0) this.socket.once('drain', () => this.drained());
    this.draining.push(done);
  }

  private drained(): void {
    const waiting = this.draining;
    this.draining = [];
    for (const done of waiting) done();
  }

  forget(stream: SpdyStream): void {
    this.streams.delete(stream.id);
  }

  /** Says goodbye after all that was written has left. */
  close(): void {
    if (!this.socket.writable) return;
    this.control(FRAME.GOAWAY, numbers(this.lastStream, 0));
    this.socket.end();
    const { socket } = this;
    const impatient = setTimeout(() => socket.destroy(), LINGER_MS);
    impatient.unref();
    this.signal.addEventListener('abort', () => clearTimeout(impatient));
  }
}
