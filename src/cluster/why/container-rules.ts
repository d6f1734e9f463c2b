// Containers that could not be made, did not start, or ended: what they lacked, and what ended them.
import { type Facts, lastEnd, podFacts, previous, type Rule, said, waitingMessage } from './rule.ts';
import { type ContainerView, eventOf, type PodView, waiting } from './view.ts';

const CONFIG = ['CreateContainerConfigError'];
const PREPARING = ['ContainerCreating', 'PodInitializing'];

function missing(view: PodView, kind: 'configmap' | 'secret'): Facts | undefined {
  const pattern = new RegExp(`${kind} "?([^" ]+)"? not found`);
  const container = waiting(view, CONFIG, pattern);
  if (container === undefined) return undefined;
  const name = pattern.exec(waitingMessage(container))?.[1] ?? '';
  return podFacts(view, { container: container.name, name, key: keyAskedFor(container, kind, name) });
}

/** The key that a variable takes from there: then the command to type can name it. */
function keyAskedFor({ spec }: ContainerView, kind: 'configmap' | 'secret', name: string): string {
  for (const { valueFrom } of spec.env ?? []) {
    const from = kind === 'secret' ? valueFrom?.secretKeyRef : valueFrom?.configMapKeyRef;
    if (from?.name === name) return from.key;
  }
  return 'KEY';
}

function keyMissing(view: PodView): Facts | undefined {
  const container = waiting(view, CONFIG, /couldn't find key/);
  const found = /couldn't find key (\S+) in (ConfigMap|Secret) (\S+)/.exec(waitingMessage(container));
  const [, key = '', kind = '', name = ''] = found ?? [];
  if (container === undefined) return undefined;
  return podFacts(view, {
    container: container.name,
    key,
    kind: kind.toLowerCase(),
    name: name.replace(/^[^/]*\//, ''),
  });
}

function configError(view: PodView): Facts | undefined {
  const container = waiting(view, ['CreateContainerConfigError', 'CreateContainerError']);
  if (container === undefined) return undefined;
  return podFacts(view, { container: container.name, message: waitingMessage(container) });
}

function runAsRoot(view: PodView): Facts | undefined {
  const container = waiting(view, CONFIG, /runAsNonRoot/);
  return container === undefined ? undefined : podFacts(view, { container: container.name });
}

function mountSays(view: PodView, message: RegExp): RegExpExecArray | undefined {
  return waiting(view, PREPARING) === undefined ? undefined : said(view, 'FailedMount', message);
}

function volumeSource(view: PodView): Facts | undefined {
  const [, kind, name] = mountSays(view, /(configmap|secret) "([^"]+)" not found/) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  return podFacts(view, { kind: kind === 'secret' ? 'secret generic' : kind, name });
}

function volumeKey(view: PodView): Facts | undefined {
  const [, volume, , key] =
    mountSays(view, /volume "([^"]+)".*references non-existent (config|secret) key: (\S+)/) ?? [];
  if (volume === undefined || key === undefined) return undefined;
  const source = view.pod.spec?.volumes?.find((v) => v.name === volume);
  const name = source?.configMap?.name ?? source?.secret?.secretName ?? '';
  return podFacts(view, { volume, key, kind: source?.secret === undefined ? 'configmap' : 'secret', name });
}

function hostPath(view: PodView): Facts | undefined {
  const [, path] = mountSays(view, /hostPath type check failed: (\S+) is not/) ?? [];
  return path === undefined ? undefined : podFacts(view, { path });
}

function volumeFailed(view: PodView): Facts | undefined {
  const [message] = mountSays(view, /.+/s) ?? [];
  return message === undefined ? undefined : podFacts(view, { message });
}

function endFacts(view: PodView, container: ContainerView, more: Facts = {}): Facts {
  const end = lastEnd(container);
  return podFacts(view, {
    container: container.name,
    code: String(end?.exitCode ?? ''),
    reason: end?.reason ?? '',
    message: end?.message ?? '',
    previous: previous(container),
    log: view.logs.get(container.name) ?? '',
    ...more,
  });
}

function initFailed(view: PodView): Facts | undefined {
  const container = view.containers.find(
    (c) => c.init && (lastEnd(c)?.exitCode ?? 0) !== 0 && c.status?.ready !== true,
  );
  return container === undefined ? undefined : endFacts(view, container);
}

/** An init container that is not a sidecar, and takes its time. */
function initRunning(view: PodView): Facts | undefined {
  const container = view.containers.find(
    (c) => c.init && c.spec.restartPolicy !== 'Always' && c.status?.state?.running !== undefined,
  );
  return container === undefined ? undefined : endFacts(view, container);
}

