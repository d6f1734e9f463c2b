// What a rule of `minke why` is: what it looks for, and the facts that its words are filled with.
import { type ContainerView, eventOf, type PodView } from './view.ts';

/** What fills the words of an answer. */
export type Facts = Readonly<Record<string, string>>;

export interface Rule {
  readonly id: RuleId;
  find(view: PodView): Facts | undefined;
}

export type RuleId =
  | 'image-name-invalid'
  | 'image-misspelt'
  | 'image-here-but-asked'
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
  | 'volume-key-missing'
  | 'volume-host-path'
  | 'volume-failed'
  | 'init-failed'
  | 'init-running'
  | 'command-not-found'
  | 'command-not-executable'
  | 'directory-wrong'
  | 'out-of-memory'
  | 'post-start-failed'
  | 'liveness-kills'
  | 'startup-kills'
  | 'address-in-use'
  | 'read-only-root'
  | 'ends-at-once'
  | 'crashes'
  | 'no-fitting-node'
  | 'no-fitting-affinity'
  | 'too-little-room'
  | 'tainted'
  | 'cordoned'
  | 'port-taken'
  | 'claim-missing'
  | 'claim-unbound'
  | 'gated'
  | 'unschedulable'
  | 'other-scheduler'
  | 'node-missing'
  | 'readiness-fails'
  | 'readiness-gate'
  | 'over-disk-limit'
  | 'evicted'
  | 'too-late'
  | 'failed'
  | 'held-by-finalizer'
  | 'ending'
  | 'pulling'
  | 'starting'
  | 'succeeded'
  | 'well'
  | 'scaled-to-zero'
  | 'pods-refused'
  | 'no-pods';

/** The words for each cause in one language: what is wrong, and what to type. */
export type Words = Readonly<Record<RuleId, { readonly wrong: string; readonly type: readonly string[] }>>;

export const podFacts = (view: PodView, more: Facts = {}): Facts => ({
  pod: view.name,
  namespace: view.pod.metadata.namespace ?? '',
  ...more,
});

/** How the container last ended, if it ever did. */
export const lastEnd = (c: ContainerView) => c.status?.state?.terminated ?? c.status?.lastState?.terminated;

/** `-p` where the container has been started anew since: then its last words are in the log before. */
export const previous = (c: ContainerView): string => (c.status?.state?.terminated === undefined ? ' -p' : '');

export const waitingMessage = (c: ContainerView | undefined): string => c?.status?.state?.waiting?.message ?? '';

/** What an event of that reason says, if there is one. */
export function said(view: PodView, reason: string, message: RegExp): RegExpExecArray | undefined {
  return message.exec(eventOf(view, reason, message) ?? '') ?? undefined;
}
