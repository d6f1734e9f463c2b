// The failures that beginners meet most, each told by what Kubernetes itself shows. The first rule that fits is the answer.
import { parseImageReference } from '../../machinery/image-reference.ts';
import { type ContainerView, eventOf, type PodView, waiting } from './view.ts';

/** What fills the words of an answer. */
export type Facts = Readonly<Record<string, string>>;

export interface Rule {
  readonly id: RuleId;
  find(view: PodView): Facts | undefined;
}

export type RuleId =
  | 'image-name-invalid'
  | 'image-local-latest'
  | 'image-never'
  | 'image-not-found'
  | 'image-no-access'
  | 'image-unreachable'
  | 'image-failed'
  | 'configmap-missing'
  | 'secret-missing'
  | 'key-missing'
  | 'run-as-root'
  | 'config-error'
  | 'volume-source-missing'
  | 'volume-failed'
  | 'init-failed'
  | 'command-not-found'
  | 'out-of-memory'
  | 'liveness-kills'
  | 'startup-kills'
  | 'ends-at-once'
  | 'crashes'
  | 'no-fitting-node'
  | 'too-little-room'
  | 'tainted'
  | 'port-taken'
  | 'claim-missing'
  | 'unschedulable'
  | 'node-missing'
  | 'readiness-fails'
  | 'evicted'
  | 'too-late'
  | 'failed'
  | 'held-by-finalizer'
  | 'ending'
  | 'pulling'
  | 'starting'
  | 'succeeded'
  | 'well';

const PULL = ['ErrImagePull', 'ImagePullBackOff'];

function pullProblem(view: PodView, message: RegExp): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined) return undefined;
  const said = container.status?.state?.waiting?.message ?? '';
  const event = eventOf(view, 'Failed', /Failed to pull image/) ?? '';
  return message.test(`${said}\n${event}`) ? imageFacts(container, view) : undefined;
}

