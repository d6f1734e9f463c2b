// What a pod's worker works with, tied together.
import path from 'node:path';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, type PodPaths, specOf } from '../pod/identity.ts';
import { currentSandbox, type Observed } from '../pod/observed.ts';
import { PodProbes } from '../probes/pod-probes.ts';
import { runProbe } from '../probes/run.ts';
import type { Verdict } from '../status/compute.ts';
import { ContainerKeeper } from './container-keeper.ts';
import type { WorkerDeps } from './deps.ts';
import { Killer } from './killer.ts';
import { PodEnd } from './pod-end.ts';
import { Resizer, type SayOfPod } from './resize.ts';
import { SandboxKeeper } from './sandbox-keeper.ts';
import { Starter } from './starter.ts';
import { StatusPublisher } from './status-publisher.ts';
import { VolumeKeeper } from './volume-keeper.ts';

/** The worker as its parts see it. */
export interface PodView {
  readonly uid: string;
  readonly paths: PodPaths;
  readonly pod: () => Pod;
  readonly observed: () => Observed;
  /** Why the kubelet itself ends the pod, if it does. */
  readonly verdict: () => Verdict | undefined;
  /** Aborted when the pod is to end. */
  readonly signal: AbortSignal;
  readonly say: (ref: ContainerRef | undefined, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly complain: (what: string, error: unknown) => void;
  readonly poke: () => void;
}

export interface PodParts {
  readonly killer: Killer;
  readonly starter: Starter;
  readonly resizer: Resizer;
  readonly sandboxes: SandboxKeeper;
  readonly volumes: VolumeKeeper;
  readonly probes: PodProbes;
  readonly containers: ContainerKeeper;
  readonly publisher: StatusPublisher;
  readonly end: PodEnd;
}

function makeVolumes(deps: WorkerDeps, view: PodView): VolumeKeeper {
  const volumeDeps = {
    mounts: deps.mounts,
    paths: view.paths,
    secretDir: path.join(deps.secretDir, view.uid),
    now: () => deps.clock.now(),
    claims: deps.claims,
  };
  return new VolumeKeeper(deps, volumeDeps, view.uid, (reason, message) =>
    view.say(undefined, 'Warning', reason, message),
  );
}

function makeProbes(deps: WorkerDeps, view: PodView, held: ReadonlySet<string>): PodProbes {
  const exec = deps.runtime.execSync.bind(deps.runtime);
  const podIp = (): string => {
    const ips = specOf(view.pod()).hostNetwork === true ? deps.node().ips : currentSandbox(view.observed())?.ips;
    return ips?.[0] ?? '';
  };
  return new PodProbes({
    clock: deps.clock,
    run: (probe, container, containerId) =>
      runProbe(probe, { containerId, container, podIp: podIp(), reach: deps.reach, exec }),
    say: (ref, reason, message) => view.say(ref, 'Warning', reason, message),
    onChange: view.poke,
    held: (id) => held.has(id),
    onProbed: (kind, ref, outcome) => deps.onProbed?.(kind, view.pod(), ref.spec.name, outcome),
  });
}

export function podParts(deps: WorkerDeps, view: PodView): PodParts {
  const { uid, paths, pod, observed, signal, say } = view;
  const held = new Set<string>();
  const replaced = new Set<string>();
  const killer = new Killer(deps, pod, observed);
  const starter = new Starter(deps, paths, killer);
  const sayOfPod: SayOfPod = (type, reason, message) => say(undefined, type, reason, message);
  const resizer = new Resizer(deps, killer, sayOfPod, replaced);
  const sandboxes = new SandboxKeeper(deps, paths, sayOfPod);
  // While a resize waits the pod runs with what it had before.
  const granted = (): Pod => resizer.asGranted(pod());
  const volumes = makeVolumes(deps, view);
  const probes = makeProbes(deps, view, held);
  const tools = { probes, killer, starter, resizer, sandboxes };
  const onChange = (): void => publisher.publish();
  const mounted = () => volumes.mounted;
  const containers = new ContainerKeeper(
    deps,
    { uid, pod: granted, observed, volumes: mounted, ...tools, replaced, signal, say, onChange },
    held,
  );
  const publisher: StatusPublisher = new StatusPublisher(deps, {
    uid,
    pod: granted,
    observed,
    parts: () => {
      probes.sync(pod(), observed());
      const verdict = view.verdict();
      return {
        ...containers.shown,
        held,
        probes,
        terminal: end.isOver,
        inForce: resizer.inForce(pod(), observed()),
        whole: resizer.shownWhole(pod()),
        resize: resizer.conditions,
        ...(verdict === undefined ? {} : { verdict }),
      };
    },
    onError: (error) => view.complain('status', error),
  });
  const end: PodEnd = new PodEnd(deps, { uid, paths, observed, killer, probes, volumes, publisher });
  return { killer, starter, resizer, sandboxes, volumes, probes, containers, publisher, end };
}
