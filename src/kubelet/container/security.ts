// Pod and container security contexts as one set of Linux settings.
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/

import path from 'node:path';
import type { ImageInfo, LinuxSecurity, NamespaceMode } from '../../cri/port.ts';
import { nearest } from '../../machinery/int64.ts';
import type { Pod, PodSecurityContext, SeccompProfile, SecurityContext } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, podText, specOf } from '../pod/identity.ts';
import { configError } from './errors.ts';

type Seccomp = NonNullable<LinuxSecurity['seccomp']>;
type AppArmor = NonNullable<LinuxSecurity['apparmor']>;

/** Profiles of the node lie below the kubelet's own directory. https://kubernetes.io/docs/tutorials/security/seccomp/ */
function seccompOf(profile: SeccompProfile | undefined, directory: string): Seccomp | undefined {
  if (profile === undefined) return undefined;
  if (profile.type === 'Localhost') {
    const { localhostProfile: name = '' } = profile;
    return { type: 'Localhost', ...(name === '' ? {} : { localhostPath: path.join(directory, name) }) };
  }
  return { type: profile.type === 'RuntimeDefault' ? 'RuntimeDefault' : 'Unconfined' };
}

function apparmorOf(pod: Pod, ref: ContainerRef): AppArmor | undefined {
  const profile = ref.spec.securityContext?.appArmorProfile ?? specOf(pod).securityContext?.appArmorProfile;
  if (profile === undefined) return undefined;
  if (profile.type === 'Localhost') {
    return { type: 'Localhost', ...(profile.localhostProfile ? { localhostProfile: profile.localhostProfile } : {}) };
  }
  return { type: profile.type === 'RuntimeDefault' ? 'RuntimeDefault' : 'Unconfined' };
}

export function pidMode(pod: Pod): NamespaceMode {
  const spec = specOf(pod);
  if (spec.hostPID === true) return 'node';
  return spec.shareProcessNamespace === true ? 'pod' : 'container';
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/ : no_new_privs goes with allowPrivilegeEscalation=false. */
function noNewPrivs(context: SecurityContext | undefined): boolean {
  if (context?.allowPrivilegeEscalation === undefined) return false;
  return !context.allowPrivilegeEscalation;
}

export interface SecurityInput {
  readonly pod: Pod;
  readonly ref: ContainerRef;
  readonly image: Pick<ImageInfo, 'uid' | 'username'>;
  /** The container whose processes an ephemeral container joins. */
  readonly targetId?: string;
  readonly fsGroups: readonly number[];
  /** Where the node's seccomp profiles are. */
  readonly seccompDir: string;
}

/** Throws what Kubernetes says when a container that must not be root would be. */
export function checkNonRoot(input: SecurityInput): void {
  const own = input.ref.spec.securityContext;
  const shared = specOf(input.pod).securityContext;
  if ((own?.runAsNonRoot ?? shared?.runAsNonRoot) !== true) return;
  const user = own?.runAsUser ?? shared?.runAsUser;
  const about = `(pod: "${podText(input.pod)}", container: ${input.ref.spec.name})`;
  if (user !== undefined) {
    if (user === 0) throw configError(`container's runAsUser breaks non-root policy ${about}`);
    return;
  }
  const { uid, username } = input.image;
  if (uid === 0 || (uid === undefined && (username === undefined || username === ''))) {
    throw configError(`container has runAsNonRoot and image will run as root ${about}`);
  }
  if (uid === undefined) {
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${username ?? ''}), cannot verify user is non-root ${about}`,
    );
  }
}

function userOf(input: SecurityInput): Pick<LinuxSecurity, 'runAsUser' | 'runAsUsername' | 'runAsGroup'> {
  const own = input.ref.spec.securityContext;
  const shared = specOf(input.pod).securityContext;
  const runAsUser = nearest(own?.runAsUser ?? shared?.runAsUser ?? input.image.uid);
  const runAsGroup = nearest(own?.runAsGroup ?? shared?.runAsGroup);
  const group = runAsGroup === undefined ? {} : { runAsGroup };
  if (runAsUser !== undefined) return { runAsUser, ...group };
  const { username } = input.image;
  return username === undefined || username === '' ? group : { runAsUsername: username, ...group };
}

function masks(own: SecurityContext | undefined): Pick<LinuxSecurity, 'maskedPaths' | 'readonlyPaths'> {
  if (own?.procMount === 'Unmasked' || own?.privileged === true) return { maskedPaths: [], readonlyPaths: [] };
  return {};
}

/** Those of all containers of a pod. */
function sharedGroups(shared: PodSecurityContext | undefined): number[] {
  const { fsGroup, supplementalGroups = [] } = shared ?? {};
  return [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])].map((group) => nearest(group));
}

export function containerSecurity(input: SecurityInput): LinuxSecurity {
  const own = input.ref.spec.securityContext;
  const shared = specOf(input.pod).securityContext;
  const seccomp = seccompOf(own?.seccompProfile ?? shared?.seccompProfile, input.seccompDir);
  const apparmor = apparmorOf(input.pod, input.ref);
  const selinux = own?.seLinuxOptions ?? shared?.seLinuxOptions;
  const groups = [...sharedGroups(shared), ...input.fsGroups];
  const policy = shared?.supplementalGroupsPolicy;
  return {
    privileged: own?.privileged === true,
    ...userOf(input),
    supplementalGroups: [...new Set(groups)],
    ...(policy === 'Strict' || policy === 'Merge' ? { supplementalGroupsPolicy: policy } : {}),
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    noNewPrivs: noNewPrivs(own),
    ...(own?.capabilities === undefined
      ? {}
      : { capabilities: { add: own.capabilities.add ?? [], drop: own.capabilities.drop ?? [] } }),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(apparmor === undefined ? {} : { apparmor }),
    ...(selinux === undefined ? {} : { selinux }),
    ...masks(own),
    pidMode: input.targetId === undefined ? pidMode(input.pod) : 'target',
    ...(input.targetId === undefined ? {} : { targetContainerId: input.targetId }),
  };
}

/** The sandbox's own settings: the pause process needs little. */
export function sandboxSecurity(pod: Pod): LinuxSecurity {
  const shared = specOf(pod).securityContext;
  const privileged = [...(specOf(pod).initContainers ?? []), ...specOf(pod).containers].some(
    (c) => c.securityContext?.privileged === true,
  );
  return {
    privileged,
    ...(shared?.runAsUser === undefined ? {} : { runAsUser: nearest(shared.runAsUser) }),
    ...(shared?.runAsGroup === undefined ? {} : { runAsGroup: nearest(shared.runAsGroup) }),
    supplementalGroups: sharedGroups(shared),
    readonlyRootfs: true,
    noNewPrivs: false,
    seccomp: { type: 'RuntimeDefault' },
    ...(shared?.seLinuxOptions === undefined ? {} : { selinux: shared.seLinuxOptions }),
    pidMode: pidMode(pod),
  };
}
