// A runtime under test with what its tests need: pods and containers to start, and their logs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerConfig, ContainerStatus, PodSandboxConfig, RuntimeService } from '../port.ts';
import { containerConfig, podConfig } from '../test-configs.ts';
import type { RuntimeUnderTest } from './options.ts';

export class Bench {
  runtime: RuntimeService;
  readonly image: string;
  readonly logs: string;
  readonly sandboxes: string[] = [];
  #serial = 0;

  constructor(under: RuntimeUnderTest, logs: string) {
    this.runtime = under.runtime;
    this.image = under.image;
    this.logs = logs;
  }

  sandboxConfig(over: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
    this.#serial += 1;
    const name = `pod-${process.pid}-${this.#serial}`;
    return podConfig(name, {
      uid: `uid-${name}`,
      logDirectory: join(this.logs, name),
      dns: { servers: ['192.0.2.53'], searches: ['example.test'], options: ['ndots:5'] },
      labels: { app: name },
      annotations: { note: 'kept' },
      ...over,
    });
  }

  containerConfig(command: readonly string[], over: Partial<ContainerConfig> = {}): ContainerConfig {
    const name = over.name ?? 'main';
    return containerConfig(this.image, command, { name, labels: { role: name }, ...over });
  }

  async sandbox(over: Partial<PodSandboxConfig> = {}): Promise<{ id: string; config: PodSandboxConfig }> {
    const config = this.sandboxConfig(over);
    const id = await this.runtime.runPodSandbox(config);
    this.sandboxes.push(id);
    return { id, config };
  }

  async start(
    pod: { id: string; config: PodSandboxConfig },
    command: readonly string[],
    over: Partial<ContainerConfig> = {},
  ): Promise<string> {
    const id = await this.runtime.createContainer(pod.id, this.containerConfig(command, over), pod.config);
    await this.runtime.startContainer(id);
    return id;
  }

  async exited(id: string, timeoutMs = 10_000): Promise<ContainerStatus> {
    for (const begun = Date.now(); Date.now() - begun < timeoutMs; ) {
      const status = await this.runtime.containerStatus(id);
      if (status.state === 'exited') return status;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`container ${id} did not end in ${timeoutMs} ms`);
  }

  /** Runs a shell line to its end and answers what it said. */
  async shell(
    line: string,
    over: Partial<ContainerConfig> = {},
    pod?: { id: string; config: PodSandboxConfig },
  ): Promise<{ out: string; status: ContainerStatus }> {
    const where = pod ?? (await this.sandbox());
    const id = await this.start(where, ['sh', '-c', line], over);
    const status = await this.exited(id);
    return { out: logText(await readFile(status.logPath, 'utf8')), status };
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.sandboxes.splice(0).map((id) => this.runtime.removePodSandbox(id)));
  }
}

/** The text of a log in the CRI's format, without times and streams. */
function logText(log: string): string {
  let out = '';
  for (const line of log.split('\n')) {
    const match = /^\S+ (?:stdout|stderr) ([FP]) (.*)$/.exec(line);
    if (match !== null) out += `${match[2]}${match[1] === 'F' ? '\n' : ''}`;
  }
  return out;
}
