// Starts one container: image, configuration, create, start, postStart hook, with the event of each step.
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerStatus, ImageInfo, PodSandboxConfig, PodSandboxStatus } from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import { microTime } from '../../machinery/time.ts';
import type { Pod, Secret } from '../../resources/generated/core-v1.ts';
import { containerConfig } from '../container/config.ts';
import { containerEnv, type VolumeFile } from '../container/env.ts';
import { configError, messageOf, StartError } from '../container/errors.ts';
import type { FieldContext } from '../container/fields.ts';
import { hookFailure, runHook } from '../container/hooks.ts';
import { hostsFile } from '../container/hosts.ts';
import { containerDevices, containerMounts } from '../container/mounts.ts';
import { checkNonRoot, containerSecurity } from '../container/security.ts';
import type { SayEvent } from '../images/manager.ts';
import type { ContainerExtras } from '../plugins/node-plugins.ts';
import {
  ANNOTATION,
  type ContainerRef,
  fieldPathOf,
  logPathOf,
  namesOf,
  type PodPaths,
  podText,
  specOf,
} from '../pod/identity.ts';
import { latest, type Observed, runsOf } from '../pod/observed.ts';
import { prepareLog } from '../server/log-file.ts';
import type { VolumeMap } from '../volumes/pod-volumes.ts';
import { openBelow } from '../volumes/safe-path.ts';
import type { WorkerDeps } from './deps.ts';
import type { Killer } from './killer.ts';

export interface StartInput {
  readonly pod: Pod;
  readonly ref: ContainerRef;
  readonly attempt: number;
  readonly sandbox: PodSandboxStatus;
  readonly sandboxConfig: PodSandboxConfig;
  readonly volumes: VolumeMap;
  readonly observed: Observed;
  readonly signal: AbortSignal;
  /** Called around the postStart hook: until it is over the container does not count as started. */
  readonly hold: (id: string, on: boolean) => void;
}

interface Images {
  readonly own: ImageInfo;
  /** Ids, by the volumes' names. */
  readonly volumes: ReadonlyMap<string, string>;
}

const MAX_FILE = 1024 * 1024;

export class Starter {
  private hostsFor = '';
  private readonly ownAnnotations: Readonly<Record<string, string>>;
  constructor(
    private readonly deps: WorkerDeps,
    private readonly paths: PodPaths,
    private readonly killer: Killer,
  ) {
    const seen = microTime(deps.clock.now());
    this.ownAnnotations = { [ANNOTATION.configSeen]: seen, [ANNOTATION.configSource]: 'api' };
  }

  private sayer(input: StartInput): SayEvent {
    const details = { fieldPath: fieldPathOf(input.ref) };
    return (type, reason, message) => this.deps.recorder.event(input.pod, type, reason, message, details);
  }

  fields(pod: Pod, sandbox: PodSandboxStatus | undefined): FieldContext {
    const node = this.deps.node();
    const podIps = specOf(pod).hostNetwork === true ? node.ips : (sandbox?.ips ?? []);
    const { ownAnnotations } = this;
    return { pod, podIps, hostIps: node.ips, allocatable: node.allocatable, ownAnnotations };
  }

