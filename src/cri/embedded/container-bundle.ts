// A container made ready to start: its root file system, mounts, devices and specification in a bundle, and the record of it.
import { join } from 'node:path';
import type { ContainerConfig } from '../port.ts';
import { injectCdiDevices } from './cdi.ts';
import { containerDevices, containerRoot, imageMounts, localSeccomp, prepareMounts } from './container-parts.ts';
import { containerCgroup, type RuntimeContext } from './context.ts';
import type { OpenedImage } from './images/index.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { signalName } from './signals.ts';
import { containerSpec, type SandboxFacts } from './spec/container-spec.ts';
import { type AccountFiles, chooseUser } from './spec/users.ts';

export interface BundleInput {
  readonly id: string;
  readonly sandbox: SandboxRecord;
  readonly facts: SandboxFacts;
  readonly config: ContainerConfig;
  readonly image: OpenedImage;
  readonly accounts: AccountFiles;
  /** Of the container whose processes it is to see. */
  readonly targetPid: number | undefined;
}

export interface Bundle {
  readonly record: ContainerRecord;
  /** The seccomp profile that crun will compile for it. */
  readonly missingFilter: string | undefined;
}

export async function prepareBundle(context: RuntimeContext, input: BundleInput): Promise<Bundle> {
  const { id, sandbox, facts, config, image, accounts, targetPid } = input;
  const directory = context.containers.path(id);
  const root = containerRoot(context, sandbox, { directory, image });
  const steps = [
    root,
    accounts.of(image.id, root),
    containerDevices(config),
    localSeccomp(config),
    context.apparmor.profileOf(config.security),
    imageMounts(context, sandbox, { id, config }),
    prepareMounts(config.mounts),
  ] as const;
  // All of them have to be over, also when one fails: who clears up must not race with a mount that is still under way.
  await Promise.allSettled(steps);
  const [rootfs, names, devices, seccomp, apparmorProfile, images] = await Promise.all(steps);
  const user = chooseUser(config.security, image.config.User ?? '', names);
  const plain = containerSpec({
    config,
    sandbox: sandbox.config,
    facts,
    host: context.host,
    image: image.config,
    rootfs,
    cgroupsPath: containerCgroup(context, sandbox, id),
    user,
    devices,
    imageMounts: images.mounts,
    ...(seccomp === undefined ? {} : { localSeccomp: seccomp }),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(targetPid === undefined ? {} : { targetPid }),
  });
  const wanted = config.cdiDevices ?? [];
  const spec = wanted.length === 0 ? plain : await injectCdiDevices(plain, wanted, context.cdiDirectories);
  const missingFilter = await context.oci.writeBundle(directory, spec);
  const record: ContainerRecord = {
    id,
    sandboxId: sandbox.id,
    config,
    createdAt: context.clock.now(),
    imageId: image.id,
    imageName: image.repoTags[0] ?? config.userImage,
    imageRef: image.repoDigests[0] ?? image.id,
    user: { uid: user.uid, gid: user.gid, supplementalGroups: user.additionalGids },
    stopSignal: signalName(config.stopSignal ?? image.config.StopSignal ?? 'SIGTERM'),
    logPath: join(sandbox.config.logDirectory, config.logPath),
    imageMounts: images.onHost,
    state: 'created',
    startedAt: 0,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    resources: config.resources,
  };
  return { record, missingFilter };
}
