// gRPC over UNIX sockets, as plugins and the kubelet speak it: clients and servers made of tables of facts.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  Client,
  connectivityState,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { type GrpcTable, grpcDescriptor } from '../../machinery/grpc-table.ts';
import { messageOf } from '../container/errors.ts';

const CALL_MS = 45_000;
const OPTIONS = { keepCase: true, longs: Number, enums: String, defaults: true, objects: true, arrays: true } as const;

/** The methods of a service, with what encodes and decodes their messages. */
export function methodsOf(
  table: GrpcTable,
  service: string,
): Readonly<Record<string, MethodDefinition<object, object>>> {
  const loaded = fromJSON(grpcDescriptor(table), OPTIONS);
  return loaded[`${table.package}.${service}`] as Readonly<Record<string, MethodDefinition<object, object>>>;
}

export class PluginClient {
  private readonly client: Client;
  private readonly methods: Readonly<Record<string, MethodDefinition<object, object>>>;
  private closed = false;

  constructor(
    readonly socket: string,
    table: GrpcTable,
    service: string,
  ) {
    this.client = new Client(`unix:${socket}`, credentials.createInsecure());
    this.methods = methodsOf(table, service);
  }

  private method(name: string): MethodDefinition<object, object> {
    const method = this.methods[name];
    if (method === undefined) throw new Error(`no method ${name}`);
    return method;
  }

  /** What comes back has all fields of its message, absent ones at their defaults. */
  call<T extends object>(name: string, request: object, timeoutMs = CALL_MS): Promise<T> {
    const { path: at, requestSerialize, responseDeserialize } = this.method(name);
    const options = { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        at,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer as T);
          else reject(new Error(goWords(error), { cause: error }));
        },
      );
    });
  }

  /** Messages until the stream ends, of itself or by the returned function. */
  stream<T extends object>(name: string, onMessage: (message: T) => void, onEnd: () => void): () => void {
    const { path: at, requestSerialize, responseDeserialize } = this.method(name);
    const call = this.client.makeServerStreamRequest(at, requestSerialize, responseDeserialize, {});
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      onEnd();
    };
    call.on('data', (message: object) => {
      if (!over) onMessage(message as T);
    });
    call.on('error', end);
    call.on('end', end);
    return () => {
      over = true;
      call.cancel();
    };
  }

  /** Keeps the connection up, and tells whether it is: now, and whenever that changes. */
  onConnection(callback: (connected: boolean) => void): void {
    const channel = this.client.getChannel();
    const look = (): void => {
      if (this.closed) return;
      const state = channel.getConnectivityState(true);
      callback(state === connectivityState.READY);
      channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
    };
    look();
  }

  close(): void {
    this.closed = true;
    this.client.close();
  }
}

/** As the gRPC library of Go prints an error, which is what users of Kubernetes know. */
function goWords(error: { code: number; details: string } | null): string {
  if (error === null) return 'no answer';
  const name = status[error.code] ?? 'UNKNOWN';
  const code = name.replace(
    /(^|_)([A-Z])([A-Z]*)/g,
    (_all, _bar, first: string, rest: string) => first + rest.toLowerCase(),
  );
  return `rpc error: code = ${code} desc = ${error.details}`;
}

export type Handlers = Readonly<Record<string, (request: object) => object | Promise<object>>>;

export interface SocketServer {
  close(): void;
}

/** Listens on a socket, which is made anew. */
export async function serveSocket(
  socket: string,
  services: readonly { readonly table: GrpcTable; readonly service: string; readonly handlers: Handlers }[],
): Promise<SocketServer> {
  await mkdir(path.dirname(socket), { recursive: true, mode: 0o750 });
  await rm(socket, { force: true });
  const server = new Server();
  for (const { table, service, handlers } of services) {
    const answers = Object.fromEntries(
      Object.entries(handlers).map(([name, handle]) => [
        name,
        (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => {
          Promise.resolve()
            .then(() => handle(call.request))
            .then(
              (answer) => done(null, answer),
              (error: unknown) => done({ code: status.UNKNOWN, details: messageOf(error) }),
            );
        },
      ]),
    );
    server.addService(methodsOf(table, service) as ServiceDefinition, answers);
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return { close: () => server.forceShutdown() };
}
