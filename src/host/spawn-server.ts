// The process that starts programs for another: all that it starts is in its cgroup. Requests and answers go over Node's own channel.
import { ProgramError, type RunOptions, type RunResult, runForLine, runProgram, runQuiet } from './programs.ts';
import { performHere, type TaskOrder, type Tasks } from './tasks.ts';

/** How a program is run, and what is answered: runProgram's result, runQuiet's exit code, runForLine's line. */
export interface Ways {
  readonly collect: RunResult;
  readonly quiet: number;
  readonly line: string;
}

export type Order =
  | {
      readonly id: number;
      readonly way: keyof Ways;
      readonly name: string;
      readonly args: readonly string[];
      readonly options: Omit<RunOptions, 'signal'>;
    }
  | ({ readonly id: number } & TaskOrder)
  | { readonly id: number; readonly abort: true };

export interface Refusal {
  readonly message: string;
  readonly program: string;
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly reason: ProgramError['reason'];
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly refused: Refusal };

const WAYS = { collect: runProgram, quiet: runQuiet, line: runForLine };
const running = new Map<number, AbortController>();

function refusalOf(error: unknown, name: string): Refusal {
  if (!(error instanceof ProgramError))
    return { message: `${name}: ${String(error)}`, program: name, exitCode: undefined, stderr: '', reason: 'failed' };
  const { message, program, exitCode, stderr, reason } = error;
  return { message, program, exitCode, stderr, reason };
}

const perform = <T extends keyof Tasks>({ task, input }: TaskOrder<T>) => performHere<T>(task, input);

async function carryOut(order: Exclude<Order, { abort: true }>): Promise<unknown> {
  if ('task' in order) return perform(order);
  const { id, way, name, args, options } = order;
  const call = new AbortController();
  running.set(id, call);
  return WAYS[way](name, args, { ...options, signal: call.signal }).finally(() => running.delete(id));
}

async function obey(order: Order): Promise<void> {
  if ('abort' in order) return running.get(order.id)?.abort();
  const { id } = order;
  const answer: Answer = await carryOut(order).then(
    (result) => ({ id, result }),
    (error: unknown) => ({ id, refused: refusalOf(error, 'task' in order ? order.task : order.name) }),
  );
  if (process.connected) process.send?.(answer, undefined, {}, () => undefined);
}

process.title = 'minke-spawn';
process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => void obey(order));
