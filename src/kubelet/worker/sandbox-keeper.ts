// Makes a pod's sandbox, and makes it anew when it is gone.
import type { PodSandboxConfig, PodSandboxStatus } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { sandboxConfig } from '../container/config.ts';
import { asRpcError, messageOf } from '../container/errors.ts';
import { omittedFromResolver } from '../container/hosts.ts';
import { namesOf, type PodPaths } from '../pod/identity.ts';
import type { WorkerDeps } from './deps.ts';

const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
const LAST_RETRY_MS = 10_000;

export class SandboxKeeper {
  private config: PodSandboxConfig | undefined;
  private failures = 0;
  private retryAt = 0;

  constructor(
    private readonly deps: WorkerDeps,
    private readonly paths: PodPaths,
    private readonly say: (type: 'Normal' | 'Warning', reason: string, message: string) => void,
  ) {}

  /** When to try again, if it has to be. */
  get wakeAt(): number | undefined {
    return this.retryAt > this.deps.clock.now() ? this.retryAt : undefined;
  }

  private async make(pod: Pod, attempt: number): Promise<PodSandboxConfig> {
    const node = this.deps.node();
    const runtimeHandler = await this.deps.runtimeHandler(pod);
    const userNamespace = this.deps.userNamespace(pod, runtimeHandler);
    return sandboxConfig({
      pod,
      attempt,
      paths: this.paths,
      dns: this.deps.dns(),
      resources: { memoryCapacity: node.memoryCapacity, podPidsLimit: this.deps.podPidsLimit },
      runtimeHandler,
      ...(userNamespace === undefined ? {} : { userNamespace }),
    });
  }

  /** The configuration that the running sandbox was made with, or would be: after a restart of this process it is put together again. */
  async configOf(pod: Pod, sandbox: PodSandboxStatus): Promise<PodSandboxConfig> {
    this.config ??= await this.make(pod, sandbox.attempt);
    return this.config;
  }

  /** False when it has to wait, or failed. */
  async create(pod: Pod, attempt: number): Promise<boolean> {
    const now = this.deps.clock.now();
    if (now < this.retryAt) return false;
    if (attempt > 0 && this.failures === 0) {
      this.say('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    }
    if (!(await this.hasDevices(pod))) return false;
    try {
      this.config = await this.make(pod, attempt);
      for (const text of omittedFromResolver(pod, this.deps.dns())) this.say('Warning', 'DNSConfigForming', text);
      const id = await this.deps.runtime.runPodSandbox(this.config).catch((error: unknown) => {
        throw new Error(asRpcError(messageOf(error)), { cause: error });
      });
      await this.deps.cache.refreshSandbox(namesOf(pod).uid, id);
      this.failures = 0;
      return true;
    } catch (error) {
      this.failed('FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
      return false;
    }
  }

  private failed(reason: string, message: string): void {
    this.retryAt = this.deps.clock.now() + (RETRY_MS[this.failures++] ?? LAST_RETRY_MS);
    this.say('Warning', reason, message);
  }

  private async hasDevices(pod: Pod): Promise<boolean> {
    if ((pod.spec?.resourceClaims ?? []).length === 0) return true;
    try {
      await this.deps.prepareDevices(pod);
      return true;
    } catch (error) {
      const message = `Failed to prepare dynamic resources: prepare dynamic resources: ${messageOf(error)}`;
      this.failed('FailedPrepareDynamicResources', message);
      return false;
    }
  }
}
