// What a simulated container does, by the pod's annotations or its command: when it runs, when it ends, and how.
import { type ContainerConfig, type PodSandboxConfig, RUNS_TO_COMPLETION } from '../port.ts';

export interface Behaviour {
  /** From the start call to running. */
  readonly startAfterMs: number;
  /** Absent: until it is told to stop. */
  readonly runForMs?: number;
  readonly exitCode: number;
  /** The start fails with these words. */
  readonly startError?: string;
  /** Whether the stop signal ends it, or only the kill. */
  readonly heedsStop: boolean;
  readonly memoryBytes: number;
  readonly cpuNanoCores: number;
}

export type Rule = (config: ContainerConfig, sandbox: PodSandboxConfig) => Partial<Behaviour>;

/** Pod annotations; with `.<container>` appended they are for one container alone. */
export const ANNOTATIONS = {
  startAfter: 'simulated.minke.dev/start-after-seconds',
  runFor: 'simulated.minke.dev/run-seconds',
  exitCode: 'simulated.minke.dev/exit-code',
  startError: 'simulated.minke.dev/start-error',
  ignoreStop: 'simulated.minke.dev/ignore-stop',
} as const;

const DEFAULT: Behaviour = { startAfterMs: 0, exitCode: 0, heedsStop: true, memoryBytes: 0, cpuNanoCores: 0 };

/** The few commands whose meaning is plain without running them. */
function byCommand(line: readonly string[]): Partial<Behaviour> {
  const [first = '', second = '', third = ''] = line;
  const name = first.slice(first.lastIndexOf('/') + 1);
  if (name === 'true') return { runForMs: 0 };
  if (name === 'false') return { runForMs: 0, exitCode: 1 };
  if (name === 'sleep' && /^\d+(\.\d+)?$/.test(second)) return { runForMs: Number(second) * 1000 };
  if (name === 'sh' && second === '-c') {
    const exit = /^\s*exit\s+(\d{1,3})\s*$/.exec(third);
    if (exit !== null) return { runForMs: 0, exitCode: Number(exit[1]) };
  }
  return {};
}

function seconds(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === '' || !Number.isFinite(value) || value < 0 ? undefined : value * 1000;
}

function byAnnotations(name: string, annotations: Readonly<Record<string, string>>): Partial<Behaviour> {
  const read = (key: string) => annotations[`${key}.${name}`] ?? annotations[key];
  const startAfterMs = seconds(read(ANNOTATIONS.startAfter));
  const runForMs = seconds(read(ANNOTATIONS.runFor));
  const exitCode = read(ANNOTATIONS.exitCode);
  const startError = read(ANNOTATIONS.startError);
  return {
    ...(startAfterMs === undefined ? {} : { startAfterMs }),
    ...(runForMs === undefined ? {} : { runForMs }),
    ...(exitCode !== undefined && /^\d{1,3}$/.test(exitCode) ? { exitCode: Number(exitCode) } : {}),
    ...(startError === undefined ? {} : { startError }),
    ...(read(ANNOTATIONS.ignoreStop) === 'true' ? { heedsStop: false } : {}),
  };
}

export function behaviourOf(config: ContainerConfig, sandbox: PodSandboxConfig, rule: Rule): Behaviour {
  return {
    ...DEFAULT,
    ...(config.annotations[RUNS_TO_COMPLETION] === 'true' ? { runForMs: 0 } : {}),
    ...byCommand([...config.command, ...config.args]),
    ...byAnnotations(config.name, sandbox.annotations),
    ...rule(config, sandbox),
  };
}
