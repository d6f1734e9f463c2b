// What the server's health is made of: its store, the steps of its start, and what it must know to serve; named as kube-apiserver names its checks.
// Source: https://kubernetes.io/docs/reference/using-api/health-checks/
import type { Store } from '../store/index.ts';
import type { BootstrapFailure } from './bootstrap.ts';
import { type Ailment, type HealthCheck, healthHandlers } from './health.ts';
import type { NonResourcePaths } from './non-resource.ts';

/** Steps of the start, each with what it brings. */
const STEPS = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
] as const;

export type Step = (typeof STEPS)[number];

/** Which step makes the objects of a kind. */
const MAKERS: Readonly<Record<string, Step>> = {
  Namespace: 'start-system-namespaces-controller',
  ConfigMap: 'start-cluster-authentication-info-controller',
  ClusterRole: 'rbac/bootstrap-roles',
  ClusterRoleBinding: 'rbac/bootstrap-roles',
  Role: 'rbac/bootstrap-roles',
  RoleBinding: 'rbac/bootstrap-roles',
  PriorityClass: 'scheduling/bootstrap-system-priority-classes',
  FlowSchema: 'priority-and-fairness-config-producer',
  PriorityLevelConfiguration: 'priority-and-fairness-config-producer',
  Service: 'bootstrap-controller',
  ServiceCIDR: 'start-kubernetes-service-cidr-controller',
  APIService: 'apiservice-registration-controller',
};

/** How far the server's start has come. */
export class Start {
  private readonly open = new Map<string, string>(STEPS.map((step) => [step, 'not finished']));
  private closing = false;

  done(...steps: readonly Step[]): void {
    for (const step of steps) this.open.delete(step);
  }

  /** What every cluster begins with was made, but for `failures`. */
  bootstrapped(failures: readonly BootstrapFailure[]): void {
    this.done(...new Set(Object.values(MAKERS)));
    for (const { kind, name, reason } of failures) {
      const step = MAKERS[kind];
      if (step !== undefined) this.open.set(step, `${kind} ${name} was not made: ${reason}`);
    }
  }

  close(): void {
    this.closing = true;
  }

  readonly shutdown = (): Ailment => (this.closing ? 'process is shutting down' : undefined);

  checks(): HealthCheck[] {
    return STEPS.map((step) => ({ name: `poststarthook/${step}`, check: () => this.open.get(step) }));
  }
}

export interface HealthParts {
  readonly start: Start;
  readonly store: Store;
  /** Collections whose live copies are not there yet. */
  readonly unsynced: () => readonly string[];
  /** Built-in group versions that have no APIService. */
  readonly unregistered: () => readonly string[];
  /** Lets everybody ask, for load balancers and supervisors. */
  readonly anonymous: boolean;
  readonly observe: (root: string, name: string, passed: boolean) => void;
}

function lacking(what: string, names: readonly string[]): Ailment {
  return names.length === 0 ? undefined : `${what}: [${names.join(' ')}]`;
}

export function addHealthPaths(paths: NonResourcePaths, parts: HealthParts): void {
  const { start, store } = parts;
  const stored = async (): Promise<Ailment> => {
    await store.revision();
    return undefined;
  };
  const common: HealthCheck[] = [
    // Whoever is answered has met a process that turns.
    { name: 'ping', check: () => undefined },
    // The log is written while the process waits for it: a log that blocks would keep this answer back.
    { name: 'log', check: () => undefined },
    { name: 'etcd', check: stored },
  ];
  // What is deleted later is not the start's.
  let registered = false;
  const registration = (): Ailment => {
    const missing = registered ? [] : parts.unregistered();
    registered = missing.length === 0;
    return lacking('missing APIService', missing);
  };
  const booted: HealthCheck[] = [...start.checks(), { name: 'autoregister-completion', check: registration }];
  const readyOnly: HealthCheck[] = [
    { name: 'etcd-readiness', check: stored },
    { name: 'informer-sync', check: () => lacking('informers not started yet', parts.unsynced()) },
  ];
  const roots: readonly [path: string, checks: HealthCheck[]][] = [
    ['/healthz', [...common, ...booted]],
    ['/livez', [...common, ...booted]],
    ['/readyz', [...common, ...readyOnly, ...booted, { name: 'shutdown', check: start.shutdown }]],
  ];
  for (const [path, checks] of roots) {
    const root = {
      path,
      checks,
      observe: (name: string, passed: boolean) => parts.observe(path.slice(1), name, passed),
    };
    for (const [where, handler] of healthHandlers(root)) paths.add(where, handler);
    // What is wrong in particular is not for everybody.
    const whole = healthHandlers(root).get(path);
    if (parts.anonymous) paths.addOpen((request) => (request.path === path ? whole?.(request) : undefined));
  }
}
