// What is to be done next for a pod, case by case.
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { container, ended, observed, pod, run } from '../test-support/pods.ts';
import type { Observed } from './observed.ts';
import { type PlanInput, plan } from './plan.ts';

function planned(p: Pod, o: Observed, more: Partial<PlanInput> = {}): string[] {
  const result = plan({
    pod: p,
    observed: o,
    now: 10_000,
    backoffUntil: (_ref, { finishedAt }) => finishedAt,
    backoffDelay: () => 10_000,
    unhealthy: new Map(),
    started: () => true,
    retryAt: new Map(),
    firstAttempt: new Map(),
    replaced: new Set(),
    ...more,
  });
  const lines = result.actions.map((a) => {
    if (a.type === 'start') return `start ${a.ref.spec.name} ${a.attempt}`;
    if (a.type === 'kill') return `kill ${a.ref.spec.name}: ${a.message}`;
    if (a.type === 'createSandbox') return `sandbox ${a.attempt}`;
    if (a.type === 'backoff') return `backoff ${a.ref.spec.name}`;
    if (a.type === 'remove') return `remove ${a.id}`;
    return a.type === 'killPod' ? 'kill pod' : `restart pod: ${a.why}`;
  });
  if (result.finished) lines.push('finished');
  if (result.requeueAt !== undefined) lines.push(`again at ${result.requeueAt}`);
  return lines;
}

const sidecar = container('sc', { restartPolicy: 'Always' });

