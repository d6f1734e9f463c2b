// The columns of `kubectl get pods`: readiness, the status that sums up all containers, restarts.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
import { ageColumn, column, nameColumn } from '../../checks/index.ts';
import { age } from '../../common/index.ts';
import type { Column } from '../../definition.ts';
import type { Container, ContainerStatus, Pod } from '../../generated/core-v1.ts';

/** What the containers of a pod add up to. */
interface Summary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

interface Tally {
  restarts: number;
  lastRestart: number;
}

function count(tally: Tally, status: ContainerStatus): void {
  tally.restarts += status.restartCount ?? 0;
  const finished = status.lastState?.terminated?.finishedAt;
  if (finished) tally.lastRestart = Math.max(tally.lastRestart, Date.parse(finished));
}

function shownRestarts(tally: Tally, now: Date): string {
  if (tally.restarts === 0 || tally.lastRestart === 0) return String(tally.restarts);
  return `${tally.restarts} (${age(new Date(tally.lastRestart).toISOString(), now)} ago)`;
}

function hasCondition(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
}

/** Of several conditions of one type the first counts. */
function firstIsTrue(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).find((c) => c.type === type)?.status === 'True';
}

function terminatedText(status: ContainerStatus): string {
  const terminated = status.state?.terminated;
  if (terminated === undefined) return '';
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

interface Initializing {
  readonly reason: string | undefined;
  readonly restarts: Tally;
  readonly sidecarRestarts: Tally;
  readonly readySidecars: number;
}

/** Looks at the init containers: the first that is not done gives the status. */
function initializing(pod: Pod, sidecars: ReadonlyMap<string, Container>): Initializing {
  const tally: Tally = { restarts: 0, lastRestart: 0 };
  const total = (pod.spec?.initContainers ?? []).length;
  let readySidecars = 0;
  let reason: string | undefined;
  const sidecarTally: Tally = { restarts: 0, lastRestart: 0 };
  for (const [i, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    count(tally, status);
    const isSidecar = sidecars.has(status.name);
    if (isSidecar) count(sidecarTally, status);
    if (status.state?.terminated !== undefined && (status.state.terminated.exitCode ?? 0) === 0) continue;
    if (isSidecar && status.started === true) {
      if (status.ready) readySidecars++;
      continue;
    }
    reason = initReason(status, i, total);
    break;
  }
  return { reason, restarts: tally, sidecarRestarts: sidecarTally, readySidecars };
}

function initReason(status: ContainerStatus, index: number, total: number): string {
  if (status.state?.terminated !== undefined) return `Init:${terminatedText(status)}`;
  const waiting = status.state?.waiting?.reason ?? '';
  if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
  return `Init:${index}/${total}`;
}

function summarize(pod: Pod, now: Date): Summary {
  const sidecars = new Map(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => [c.name, c]),
  );
  const total = (pod.spec?.containers ?? []).length + sidecars.size;
  let status = pod.status?.reason || (pod.status?.phase ?? '');
  if (isGated(pod)) status = 'SchedulingGated';
  const init = initializing(pod, sidecars);
  let tally = init.restarts;
  let ready = init.readySidecars;
  if (init.reason !== undefined) status = init.reason;
  if (init.reason === undefined || firstIsTrue(pod, 'Initialized')) {
    tally = init.sidecarRestarts;
    const running = sumContainers(pod, tally);
    ready += running.ready;
    status = running.status === '' ? status : running.status;
    if (status === 'Completed') status = whileSomeCompleted(pod, running);
  }
  if (pod.metadata.deletionTimestamp && pod.status?.reason === 'NodeLost') status = 'Unknown';
  else if (pod.metadata.deletionTimestamp && !isTerminal(pod.status?.phase)) status = 'Terminating';
  return { ready: `${ready}/${total}`, status, restarts: shownRestarts(tally, now) };
}

/** Some containers have ended well: what the others do decides. Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/printers/internalversion/printers.go */
function whileSomeCompleted(pod: Pod, { anyRunning, failure }: ContainerSum): string {
  if (anyRunning && hasCondition(pod, 'Ready')) return 'Running';
  if (failure !== '') return failure;
  return anyRunning ? 'NotReady' : 'Completed';
}

function isGated(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
}

function isTerminal(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

interface ContainerSum {
  readonly ready: number;
  readonly status: string;
  readonly anyRunning: boolean;
  /** What a container that failed has to say; '' when none did. */
  readonly failure: string;
}

/** Goes backwards, so that the first container with something to say has the last word. */
function sumContainers(pod: Pod, tally: Tally): ContainerSum {
  let ready = 0;
  let status = '';
  let failure = '';
  let anyRunning = false;
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    count(tally, container);
    if (container.state?.waiting?.reason) status = container.state.waiting.reason;
    else if (container.state?.terminated !== undefined) {
      status = terminatedText(container);
      if (container.state.terminated.exitCode) failure = status;
    } else if (container.ready && container.state?.running !== undefined) {
      anyRunning = true;
      ready++;
    }
  }
  return { ready, status, anyRunning, failure };
}

const summaries = new WeakMap<Pod, { readonly now: number; readonly summary: Summary }>();

/** One row asks three times for the same summary. */
function summaryOf(pod: Pod, now: Date): Summary {
  const known = summaries.get(pod);
  if (known !== undefined && known.now === now.getTime()) return known.summary;
  const summary = summarize(pod, now);
  summaries.set(pod, { now: now.getTime(), summary });
  return summary;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => firstIsTrue(pod, gate.conditionType)).length;
  return `${met}/${gates.length}`;
}

export const POD_COLUMNS: readonly Column<Pod>[] = [
  nameColumn<Pod>(),
  column<Pod>({
    name: 'Ready',
    description: 'The aggregate readiness state of this pod for accepting traffic.',
    cell: (pod, now) => summaryOf(pod, now).ready,
  }),
  column<Pod>({
    name: 'Status',
    description: 'The aggregate status of the containers in this pod.',
    cell: (pod, now) => summaryOf(pod, now).status,
  }),
  column<Pod>({
    name: 'Restarts',
    description:
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    cell: (pod, now) => summaryOf(pod, now).restarts,
  }),
  ageColumn<Pod>(),
  column<Pod>({
    name: 'IP',
    wide: true,
    description: ['core/v1', 'PodStatus', 'podIP'],
    cell: (pod) => pod.status?.podIPs?.[0]?.ip || '<none>',
  }),
  column<Pod>({
    name: 'Node',
    wide: true,
    description: ['core/v1', 'PodSpec', 'nodeName'],
    cell: (pod) => pod.spec?.nodeName || '<none>',
  }),
  column<Pod>({
    name: 'Nominated Node',
    wide: true,
    description: ['core/v1', 'PodStatus', 'nominatedNodeName'],
    cell: (pod) => pod.status?.nominatedNodeName || '<none>',
  }),
  column<Pod>({
    name: 'Readiness Gates',
    wide: true,
    description: ['core/v1', 'PodSpec', 'readinessGates'],
    cell: readinessGates,
  }),
];
