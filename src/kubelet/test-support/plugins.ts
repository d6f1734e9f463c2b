// Plugins for tests: a device plugin and a driver of claims that speak as genuine ones do.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import type { GrpcTable } from '../../machinery/grpc-table.ts';
import { DEVICE_PLUGIN, DRA_HEALTH, draPlugin, PLUGIN_REGISTRATION } from '../plugins/facts.ts';
import { methodsOf, PluginClient } from '../plugins/sockets.ts';

type Answer = (request: Readonly<Record<string, unknown>>) => object;

/** A server whose unary methods are functions; one that streams is given as it is. */
async function listen(
  socket: string,
  parts: readonly { table: GrpcTable; service: string; answers: Readonly<Record<string, Answer>>; stream?: object }[],
): Promise<Server> {
  await rm(socket, { force: true });
  const server = new Server();
  for (const { table, service, answers, stream } of parts) {
    const unary = Object.fromEntries(
      Object.entries(answers).map(([name, answer]) => [
        name,
        (call: { request: Record<string, unknown> }, done: (error: object | null, value?: object) => void) => {
          try {
            done(null, answer(call.request));
          } catch (error) {
            done({ code: status.UNKNOWN, details: (error as Error).message });
          }
        },
      ]),
    );
    server.addService(methodsOf(table, service) as ServiceDefinition, { ...unary, ...stream });
  }
  await new Promise<void>((resolve, reject) => {
    const done = (error: Error | null): void => (error === null ? resolve() : reject(error));
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), done);
  });
  return server;
}

export interface TestDevice {
  readonly ID: string;
  readonly health: string;
  readonly topology?: { readonly nodes: readonly { readonly ID: number }[] };
}

export interface TestHealth {
  readonly device: { readonly pool_name: string; readonly device_name: string };
  readonly health: number;
  readonly message?: string;
  readonly health_check_timeout_seconds?: number;
}

export class TestDevicePlugin {
  private server: Server | undefined;
  private readonly watchers = new Set<ServerWritableStream<object, object>>();
  readonly calls: { readonly method: string; readonly request: Readonly<Record<string, unknown>> }[] = [];
  readonly socket: string;

  constructor(
    private readonly directory: string,
    private readonly resource: string,
    private devices: readonly TestDevice[],
    private readonly grant: (ids: readonly string[]) => object,
  ) {
    this.socket = path.join(directory, 'test-plugin.sock');
  }

  private heard(method: string, answer: Answer): Answer {
    return (request) => {
      this.calls.push({ method, request });
      return answer(request);
    };
  }

  private get service(): Parameters<typeof listen>[1][number] {
    const lists = (request: Readonly<Record<string, unknown>>): Record<string, string[]>[] =>
      request.container_requests as Record<string, string[]>[];
    return {
      table: DEVICE_PLUGIN,
      service: 'DevicePlugin',
      answers: {
        GetDevicePluginOptions: () => ({ pre_start_required: true, get_preferred_allocation_available: true }),
        // The last ones are liked best.
        GetPreferredAllocation: this.heard('preferred', (request) => ({
          container_responses: lists(request).map((r) => ({
            deviceIDs: (r.available_deviceIDs ?? []).slice(-Number(r.allocation_size)),
          })),
        })),
        Allocate: this.heard('allocate', (request) => ({
          container_responses: lists(request).map((r) => this.grant(r.devices_ids ?? [])),
        })),
        PreStartContainer: this.heard('preStart', () => ({})),
      },
      stream: {
        ListAndWatch: (call: ServerWritableStream<object, object>) => {
          this.watchers.add(call);
          call.on('cancelled', () => this.watchers.delete(call));
          call.write({ devices: this.devices });
        },
      },
    };
  }

  /** Listens, and tells the kubelet at its socket. */
  async start(version = 'v1beta1'): Promise<void> {
    this.server = await listen(this.socket, [this.service]);
    const kubelet = new PluginClient(path.join(this.directory, 'kubelet.sock'), DEVICE_PLUGIN, 'Registration');
    try {
      await kubelet.call('Register', { version, endpoint: path.basename(this.socket), resource_name: this.resource });
    } finally {
      kubelet.close();
    }
  }

  tell(devices: readonly TestDevice[]): void {
    this.devices = devices;
    for (const call of this.watchers) call.write({ devices });
  }

  stop(): void {
    this.server?.forceShutdown();
  }
}

export class TestDriver {
  private server: Server | undefined;
  readonly prepared = new Set<string>();
  /** What the kubelet has said of the registration. */
  status: Readonly<Record<string, unknown>> | undefined;
  refusal = '';
  private readonly watchers = new Set<ServerWritableStream<object, object>>();
  private health: readonly TestHealth[] = [];

  constructor(
    private readonly socket: string,
    private readonly name: string,
    private readonly devices: (claim: { uid: string; name: string }) => object[],
  ) {}

  private each(
    request: Readonly<Record<string, unknown>>,
    answer: (claim: { uid: string; name: string }) => object,
  ): object {
    const claims = request.claims as { uid: string; name: string }[];
    return { claims: Object.fromEntries(claims.map((claim) => [claim.uid, answer(claim)])) };
  }

  async start(): Promise<void> {
    const { name } = this;
    this.server = await listen(this.socket, [
      {
        table: PLUGIN_REGISTRATION,
        service: 'Registration',
        answers: {
          GetInfo: () => ({ type: 'DRAPlugin', name, endpoint: '', supported_versions: ['v1.DRAPlugin'] }),
          NotifyRegistrationStatus: (request) => {
            this.status = request;
            return {};
          },
        },
      },
      {
        table: DRA_HEALTH,
        service: 'DRAResourceHealth',
        answers: {},
        stream: {
          NodeWatchResources: (call: ServerWritableStream<object, object>) => {
            this.watchers.add(call);
            call.on('cancelled', () => this.watchers.delete(call));
            if (this.health.length > 0) call.write({ devices: this.health });
          },
        },
      },
      {
        table: draPlugin('v1'),
        service: 'DRAPlugin',
        answers: {
          NodePrepareResources: (request) =>
            this.each(request, (claim) => {
              if (this.refusal !== '') return { error: this.refusal };
              this.prepared.add(claim.uid);
              return { devices: this.devices(claim) };
            }),
          NodeUnprepareResources: (request) =>
            this.each(request, (claim) => {
              this.prepared.delete(claim.uid);
              return {};
            }),
        },
      },
    ]);
  }

  /** Says how its devices are. */
  tell(...health: readonly TestHealth[]): void {
    this.health = health;
    for (const call of this.watchers) call.write({ devices: health });
  }

  async stop(): Promise<void> {
    this.watchers.clear();
    this.server?.forceShutdown();
    await rm(this.socket, { force: true });
  }
}