describe('a plan', () => {
  it('begins with the sandbox', () => {
    expect(planned(pod({}), observed([], 'none'))).toEqual(['sandbox 0']);
  });

  it('starts all app containers when there is nothing to initialise', () => {
    const p = pod({ containers: [container('a'), container('b')] });
    expect(planned(p, observed([]))).toEqual(['start a 0', 'start b 0']);
  });

  it('runs init containers one after the other', () => {
    const p = pod({ initContainers: [container('i'), container('j')] });
    expect(planned(p, observed([]))).toEqual(['start i 0']);
    expect(planned(p, observed([run('i')]))).toEqual([]);
    expect(planned(p, observed([ended('i', 0)]))).toEqual(['start j 0']);
    expect(planned(p, observed([ended('i', 0), ended('j', 0)]))).toEqual(['start c 0']);
  });

  it('does not run init containers again once app containers have run', () => {
    const p = pod({ initContainers: [container('i')] });
    expect(planned(p, observed([ended('c', 1)]))).toEqual(['start c 1']);
  });

  it('goes past a sidecar when it has started, not before', () => {
    const p = pod({ initContainers: [sidecar, container('i')] });
    expect(planned(p, observed([]))).toEqual(['start sc 0']);
    expect(planned(p, observed([run('sc')]), { started: () => false })).toEqual([]);
    expect(planned(p, observed([run('sc')]))).toEqual(['start i 0']);
  });

  it('restarts a sidecar beside running app containers, even under restartPolicy Never', () => {
    const p = pod({ restartPolicy: 'Never', initContainers: [sidecar] });
    expect(planned(p, observed([ended('sc', 0), run('c')]))).toEqual(['start sc 1']);
  });

  it('is finished when the app containers are, though a sidecar runs on', () => {
    const p = pod({ restartPolicy: 'Never', initContainers: [sidecar] });
    expect(planned(p, observed([run('sc'), ended('c', 0)]))).toEqual(['finished']);
  });

  it('is finished when an init container failed and nothing restarts', () => {
    const p = pod({ restartPolicy: 'Never', initContainers: [container('i')] });
    expect(planned(p, observed([ended('i', 2)]))).toEqual(['finished']);
  });

  it('starts again by restart policy', () => {
    expect(planned(pod({ restartPolicy: 'Always' }), observed([ended('c', 0)]))).toEqual(['start c 1']);
    expect(planned(pod({ restartPolicy: 'OnFailure' }), observed([ended('c', 0)]))).toEqual(['finished']);
    expect(planned(pod({ restartPolicy: 'OnFailure' }), observed([ended('c', 1)]))).toEqual(['start c 1']);
    expect(planned(pod({ restartPolicy: 'Never' }), observed([ended('c', 1)]))).toEqual(['finished']);
  });

  it('follows restart rules before the policy', () => {
    const exitCodes = { operator: 'In', values: [42] };
    const ruled = container('c', { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes }] });
    const p = pod({ restartPolicy: 'Never', containers: [ruled] });
    expect(planned(p, observed([ended('c', 42)]))).toEqual(['start c 1']);
    expect(planned(p, observed([ended('c', 1)]))).toEqual(['finished']);
  });

  it('starts all over when a rule says so, with the back-off of who asked for it; the first rule that fits counts', () => {
    const fits = { exitCodes: { operator: 'In', values: [42] } };
    const all = { action: 'RestartAllContainers', ...fits };
    const trigger = container('t', { restartPolicy: 'Never', restartPolicyRules: [all] });
    const p = pod({ restartPolicy: 'Never', containers: [container('c'), trigger] });
    const o = observed([run('c'), ended('t', 42)]);
    expect(planned(p, o)).toEqual(['restart pod: restart-all']);
    expect(planned(p, o, { backoffUntil: () => 12_000 })).toEqual(['backoff t', 'again at 12000']);
    expect(planned(p, observed([run('c'), ended('t', 1)]))).toEqual([]);
    const onlyOne = { ...trigger, restartPolicyRules: [{ action: 'Restart', ...fits }, all] };
    const q = pod({ restartPolicy: 'Never', containers: [container('c'), onlyOne] });
    expect(planned(q, o)).toEqual(['start t 1']);
  });

  it('waits while a container backs off', () => {
    const more = { backoffUntil: () => 12_000 };
    expect(planned(pod({}), observed([ended('c', 1)]), more)).toEqual(['backoff c', 'again at 12000']);
  });

  it('waits with what could not be started', () => {
    const retryAt = new Map([['c', 15_000]]);
    expect(planned(pod({}), observed([]), { retryAt })).toEqual(['again at 15000']);
    const backoffUntil = () => 12_000;
    expect(planned(pod({}), observed([ended('c', 1)]), { retryAt, backoffUntil })).toEqual(['again at 15000']);
  });

  it('kills what a probe found ill, and what was changed', () => {
    const unhealthy = new Map([['c-0', 'liveness' as const]]);
    expect(planned(pod({}), observed([run('c')]), { unhealthy })).toEqual([
      'kill c: Container c failed liveness probe, will be restarted',
    ]);
    const changed = pod({ containers: [container('c', { image: 'busybox:2' })] });
    expect(planned(changed, observed([run('c')]))).toEqual([
      'kill c: Container c definition changed, will be restarted',
    ]);
  });

  it('ends the pod as a whole when a probe ends the last container that is not to run again', () => {
    const unhealthy = new Map([['c-0', 'liveness' as const]]);
    const alone = pod({ restartPolicy: 'Never' });
    expect(planned(alone, observed([run('c')]), { unhealthy })).toEqual(['kill pod']);
    const two = pod({ restartPolicy: 'Never', containers: [container('c'), container('d')] });
    expect(planned(two, observed([run('c'), run('d')]), { unhealthy })).toEqual([
      'kill c: Container c failed liveness probe',
    ]);
    expect(planned(two, observed([run('c'), ended('d', 0)]), { unhealthy })).toEqual(['kill pod']);
  });

  it('starts again what it ended to replace it, whatever it ended with', () => {
    const replaced = new Set(['c-0']);
    const onFailure = pod({ restartPolicy: 'OnFailure' });
    expect(planned(onFailure, observed([ended('c', 0)]), { replaced })).toEqual(['start c 1']);
    expect(planned(pod({ restartPolicy: 'Never' }), observed([ended('c', 137)]), { replaced })).toEqual(['start c 1']);
    const rule = { action: 'Restart', exitCodes: { operator: 'In', values: [137] } };
    const ruled = container('c', { restartPolicy: 'Never', restartPolicyRules: [rule] });
    const unhealthy = new Map([['c-0', 'liveness' as const]]);
    const status = run('c', { annotations: {} });
    expect(planned(pod({ containers: [ruled] }), observed([status]), { unhealthy })).toEqual(['kill pod']);
  });

  it('calls a sidecar that a probe found ill an init container', () => {
    const unhealthy = new Map([['sc-0', 'liveness' as const]]);
    const sick = run('sc', { annotations: {} });
    expect(planned(pod({ initContainers: [sidecar] }), observed([sick, run('c')]), { unhealthy })).toEqual([
      'kill sc: Init container sc failed liveness probe',
    ]);
  });

  it('makes a new sandbox when the old one is gone, after ending what ran in it', () => {
    expect(planned(pod({}), observed([run('c')], 'notready'))).toEqual(['restart pod: sandbox-changed']);
    expect(planned(pod({}), observed([ended('c', 137)], 'notready'))).toEqual(['sandbox 1']);
  });

  it('removes what was made but never started', () => {
    expect(planned(pod({}), observed([run('c', { state: 'created' })]))).toEqual(['remove c-0']);
  });

  it('starts ephemeral containers once and never again', () => {
    const p = pod({ ephemeralContainers: [container('debug')] });
    expect(planned(p, observed([run('c')]))).toEqual(['start debug 0']);
    expect(planned(p, observed([run('c'), ended('debug', 1)]))).toEqual([]);
  });
});
