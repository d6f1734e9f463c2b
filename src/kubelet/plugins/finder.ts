// Finds plugins by the sockets that they make below the kubelet's directory, asks each who it is, and tells it whether it was taken.
// https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet/pluginmanager
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../host/clock.ts';
import { watchDirectory } from '../../host/watch.ts';
import { messageOf } from '../container/errors.ts';
import type { LogSink } from '../options.ts';
import { PLUGIN_REGISTRATION } from './facts.ts';

export interface FoundPlugin {
  readonly type: string;
  readonly name: string;
  readonly endpoint: string;
  readonly versions: readonly string[];
}

export interface PluginTaker {
  /** Throws, for the plugin to read, when it cannot be taken. */
  take(plugin: FoundPlugin): Promise<void>;
  leave(plugin: FoundPlugin): void;
}

interface PluginInfo {
  readonly type: string;
  readonly name: string;
  readonly endpoint: string;
  readonly supported_versions: readonly string[];
}

const RETRY_MS = [200, 500, 1_000, 2_000, 5_000];

export class PluginFinder {
  /** By the sockets' paths; a socket made anew is another. */
  private readonly known = new Map<string, { readonly made: number; plugin?: FoundPlugin }>();
  private stopWatching: () => void = () => undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly directory: string,
    private readonly taker: PluginTaker,
    private readonly deps: { readonly clock: Clock; readonly log: LogSink; readonly signal: AbortSignal },
  ) {}

  async start(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o750 });
    this.stopWatching = watchDirectory(this.directory, this.deps.clock, () => this.look());
    this.look();
  }

  stop(): void {
    this.stopWatching();
  }

  private look(): void {
    this.looking = this.looking
      .then(() => this.compare())
      .catch((error: unknown) => this.deps.log('warn', 'plugins', { error: messageOf(error) }));
  }

  private async compare(): Promise<void> {
    const there = new Map<string, number>();
    for (const name of await readdir(this.directory).catch(() => [])) {
      if (name.startsWith('.')) continue;
      const info = await stat(path.join(this.directory, name)).catch(() => undefined);
      if (info?.isSocket() === true) there.set(path.join(this.directory, name), info.ctimeMs);
    }
    for (const [socket, { made, plugin }] of this.known) {
      if (there.get(socket) === made) continue;
      this.known.delete(socket);
      if (plugin !== undefined) this.taker.leave(plugin);
    }
    for (const [socket, made] of there) {
      if (this.known.has(socket)) continue;
      this.known.set(socket, { made });
      void this.meet(socket, made);
    }
  }

  /** A plugin may make its socket before it listens, so it is asked more than once. */
  private async meet(socket: string, made: number): Promise<void> {
    const { clock, log, signal } = this.deps;
    for (const wait of RETRY_MS) {
      const entry = this.known.get(socket);
      if (entry?.made !== made || signal.aborted) return;
      try {
        const plugin = await this.introduce(socket);
        entry.plugin = plugin;
        return;
      } catch (error) {
        log('warn', 'plugin', { socket, error: messageOf(error) });
        await clock.sleep(wait, signal);
      }
    }
  }

  private async introduce(socket: string): Promise<FoundPlugin> {
    const { PluginClient } = await import('./sockets.ts');
    const client = new PluginClient(socket, PLUGIN_REGISTRATION, 'Registration');
    try {
      const info = await client.call<PluginInfo>('GetInfo', {}, 5_000);
      const endpoint = info.endpoint === '' ? socket : info.endpoint;
      const plugin = { type: info.type, name: info.name, endpoint, versions: info.supported_versions };
      let refusal = '';
      await this.taker.take(plugin).catch((error: unknown) => {
        refusal = messageOf(error);
      });
      await client.call('NotifyRegistrationStatus', { plugin_registered: refusal === '', error: refusal }, 5_000);
      if (refusal !== '') throw new Error(`registration of ${info.type} ${info.name}: ${refusal}`);
      return plugin;
    } finally {
      client.close();
    }
  }
}
