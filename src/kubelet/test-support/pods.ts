// Pods and runs for tests, with as little said as possible.
import type { ContainerStatus } from '../../cri/port.ts';
import type { Container, Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { ANNOTATION, hashOf } from '../pod/identity.ts';
import type { Observed } from '../pod/observed.ts';

export function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: 'busybox:1', ...more };
}

export function pod(spec: Partial<PodSpec>, status: Pod['status'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u1' },
    spec: { nodeName: 'n', containers: [container('c')], ...spec },
    status,
  };
}

export function run(name: string, more: Partial<ContainerStatus> = {}): ContainerStatus {
  const attempt = more.attempt ?? 0;
  return {
    id: `${name}-${attempt}`,
    sandboxId: 's0',
    name,
    attempt,
    state: 'running',
    createdAt: 1_000 + attempt,
    startedAt: 1_000,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'docker.io/library/busybox:1',
    imageRef: 'sha256:1',
    imageId: 'sha256:1',
    labels: {},
    annotations: { [ANNOTATION.hash]: hashOf({ kind: 'app', spec: container(name) }) },
    mounts: [],
    logPath: '',
    ...more,
  };
}

export function ended(name: string, exitCode: number, more: Partial<ContainerStatus> = {}): ContainerStatus {
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return run(name, { state: 'exited', exitCode, finishedAt: 5_000, reason, ...more });
}

export function observed(runs: readonly ContainerStatus[], sandbox: 'ready' | 'notready' | 'none' = 'ready'): Observed {
  const one = {
    id: 's0',
    name: 'p',
    namespace: 'ns',
    uid: 'u1',
    attempt: 0,
    state: sandbox === 'ready' ? ('ready' as const) : ('notready' as const),
    createdAt: 500,
    ips: ['10.0.0.1'],
    labels: {},
    annotations: {},
    runtimeHandler: '',
  };
  return {
    sandboxes: sandbox === 'none' ? [] : [one],
    containers: [...runs].sort((a, b) => b.attempt - a.attempt),
  };
}
