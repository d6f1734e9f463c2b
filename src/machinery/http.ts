// The shape of a request and of its answer inside the process: what the API server's core, the client and the kubelet's API speak.

/** Who asks, after authentication. Source: authentication.k8s.io/v1 UserInfo. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface WireRequest {
  readonly method: string;
  /** The path as sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
  /** Set by the in-process transport or by the authenticator; never taken from the wire. */
  readonly user?: UserInfo;
  /** Aborted when the client has gone away. */
  readonly signal?: AbortSignal;
  /** Aborted when the time is over that the client gave the request. */
  readonly deadline?: AbortSignal;
}

/** Where a streamed answer goes. */
export interface ByteSink {
  /** Returns false when the reader is behind (the bytes are taken all the same). */
  write(chunk: Uint8Array): boolean;
  /** Bytes handed in but not yet taken by the reader; a watch that grows too far behind is closed. */
  readonly buffered: number;
  end(): void;
  /** Calls back once, when the reader has caught up after a write that returned false. */
  onDrain(callback: () => void): void;
  /** Called once, when the reader has gone or the stream has ended. */
  onClose(callback: () => void): void;
}

/** A body that is pushed as it comes (watch, logs). `start` is called once, after status and headers were sent. */
export interface StreamBody {
  start(sink: ByteSink): void;
  /** For a body that is all there already, and only sent in portions because it is long. */
  readonly whole?: { readonly length: number; bytes(): Uint8Array };
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | StreamBody;
  /** Nobody known asked: over HTTP/2, where a connection is dear, it ends with this answer. */
  readonly endsConnection?: boolean;
}

/** The one interface between a client and a server, in one process or over HTTPS. */
export type Transport = (request: WireRequest) => Promise<WireResponse>;
