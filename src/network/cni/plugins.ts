// Runs CNI plugins: one after the other for a list, each with what the one before it answered.
// https://www.cni.dev/docs/spec/#section-2-execution-protocol
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ProgramError, type RunOptions, type RunResult } from '../../host/programs.ts';
import type { NetworkList, PluginConfig } from './config.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** What a plugin may be told about one pod beyond its configuration, by capability. */
export type RuntimeConfig = Readonly<Record<string, unknown>>;

export interface Attachment {
  readonly containerId: string;
  /** Empty: the namespace is gone. */
  readonly netns: string;
  readonly ifName: string;
  readonly args: readonly (readonly [string, string])[];
  readonly runtimeConfig: RuntimeConfig;
}

/** What a plugin answered instead of a result. */
export class CniError extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message);
    this.name = 'CniError';
  }
}

export interface PluginHost {
  readonly binaries: readonly string[];
  readonly timeoutMs: number;
  readonly run: (name: string, args: readonly string[], options: RunOptions) => Promise<RunResult>;
}

function findPlugin(type: string, host: PluginHost): string {
  for (const directory of host.binaries) {
    const path = join(directory, type);
    if (existsSync(path)) return path;
  }
  throw new CniError(`failed to find plugin "${type}" in path [${host.binaries.join(' ')}]`, 999);
}

/** Keys of the list, and what of the runtime's knowledge the plugin has asked for. */
function pluginInput(
  list: NetworkList,
  plugin: PluginConfig,
  more: { runtimeConfig?: RuntimeConfig; prevResult?: unknown; extra?: Record<string, unknown> },
): string {
  const wanted = Object.entries(more.runtimeConfig ?? {}).filter(([key]) => plugin.capabilities?.[key] === true);
  return JSON.stringify({
    ...plugin,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }),
    ...(more.prevResult === undefined ? {} : { prevResult: more.prevResult }),
    ...more.extra,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function explain(command: CniCommand, plugin: PluginConfig, list: NetworkList, result: RunResult): CniError {
  const said = parse(result.stdout.toString());
  const fields = typeof said === 'object' && said !== null ? new Map(Object.entries(said)) : new Map<string, unknown>();
  const message = fields.get('msg');
  const details = fields.get('details');
  const words =
    typeof message === 'string' && message !== ''
      ? [message, ...(typeof details === 'string' && details !== '' ? [details] : [])].join('; ')
      : `exit code ${result.exitCode}: ${`${result.stdout.toString()} ${result.stderr.toString()}`.trim().slice(0, 500)}`;
  const about = `plugin type="${plugin.type}" name="${list.name}" failed (${command.toLowerCase()})`;
  return new CniError(`${about}: ${words}`, Number(fields.get('code') ?? 0));
}

export class PluginRunner {
  readonly #host: PluginHost;

  constructor(host: PluginHost) {
    this.#host = host;
  }

  async #call(
    command: CniCommand,
    plugin: PluginConfig,
    list: NetworkList,
    call: { stdin: string; attachment?: Attachment },
  ): Promise<unknown> {
    const { attachment } = call;
    const env: Record<string, string> = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      CNI_COMMAND: command,
      CNI_PATH: this.#host.binaries.join(':'),
      ...(attachment === undefined
        ? {}
        : {
            CNI_CONTAINERID: attachment.containerId,
            CNI_NETNS: attachment.netns,
            CNI_IFNAME: attachment.ifName,
            CNI_ARGS: attachment.args.map(([key, value]) => `${key}=${value}`).join(';'),
          }),
    };
    const path = findPlugin(plugin.type, this.#host);
    const options = { env, stdin: call.stdin, timeoutMs: this.#host.timeoutMs, allowFailure: true };
    const result = await this.#host.run(path, [], options).catch((error: unknown) => {
      const slow = error instanceof ProgramError && error.reason === 'timeout';
      const why = slow ? `no answer within ${this.#host.timeoutMs} ms` : String(error);
      throw new CniError(
        `plugin type="${plugin.type}" name="${list.name}" failed (${command.toLowerCase()}): ${why}`,
        11,
      );
    });
    if (result.exitCode !== 0) throw explain(command, plugin, list, result);
    const text = result.stdout.toString().trim();
    if (text === '') return undefined;
    const value = parse(text);
    if (value === undefined) throw explain(command, plugin, list, result);
    return value;
  }

  /** Answers the last plugin's result. What was made is taken back when one of them fails. */
  async add(list: NetworkList, attachment: Attachment): Promise<unknown> {
    let prevResult: unknown;
    try {
      for (const plugin of list.plugins) {
        const stdin = pluginInput(list, plugin, { runtimeConfig: attachment.runtimeConfig, prevResult });
        prevResult = await this.#call('ADD', plugin, list, { stdin, attachment });
      }
    } catch (error) {
      await this.del(list, attachment, undefined).catch(() => undefined);
      throw error;
    }
    return prevResult;
  }

  /** The last plugin first. Every one of them is asked, also when another fails. */
  async del(list: NetworkList, attachment: Attachment, prevResult: unknown): Promise<void> {
    const failures: unknown[] = [];
    for (const plugin of [...list.plugins].reverse()) {
      const more = list.cniVersion.startsWith('0.3') ? {} : { prevResult };
      const stdin = pluginInput(list, plugin, { runtimeConfig: attachment.runtimeConfig, ...more });
      await this.#call('DEL', plugin, list, { stdin, attachment }).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Whether the pod's network is as it was made; rejects when it is not. */
  async check(list: NetworkList, attachment: Attachment, prevResult: unknown): Promise<void> {
    if (list.disableCheck || list.cniVersion.startsWith('0.3')) return;
    for (const plugin of list.plugins) {
      const stdin = pluginInput(list, plugin, { runtimeConfig: attachment.runtimeConfig, prevResult });
      await this.#call('CHECK', plugin, list, { stdin, attachment });
    }
  }

  /** Tells the plugins which attachments there are, so that they drop the rest. */
  async collect(list: NetworkList, valid: readonly Pick<Attachment, 'containerId' | 'ifName'>[]): Promise<void> {
    if (list.disableGC || list.cniVersion !== '1.1.0') return;
    const extra = {
      'cni.dev/valid-attachments': valid.map((a) => ({ containerID: a.containerId, ifname: a.ifName })),
    };
    for (const plugin of list.plugins)
      await this.#call('GC', plugin, list, { stdin: pluginInput(list, plugin, { extra }) });
  }

  /** Whether the plugins can take pods; rejects when one cannot. */
  async status(list: NetworkList): Promise<void> {
    if (list.cniVersion !== '1.1.0') return;
    for (const plugin of list.plugins)
      await this.#call('STATUS', plugin, list, { stdin: pluginInput(list, plugin, {}) });
  }
}
