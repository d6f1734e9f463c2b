// What the helper process does itself, beside starting programs: on its one thread, which no client of the API waits for.
import { holdNamespaces } from './namespaces.ts';

export const TASKS = { hold: holdNamespaces } as const;

export type Tasks = typeof TASKS;
export type TaskInput<T extends keyof Tasks> = Parameters<Tasks[T]>[0];
export type TaskResult<T extends keyof Tasks> = Awaited<ReturnType<Tasks[T]>>;

/** A task, and what it is given. */
export type TaskOrder = { [T in keyof Tasks]: { readonly task: T; readonly input: TaskInput<T> } }[keyof Tasks];