function imageFacts(container: ContainerView, view: PodView): Facts {
  const image = container.spec.image ?? '';
  const reference = parseImageReference(image);
  return {
    container: container.name,
    image,
    registry: reference?.registry ?? '',
    repository: reference?.repository.replace(/^library\//, '') ?? image,
    pod: view.name,
  };
}

function localLatest(view: PodView): Facts | undefined {
  const container = waiting(view, PULL);
  if (container === undefined) return undefined;
  const reference = parseImageReference(container.spec.image ?? '');
  const policy = container.spec.imagePullPolicy;
  if (reference === undefined || reference.tag !== 'latest' || policy !== 'Always') return undefined;
  const local = view.images.has(`${reference.registry}/${reference.repository}:latest`);
  // A name without a slash that no registry has is what people build themselves.
  const own =
    !(container.spec.image ?? '').includes('/') &&
    /not found|no such host|denied|refused/.test(eventOf(view, 'Failed', /Failed to pull/) ?? '');
  return local || own ? imageFacts(container, view) : undefined;
}

function missing(view: PodView, kind: 'configmap' | 'secret'): Facts | undefined {
  const container = waiting(view, ['CreateContainerConfigError'], new RegExp(`${kind} "?[^"]+"? not found`));
  if (container === undefined) return undefined;
  const message = container.status?.state?.waiting?.message ?? '';
  return {
    container: container.name,
    name: new RegExp(`${kind} "?([^" ]+)"? not found`).exec(message)?.[1] ?? '',
    pod: view.name,
  };
}

const lastEnd = (c: ContainerView) => c.status?.state?.terminated ?? c.status?.lastState?.terminated;
const looping = (c: ContainerView) =>
  c.status?.state?.waiting?.reason === 'CrashLoopBackOff' || (c.status?.restartCount ?? 0) > 0;

function schedulerSays(view: PodView, message: RegExp): Facts | undefined {
  if ((view.pod.spec?.nodeName ?? '') !== '') return undefined;
  const condition = view.pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  const said = condition?.message ?? eventOf(view, 'FailedScheduling') ?? '';
  if (!message.test(said)) return undefined;
  const selector = Object.entries(view.pod.spec?.nodeSelector ?? {}).map(([k, v]) => `${k}=${v}`);
  const ports = (view.pod.spec?.containers ?? [])
    .flatMap((c) => (c.ports ?? []).map((p) => p.hostPort))
    .filter((p) => p !== undefined);
  return {
    pod: view.name,
    message: said,
    selector: selector.join(','),
    port: ports.join(', '),
    resource: /Insufficient ([\w./-]+)/.exec(said)?.[1] ?? '',
  };
}

function probeKills(view: PodView, probe: 'Liveness' | 'Startup'): Facts | undefined {
  const killed = eventOf(view, 'Killing', new RegExp(`failed ${probe.toLowerCase()} probe`));
  if (killed === undefined) return undefined;
  const container = /[Cc]ontainer (\S+) failed/.exec(killed)?.[1] ?? '';
  return { pod: view.name, container, message: eventOf(view, 'Unhealthy', new RegExp(`^${probe}`)) ?? '' };
}

const podFacts = (view: PodView, more: Facts = {}): Facts => ({ pod: view.name, ...more });
const stage = (view: PodView, reason: string): Facts | undefined =>
  view.pod.status?.reason === reason ? podFacts(view, { message: view.pod.status.message ?? '' }) : undefined;

function crashed(view: PodView, fits: (c: ContainerView) => boolean): Facts | undefined {
  const container = view.containers.find((c) => !c.init && lastEnd(c) !== undefined && fits(c));
  if (container === undefined) return undefined;
  const end = lastEnd(container);
  return podFacts(view, {
    container: container.name,
    code: String(end?.exitCode ?? ''),
    reason: end?.reason ?? '',
    message: end?.message ?? '',
  });
}

export const RULES: readonly Rule[] = [
  {
    id: 'held-by-finalizer',
    find: (v) =>
      v.pod.metadata.deletionTimestamp !== undefined && (v.pod.metadata.finalizers ?? []).length > 0
        ? podFacts(v, { finalizers: (v.pod.metadata.finalizers ?? []).join(', ') })
        : undefined,
  },
  {
    id: 'ending',
    find: (v) =>
      v.pod.metadata.deletionTimestamp === undefined
        ? undefined
        : podFacts(v, { seconds: String(v.pod.metadata.deletionGracePeriodSeconds ?? 0) }),
  },
  { id: 'evicted', find: (v) => stage(v, 'Evicted') },
  { id: 'too-late', find: (v) => stage(v, 'DeadlineExceeded') },
  {
    id: 'image-name-invalid',
    find: (v) => {
      const container = waiting(v, ['InvalidImageName']);
      return container === undefined ? undefined : imageFacts(container, v);
    },
  },
  {
    id: 'image-never',
    find: (v) => {
      const container = waiting(v, ['ErrImageNeverPull']);
      return container === undefined ? undefined : imageFacts(container, v);
    },
  },
  { id: 'image-local-latest', find: localLatest },
  { id: 'image-no-access', find: (v) => pullProblem(v, /denied|unauthorized|401|403|authorization/i) },
  { id: 'image-not-found', find: (v) => pullProblem(v, /not found|manifest unknown|404/i) },
  {
    id: 'image-unreachable',
    find: (v) => pullProblem(v, /no such host|refused|timeout|did not answer|failed to do request/i),
  },
  { id: 'image-failed', find: (v) => pullProblem(v, /^/) },
  { id: 'configmap-missing', find: (v) => missing(v, 'configmap') },
  { id: 'secret-missing', find: (v) => missing(v, 'secret') },
  {
    id: 'key-missing',
    find: (v) => {
      const container = waiting(v, ['CreateContainerConfigError'], /couldn't find key/);
      const said = container?.status?.state?.waiting?.message ?? '';
      const [, key = '', kind = '', name = ''] = /couldn't find key (\S+) in (ConfigMap|Secret) (\S+)/.exec(said) ?? [];
      return container === undefined
        ? undefined
        : podFacts(v, { container: container.name, key, kind, name: name.replace(/^[^/]*\//, '') });
    },
  },
  {
    id: 'run-as-root',
    find: (v) => {
      const container = waiting(v, ['CreateContainerConfigError'], /runAsNonRoot/);
      return container === undefined ? undefined : podFacts(v, { container: container.name });
    },
  },
  {
    id: 'config-error',
    find: (v) => {
      const container = waiting(v, ['CreateContainerConfigError', 'CreateContainerError']);
      return container === undefined
        ? undefined
        : podFacts(v, { container: container.name, message: container.status?.state?.waiting?.message ?? '' });
    },
  },
  {
    id: 'volume-source-missing',
    find: (v) => {
      const said =
        waiting(v, ['ContainerCreating', 'PodInitializing']) === undefined
          ? undefined
          : eventOf(v, 'FailedMount', /(configmap|secret) "[^"]+" not found/);
      const [, kind = '', name = ''] = /(configmap|secret) "([^"]+)" not found/.exec(said ?? '') ?? [];
      return said === undefined ? undefined : podFacts(v, { kind, name });
    },
  },
  {
    id: 'volume-failed',
    find: (v) => {
      const said =
        waiting(v, ['ContainerCreating', 'PodInitializing']) === undefined ? undefined : eventOf(v, 'FailedMount');
      return said === undefined ? undefined : podFacts(v, { message: said });
    },
  },
  {
    id: 'init-failed',
    find: (v) => {
      const container = v.containers.find(
        (c) => c.init && (lastEnd(c)?.exitCode ?? 0) !== 0 && c.status?.ready !== true,
      );
      return container === undefined
        ? undefined
        : podFacts(v, { container: container.name, code: String(lastEnd(container)?.exitCode ?? '') });
    },
  },
  {
    id: 'command-not-found',
    find: (v) =>
      crashed(
        v,
        (c) =>
          /executable file|no such file or directory|StartError|ContainerCannotRun/.test(
            `${lastEnd(c)?.reason} ${lastEnd(c)?.message ?? ''}`,
          ) && [126, 127, 128].includes(lastEnd(c)?.exitCode ?? 0),
      ),
  },
  { id: 'out-of-memory', find: (v) => crashed(v, (c) => lastEnd(c)?.reason === 'OOMKilled') },
  { id: 'liveness-kills', find: (v) => probeKills(v, 'Liveness') },
  { id: 'startup-kills', find: (v) => probeKills(v, 'Startup') },
  {
    id: 'ends-at-once',
    find: (v) =>
      v.pod.spec?.restartPolicy === 'Always' ? crashed(v, (c) => lastEnd(c)?.exitCode === 0 && looping(c)) : undefined,
  },
  { id: 'crashes', find: (v) => crashed(v, (c) => (lastEnd(c)?.exitCode ?? 0) !== 0 && c.status?.ready !== true) },
  { id: 'claim-missing', find: (v) => schedulerSays(v, /persistentvolumeclaim|unbound immediate/) },
  { id: 'port-taken', find: (v) => schedulerSays(v, /free ports for the requested pod ports/) },
  { id: 'no-fitting-node', find: (v) => schedulerSays(v, /node affinity\/selector/) },
  { id: 'too-little-room', find: (v) => schedulerSays(v, /Insufficient|Too many pods/) },
  { id: 'tainted', find: (v) => schedulerSays(v, /untolerated taint/) },
  { id: 'unschedulable', find: (v) => schedulerSays(v, /./) },
  {
    id: 'node-missing',
    find: (v) =>
      (v.pod.spec?.nodeName ?? '') !== '' &&
      (v.pod.status?.startTime ?? undefined) === undefined &&
      v.pod.status?.phase === 'Pending' &&
      v.containers.every((c) => c.status === undefined) &&
      v.events.length === 0
        ? podFacts(v, { node: v.pod.spec?.nodeName ?? '' })
        : undefined,
  },
  {
    id: 'readiness-fails',
    find: (v) => {
      const container = v.containers.find(
        (c) =>
          !c.init &&
          c.status?.state?.running !== undefined &&
          c.status.ready !== true &&
          c.spec.readinessProbe !== undefined,
      );
      return container === undefined
        ? undefined
        : podFacts(v, { container: container.name, message: eventOf(v, 'Unhealthy', /^Readiness/) ?? '' });
    },
  },
  {
    id: 'failed',
    find: (v) =>
      v.pod.status?.phase === 'Failed'
        ? podFacts(v, { message: v.pod.status.message ?? v.pod.status.reason ?? '' })
        : undefined,
  },
  { id: 'succeeded', find: (v) => (v.pod.status?.phase === 'Succeeded' ? podFacts(v) : undefined) },
  {
    id: 'pulling',
    find: (v) =>
      waiting(v, ['ContainerCreating']) !== undefined && v.events.at(-1)?.reason === 'Pulling'
        ? podFacts(v, { message: v.events.at(-1)?.message ?? '' })
        : undefined,
  },
  {
    id: 'well',
    find: (v) =>
      (v.pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True') ? podFacts(v) : undefined,
  },
  { id: 'starting', find: (v) => podFacts(v) },
];

export interface Diagnosis {
  readonly id: RuleId;
  readonly facts: Facts;
}

export function diagnose(view: PodView): Diagnosis {
  for (const rule of RULES) {
    const facts = rule.find(view);
    if (facts !== undefined) return { id: rule.id, facts };
  }
  return { id: 'starting', facts: podFacts(view) };
}
