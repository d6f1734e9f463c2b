// The pure core of status: what the API should say of a pod, given what runs.
import { rfc3339 } from '../../machinery/time.ts';
import type {
  Container,
  ContainerStatus,
  Pod,
  PodStatus,
  ResourceRequirements,
  ResourceStatus,
} from '../../resources/generated/core-v1.ts';
import { qosClass } from '../container/amounts.ts';
import {
  allContainers,
  appContainers,
  type ContainerRef,
  ephemeralContainers,
  initContainers,
  specOf,
} from '../pod/identity.ts';
import { currentSandbox, latest, type Observed, runsOf } from '../pod/observed.ts';
import { triedAgain } from '../pod/restart.ts';
import { type ConditionInput, conditionsOf, OWN_CONDITIONS, stamped } from './conditions.ts';
import { containerStatus, type ProbeView, type Waiting } from './containers.ts';
import { endedApp, endedInit } from './ended.ts';
import { phaseByStates, phaseOf } from './phase.ts';

/** Why the kubelet ended a pod. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
  /** It went over a limit of its own: no disruption by the node. */
  readonly ownLimit?: boolean;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly observed: Observed;
  readonly now: number;
  readonly hostIps: readonly string[];
  readonly runtimeName: string;
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly probes: ProbeView;
  /** Termination messages by container id. */
  readonly messages: ReadonlyMap<string, string>;
  /** Runs, by id, whose postStart hook is not over. */
  readonly held: ReadonlySet<string>;
  /** Runs, by id, that others are about to take the place of. */
  readonly replaced: ReadonlySet<string>;
  /** All is over: the phase is Succeeded or Failed. */
  readonly terminal: boolean;
  /** Set when the kubelet itself ended or refused the pod. */
  readonly verdict?: Verdict;
  readonly startedAt: number;
  readonly resize?: ConditionInput['resize'];
  /** Resources of the pod as a whole. */
  readonly whole?: Pick<PodStatus, 'allocatedResources' | 'resources'>;
  /** What running containers were given, by name, while it may differ from the spec. */
  readonly inForce?: ReadonlyMap<string, ResourceRequirements>;
  /** Containers whose runs were removed so that all start over, and the attempt that follows. */
  readonly removed?: ReadonlyMap<string, number>;
  readonly restartingAll?: boolean;
  /** How the devices that a container holds are. */
  readonly allocated?: (container: Container) => readonly ResourceStatus[];
}

/** Why a container does not run: unless it has ended and is not to run again, then its end says all. */
function waitingOf(input: StatusInput, ref: ContainerRef): Waiting | undefined {
  const run = latest(input.observed, ref.spec.name);
  const waiting = input.waiting.get(ref.spec.name);
  if (run?.state !== 'exited' || input.restartingAll === true) return waiting;
  return triedAgain(input.pod, ref, run.exitCode) ? waiting : undefined;
}

