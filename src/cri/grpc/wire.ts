// Calls to a CRI v1 runtime over gRPC, encoded by the table of facts.
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { grpcDescriptor } from '../../machinery/grpc-table.ts';
import { RuntimeError, type RuntimeErrorKind } from '../port.ts';
import { ENUMS, IMAGE_METHODS, MESSAGES, RUNTIME_METHODS } from './facts.ts';

/** A decoded message: fields by their proto names, absent ones at their defaults. */
export type Message = Readonly<Record<string, unknown>>;

/** The table as the descriptor that protobuf libraries take. */
export function descriptor(): Record<string, unknown> {
  const services = { RuntimeService: RUNTIME_METHODS, ImageService: IMAGE_METHODS };
  return grpcDescriptor({ package: 'runtime.v1', messages: MESSAGES, enums: ENUMS, services });
}

const KINDS: Readonly<Partial<Record<status, RuntimeErrorKind>>> = {
  [status.NOT_FOUND]: 'not-found',
  [status.ALREADY_EXISTS]: 'already-exists',
  [status.DEADLINE_EXCEEDED]: 'deadline',
  [status.UNAVAILABLE]: 'unavailable',
  [status.UNIMPLEMENTED]: 'unavailable',
  [status.UNAUTHENTICATED]: 'unauthorized',
  [status.PERMISSION_DENIED]: 'unauthorized',
};

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'code' in error && typeof error.code === 'number';
}

export function grpcError(error: unknown, fallback: RuntimeErrorKind): RuntimeError {
  if (error instanceof RuntimeError) return error;
  if (!isServiceError(error)) return new RuntimeError(fallback, String(error), error);
  return new RuntimeError(KINDS[error.code] ?? fallback, error.details, error);
}

export function isUnimplemented(error: unknown): boolean {
  const cause = error instanceof RuntimeError ? error.cause : error;
  return isServiceError(cause) && cause.code === status.UNIMPLEMENTED;
}

const DEFAULT_TIMEOUT_MS = 120_000;
/** Lists of many containers and the output of a command are larger than gRPC's default. */
const MESSAGE_CAP = 64 * 1024 * 1024;

export class CriConnection {
  readonly #client: Client;
  readonly #methods: Readonly<
    Record<'RuntimeService' | 'ImageService', Readonly<Record<string, MethodDefinition<object, object>>>>
  >;

  /** `address`: `unix:///run/containerd/containerd.sock`. */
  constructor(address: string, security: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new Client(address, security, {
      'grpc.max_receive_message_length': MESSAGE_CAP,
      'grpc.max_send_message_length': MESSAGE_CAP,
    });
    const loaded: PackageDefinition = fromJSON(descriptor(), {
      keepCase: true,
      longs: Number,
      enums: String,
      defaults: true,
      objects: true,
      arrays: true,
    });
    const pick = (name: string) =>
      loaded[`runtime.v1.${name}`] as Readonly<Record<string, MethodDefinition<object, object>>>;
    this.#methods = { RuntimeService: pick('RuntimeService'), ImageService: pick('ImageService') };
  }

  #method(of: 'RuntimeService' | 'ImageService', name: string): MethodDefinition<object, object> {
    const method = this.#methods[of][name];
    if (method === undefined) throw new Error(`no CRI method ${name}`);
    return method;
  }

  async call(
    of: 'RuntimeService' | 'ImageService',
    name: string,
    request: object,
    options: { timeoutMs?: number; kind?: RuntimeErrorKind; signal?: AbortSignal } = {},
  ): Promise<Message> {
    const method = this.#method(of, name);
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {},
        (error, answer) => {
          if (error !== null) reject(grpcError(error, options.kind ?? 'internal'));
          else resolve((answer ?? {}) as Message);
        },
      );
      options.signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  /** Messages of a server stream until it ends; `onEnd` gets the reason. The returned function stops it. */
  stream(name: string, onMessage: (message: Message) => void, onEnd: (error: unknown) => void): () => void {
    const method = this.#method('RuntimeService', name);
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      {},
    );
    let ended = false;
    const end = (error: unknown) => {
      if (ended) return;
      ended = true;
      onEnd(error);
    };
    call.on('data', (message: Message) => onMessage(message));
    call.on('error', end);
    call.on('end', () => end(undefined));
    return () => {
      ended = true;
      call.cancel();
    };
  }

  close(): void {
    this.#client.close();
  }
}

/** Reading of what came over the wire, which may be anything. */
export function text(message: Message, field: string): string {
  const value = message[field];
  return typeof value === 'string' ? value : '';
}

export function number(message: Message, field: string): number {
  const value = message[field];
  return typeof value === 'number' ? value : 0;
}

export function message(of: Message, field: string): Message {
  const value = of[field];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Message) : {};
}

export function list(of: Message, field: string): readonly Message[] {
  const value = of[field];
  return Array.isArray(value) ? value.filter((v): v is Message => typeof v === 'object' && v !== null) : [];
}

export function texts(of: Message, field: string): readonly string[] {
  const value = of[field];
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

export function textMap(of: Message, field: string): Record<string, string> {
  const out: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(message(of, field))) if (typeof value === 'string') out[key] = value;
  return out;
}

/** A wrapped number (`UInt64Value`), undefined when it is not there. */
export function wrapped(of: Message, field: string): number | undefined {
  const value = of[field];
  return typeof value === 'object' && value !== null ? number(value as Message, 'value') : undefined;
}