function crashed(view: PodView, fits: (c: ContainerView) => boolean): Facts | undefined {
  const container = view.containers.find((c) => !c.init && lastEnd(c) !== undefined && fits(c));
  return container === undefined ? undefined : endFacts(view, container);
}

const looping = (c: ContainerView) =>
  c.status?.state?.waiting?.reason === 'CrashLoopBackOff' || (c.status?.restartCount ?? 0) > 0;
const failing = (c: ContainerView) => (lastEnd(c)?.exitCode ?? 0) !== 0 && c.status?.ready !== true;
const notStarted = (c: ContainerView) =>
  /StartError|ContainerCannotRun/.test(lastEnd(c)?.reason ?? '') ||
  (lastEnd(c)?.exitCode === 128 && /executable file|no such file/i.test(lastEnd(c)?.message ?? ''));

/** A container that never ran, for what its runtime says; `pick` takes the word that matters out of it. */
function startProblem(view: PodView, message: RegExp): Facts | undefined {
  const container = view.containers.find((c) => notStarted(c) && message.test(lastEnd(c)?.message ?? ''));
  if (container === undefined) return undefined;
  const word = message
    .exec(lastEnd(container)?.message ?? '')
    ?.slice(1)
    .find((part) => part !== undefined);
  const fallback = container.spec.command?.[0] ?? container.spec.args?.[0] ?? '';
  return endFacts(view, container, { program: word ?? fallback, directory: container.spec.workingDir ?? '' });
}

function probeKills(view: PodView, probe: 'Liveness' | 'Startup'): Facts | undefined {
  const killed = eventOf(view, 'Killing', new RegExp(`failed ${probe.toLowerCase()} probe`));
  if (killed === undefined) return undefined;
  const name = /[Cc]ontainer (\S+) failed/.exec(killed)?.[1] ?? '';
  const container = view.containers.find((c) => c.name === name);
  return podFacts(view, {
    container: name,
    message: eventOf(view, 'Unhealthy', new RegExp(`^${probe}`)) ?? '',
    previous: container === undefined ? '' : previous(container),
  });
}

function postStart(view: PodView): Facts | undefined {
  const message = eventOf(view, 'FailedPostStartHook');
  const container = view.containers.find((c) => c.spec.lifecycle?.postStart !== undefined && c.status?.ready !== true);
  return message === undefined || container === undefined
    ? undefined
    : podFacts(view, { container: container.name, message });
}

const logSays = (view: PodView, c: ContainerView, words: RegExp): boolean => words.test(view.logs.get(c.name) ?? '');

export const CONTAINER_RULES: readonly Rule[] = [
  { id: 'configmap-missing', find: (v) => missing(v, 'configmap') },
  { id: 'secret-missing', find: (v) => missing(v, 'secret') },
  { id: 'key-missing', find: keyMissing },
  { id: 'run-as-root', find: runAsRoot },
  { id: 'config-error', find: configError },
  { id: 'volume-source-missing', find: volumeSource },
  { id: 'volume-key-missing', find: volumeKey },
  { id: 'volume-host-path', find: hostPath },
  { id: 'volume-failed', find: volumeFailed },
  { id: 'directory-wrong', find: (v) => startProblem(v, /chdir\b|working directory|mkdir [^:]*: not a directory/i) },
  { id: 'command-not-executable', find: (v) => startProblem(v, /permission denied|exec format error/i) },
  { id: 'command-not-found', find: (v) => startProblem(v, /exec: "([^"]+)"|./) },
  { id: 'init-failed', find: initFailed },
  { id: 'out-of-memory', find: (v) => crashed(v, (c) => lastEnd(c)?.reason === 'OOMKilled') },
  { id: 'post-start-failed', find: postStart },
  { id: 'liveness-kills', find: (v) => probeKills(v, 'Liveness') },
  { id: 'startup-kills', find: (v) => probeKills(v, 'Startup') },
  {
    id: 'ends-at-once',
    find: (v) =>
      v.pod.spec?.restartPolicy === 'Always' ? crashed(v, (c) => lastEnd(c)?.exitCode === 0 && looping(c)) : undefined,
  },
  {
    id: 'address-in-use',
    find: (v) => crashed(v, (c) => failing(c) && logSays(v, c, /address already in use|EADDRINUSE/i)),
  },
  {
    id: 'read-only-root',
    find: (v) =>
      crashed(
        v,
        (c) =>
          failing(c) &&
          c.spec.securityContext?.readOnlyRootFilesystem === true &&
          logSays(v, c, /read-only file system|EROFS/i),
      ),
  },
  { id: 'crashes', find: (v) => crashed(v, failing) },
  { id: 'init-running', find: initRunning },
];