  private async secrets(input: StartInput): Promise<readonly Secret[]> {
    const { namespace } = namesOf(input.pod);
    const names = (specOf(input.pod).imagePullSecrets ?? []).map((s) => s.name ?? '').filter((n) => n !== '');
    const out: Secret[] = [];
    const absent: string[] = [];
    for (const name of names) {
      try {
        out.push(await this.deps.objects.secret(namespace, name));
      } catch {
        absent.push(name);
      }
    }
    if (absent.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${absent.join(', ')}); attempting to pull the image may not succeed.`;
      this.deps.recorder.event(input.pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    return out;
  }

  /** The container's own image, and those that its volumes are made of. */
  private async images(input: StartInput): Promise<Images> {
    const { pod, ref, signal } = input;
    // Told also when nothing has to be pulled: the next image may want what is not there.
    const secrets = await this.secrets(input);
    const ensure = (image: string, policy: string, say: SayEvent): Promise<ImageInfo> =>
      this.deps.images.ensure({
        podUid: namesOf(pod).uid,
        image,
        policy,
        secrets: () => Promise.resolve(secrets),
        nodeAuths: () => this.deps.nodeAuths(image, pod),
        say,
        signal,
      });
    const volumes = new Map<string, string>();
    for (const mount of ref.spec.volumeMounts ?? []) {
      const image = input.volumes.get(mount.name)?.image;
      if (image === undefined || volumes.has(mount.name)) continue;
      // A volume is the pod's: its events name no container.
      const say: SayEvent = (type, reason, message) => this.deps.recorder.event(pod, type, reason, message);
      volumes.set(mount.name, (await ensure(image.reference, image.pullPolicy, say)).id);
    }
    return { own: await ensure(ref.spec.image ?? '', ref.spec.imagePullPolicy ?? '', this.sayer(input)), volumes };
  }

  private async hosts(input: StartInput): Promise<void> {
    if (this.hostsFor === input.sandbox.id) return;
    const hostNetwork = specOf(input.pod).hostNetwork === true;
    const text = hostsFile({
      pod: input.pod,
      podIps: input.sandbox.ips,
      clusterDomain: this.deps.dns().clusterDomain,
      hostFile: hostNetwork ? await this.deps.hostsFile() : '',
    });
    await mkdir(this.paths.root, { recursive: true, mode: 0o750 });
    await writeFile(this.paths.hosts, text, { mode: 0o644 });
    this.hostsFor = input.sandbox.id;
  }

  private async readVolumeFile(input: StartInput, volume: string, file: string): Promise<VolumeFile | undefined> {
    const mounted = input.volumes.get(volume);
    if (mounted === undefined) return undefined;
    return { path: path.join(mounted.hostPath, file), text: () => this.textBelow(mounted.hostPath, file) };
  }

  private async textBelow(dir: string, file: string): Promise<string> {
    const opened = await openBelow(dir, file, { create: false });
    try {
      const handle = await open(opened.path, 'r');
      try {
        if ((await handle.stat()).size > MAX_FILE) throw new Error(`${file} is larger than 1 MiB`);
        return await handle.readFile('utf8');
      } finally {
        await handle.close();
      }
    } finally {
      await opened.close();
    }
  }

  private targetId(input: StartInput): string | undefined {
    const name = 'targetContainerName' in input.ref.spec ? (input.ref.spec.targetContainerName ?? '') : '';
    if (name === '') return undefined;
    const target = latest(input.observed, name);
    if (target === undefined) throw configError(`unable to find target container ${name}`);
    return target.id;
  }

  private async create(input: StartInput, { own: image, volumes: imageIds }: Images): Promise<string> {
    const { pod, ref, attempt } = input;
    const env = await containerEnv({
      container: ref.spec,
      fields: this.fields(pod, input.sandbox),
      objects: this.deps.objects,
      services: this.deps.services(),
      readFile: (volume, file) => this.readVolumeFile(input, volume, file),
    });
    const targetId = this.targetId(input);
    const seccompDir = path.join(this.deps.rootDir, 'seccomp');
    const about = { pod, ref, image, fsGroups: [], seccompDir, ...(targetId === undefined ? {} : { targetId }) };
    checkNonRoot(about);
    await this.hosts(input);
    const mounts = await containerMounts({
      ref,
      env,
      volumes: input.volumes,
      paths: this.paths,
      port: this.deps.mounts,
      imageIds,
      log: this.deps.log,
    });
    const devices = containerDevices({ ref, volumes: input.volumes });
    const extras = await this.extras(input);
    const node = this.deps.node();
    const { memoryCapacity, unifiedCgroups } = node;
    const resources = { memoryCapacity, unifiedCgroups, podPidsLimit: this.deps.podPidsLimit };
    const security = containerSecurity(about);
    const config = containerConfig({ pod, ref, attempt, image, env, mounts, devices, extras, security, resources });
    try {
      await prepareLog(path.join(this.paths.logs, logPathOf(ref.spec.name, attempt)));
      return await this.deps.runtime.createContainer(input.sandbox.id, config, input.sandboxConfig);
    } catch (error) {
      throw new StartError('CreateContainerError', messageOf(error), error);
    }
  }

  /** What plugins of devices have for the container. */
  private async extras({ pod, ref }: StartInput): Promise<ContainerExtras> {
    try {
      return await this.deps.plugins.extras(pod, ref.spec);
    } catch (error) {
      // The kubelet of Kubernetes tells it as an error of the container's making.
      throw new StartError('CreateContainerConfigError', messageOf(error), error);
    }
  }

  /** Keeps the run before this one, for `lastState` and `kubectl logs --previous`. */
  private async prune(input: StartInput): Promise<void> {
    const { uid } = namesOf(input.pod);
    for (const old of runsOf(input.observed, input.ref.spec.name).slice(1)) await this.remove(uid, old);
  }

  async remove(podUid: string, status: ContainerStatus): Promise<void> {
    await this.deps.runtime.removeContainer(status.id);
    this.deps.cache.forget(podUid, status.id);
    const log = path.join(this.paths.logs, logPathOf(status.name, status.attempt));
    await rm(log, { force: true });
  }

  /** Throws a StartError; resolves with the container's id when it runs. */
  async start(input: StartInput): Promise<string> {
    const say = this.sayer(input);
    const { uid } = namesOf(input.pod);
    const images = await this.images(input);
    await this.prune(input);
    const id = await this.create(input, images);
    const name = input.ref.spec.name;
    say('Normal', 'Created', `Created container: ${name}`);
    const hook = input.ref.spec.lifecycle?.postStart;
    if (hook !== undefined) input.hold(id, true);
    try {
      await this.deps.runtime.startContainer(id);
    } catch (error) {
      input.hold(id, false);
      await this.deps.cache.refreshContainer(uid, id).catch(() => undefined);
      const kind =
        error instanceof RuntimeError && error.kind === 'create-container' ? 'CreateContainerError' : undefined;
      throw new StartError(kind ?? 'RunContainerError', messageOf(error), error);
    }
    await this.deps.cache.refreshContainer(uid, id);
    say('Normal', 'Started', `Started container ${name}`);
    if (hook !== undefined) await this.postStart(input, id);
    return id;
  }

  private async postStart(input: StartInput, id: string): Promise<void> {
    const hook = input.ref.spec.lifecycle?.postStart;
    if (hook === undefined) return;
    const target = {
      containerId: id,
      container: input.ref.spec,
      podIp: this.fields(input.pod, input.sandbox).podIps[0] ?? '',
      reach: this.deps.reach,
      exec: this.deps.runtime.execSync.bind(this.deps.runtime),
    };
    const left = new Promise<void>((resolve) => {
      if (input.signal.aborted) resolve();
      input.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      const running = runHook(hook, target, { clock: this.deps.clock, timeoutMs: 0, signal: input.signal });
      await Promise.race([running, left]);
    } catch (error) {
      this.sayer(input)('Warning', 'FailedPostStartHook', 'PostStartHook failed');
      this.deps.log('info', 'postStart hook failed', { container: input.ref.spec.name, error: messageOf(error) });
      const status = latest(this.deps.cache.observed(namesOf(input.pod).uid), input.ref.spec.name);
      const victim = status?.id === id ? { ref: input.ref, status } : undefined;
      if (victim?.status.state === 'exited') this.sayer(input)('Normal', 'Killing', 'FailedPostStartHook');
      else if (victim !== undefined) await this.killer.kill(victim, { message: 'FailedPostStartHook' });
      const about = `Container "${input.ref.spec.name}" in Pod "${podText(input.pod)}"`;
      throw new StartError('PostStartHookError', hookFailure(hook, about, error), error);
    } finally {
      input.hold(id, false);
    }
  }
}