/** All last words of a pod, in bytes: its containers share them evenly. https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
const MAX_POD_MESSAGES = 12 * 1024;

function byName(statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return [...statuses].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function one(input: StatusInput, ref: ContainerRef, idle: string): ContainerStatus {
  const old = input.pod.status;
  const before = [
    ...(old?.initContainerStatuses ?? []),
    ...(old?.containerStatuses ?? []),
    ...(old?.ephemeralContainerStatuses ?? []),
  ].find((s) => s.name === ref.spec.name);
  return containerStatus({
    ref,
    runs: runsOf(input.observed, ref.spec.name),
    waiting: waitingOf(input, ref),
    idle,
    runtimeName: input.runtimeName,
    probes: input.probes,
    messages: input.messages,
    maxMessage: Math.floor(MAX_POD_MESSAGES / allContainers(input.pod).length),
    held: input.held,
    replaced: input.replaced,
    deleted: input.pod.metadata.deletionTimestamp !== undefined,
    lost: input.terminal,
    before,
    inForce: input.inForce?.get(ref.spec.name),
    removed: input.removed?.get(ref.spec.name),
  });
}

function addresses(input: StatusInput): Pick<PodStatus, 'hostIP' | 'hostIPs' | 'podIP' | 'podIPs'> {
  const out: Pick<PodStatus, 'hostIP' | 'hostIPs' | 'podIP' | 'podIPs'> = {};
  const [hostIp] = input.hostIps;
  if (hostIp !== undefined) {
    out.hostIP = hostIp;
    out.hostIPs = input.hostIps.map((ip) => ({ ip }));
  }
  const sandbox = currentSandbox(input.observed);
  if (sandbox?.state !== 'ready') return out;
  const ips = specOf(input.pod).hostNetwork === true ? input.hostIps : sandbox.ips;
  const [ip] = ips;
  if (ip === undefined) return out;
  out.podIP = ip;
  out.podIPs = ips.map((address) => ({ ip: address }));
  return out;
}

/** Kubernetes tells this of app containers only. */
function withDevices(input: StatusInput, { spec }: ContainerRef, status: ContainerStatus): ContainerStatus {
  const held = input.allocated?.(spec as Container) ?? [];
  return held.length === 0 ? status : { ...status, allocatedResourcesStatus: [...held] };
}

/** Ends that are not the pod's own doing. https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
const DISRUPTIONS: ReadonlySet<string> = new Set(['Evicted', 'Terminated']);

export function computeStatus(input: StatusInput): PodStatus {
  const { pod } = input;
  // Also when the init containers are done: of an app container that has not been seen yet no more is known.
  const idle = initContainers(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const init = initContainers(pod).map((ref) => one(input, ref, 'PodInitializing'));
  const app = appContainers(pod).map((ref) => withDevices(input, ref, one(input, ref, idle)));
  const states = { pod, init, app, terminal: input.terminal };
  const ephemeral = ephemeralContainers(pod).map((ref) => one(input, ref, 'ContainerCreating'));
  const verdict = input.verdict;
  const judged = verdict !== undefined && input.terminal;
  const phase = judged ? 'Failed' : phaseOf(states);
  const ips = addresses(input);
  const old = pod.status?.conditions ?? [];
  const others = old.filter((c) => !OWN_CONDITIONS.has(c.type));
  const made = [
    ...conditionsOf({
      pod,
      phase: judged ? 'Failed' : phaseByStates(states),
      init,
      app,
      sandboxReady: ips.podIP !== undefined,
      others,
      restartingAll: input.restartingAll === true,
      resize: input.resize ?? [],
    }),
  ];
  const generation = pod.metadata.generation;
  const disrupted = verdict !== undefined && verdict.ownLimit !== true && DISRUPTIONS.has(verdict.reason);
  const target = { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' };
  if (disrupted) made.push({ ...target, message: verdict.message });
  const conditions = stamped(made, old, { now: rfc3339(input.now), generation });
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: [...conditions, ...others.filter((o) => !conditions.some((c) => c.type === o.type))],
    ...(verdict === undefined ? {} : { reason: verdict.reason, message: verdict.message }),
    ...ips,
    startTime: pod.status?.startTime ?? rfc3339(input.startedAt),
    ...(init.length === 0 ? {} : { initContainerStatuses: input.terminal ? endedInit(init) : init }),
    containerStatuses: byName(input.terminal ? endedApp(pod, init, app) : app),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    ...input.whole,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: byName(ephemeral) }),
  };
}

/** A refused pod: no container was ever looked at, and of the kubelet's own conditions none is said. */
export function refusedStatus(pod: Pod, verdict: { reason: string; message: string }, now: number): PodStatus {
  const generation = pod.metadata.generation;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Failed',
    reason: verdict.reason,
    message: verdict.message,
    startTime: pod.status?.startTime ?? rfc3339(now),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    conditions: (pod.status?.conditions ?? []).filter((c) => !OWN_CONDITIONS.has(c.type)),
  };
}
