// What the helper process does itself, beside starting programs: on its one thread, which no client of the API waits for.
import { type HoldRequest, holdNamespaces } from './namespaces.ts';
import { type LinkRequest, makeLink, makeSpace, removeSpaces, type SpaceRequest } from './network-namespaces.ts';

interface Task<Input, Result> {
  readonly input: Input;
  readonly result: Result;
}

export interface Tasks {
  /** Answers the PID of what was left behind. */
  readonly hold: Task<HoldRequest, number>;
  readonly makeLink: Task<LinkRequest, void>;
  readonly makeSpace: Task<SpaceRequest, void>;
  readonly removeSpaces: Task<readonly string[], void>;
}

/** Has a task done, by the helper process or in this one. */
export type Perform = <T extends keyof Tasks>(task: T, input: Tasks[T]['input']) => Promise<Tasks[T]['result']>;

/** A task, and what it is given. */
export type TaskOrder<T extends keyof Tasks = keyof Tasks> = {
  [K in T]: { readonly task: K; readonly input: Tasks[K]['input'] };
}[T];

const TASKS: { readonly [T in keyof Tasks]: (input: Tasks[T]['input']) => Promise<Tasks[T]['result']> } = {
  hold: async (request) => holdNamespaces(request),
  makeLink,
  makeSpace,
  removeSpaces,
};

export const performHere: Perform = (task, input) => TASKS[task](input);
