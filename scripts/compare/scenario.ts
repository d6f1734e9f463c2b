// A scenario: requests that follow one another in a namespace of their own, on a genuine server and on this one.
import type { Ask } from './endpoint.ts';

export interface Step extends Ask {
  /** Parts of the answer (paths like `metadata.uid`) that later steps use as `%{NAME}`. */
  readonly save?: Readonly<Record<string, string>>;
  /** The answer itself is not compared. */
  readonly quiet?: boolean;
}

/** `$NS` in paths and bodies is the scenario's namespace, which also serves as a name of its own for objects without one. */
export interface Scenario {
  readonly id: string;
  readonly steps: readonly Step[];
}

export const CONFIG_MAPS = '/api/v1/namespaces/$NS/configmaps';
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/$NS/deployments';

export function post(path: string, body: unknown, rest: Partial<Step> = {}): Step {
  return { method: 'POST', path, body, ...rest };
}

export function get(path: string, rest: Partial<Step> = {}): Step {
  return { method: 'GET', path, ...rest };
}

export function configMap(name: string, rest: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...rest };
}

/** A step that only prepares. */
export function first(step: Step): Step {
  return { ...step, quiet: true };
}
