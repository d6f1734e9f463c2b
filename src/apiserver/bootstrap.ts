// What every cluster begins with: namespaces, RBAC policy, priority classes, flow schemas; made at start where it is missing.
import { ApiError } from '../machinery/errors.ts';
import type { Transport, UserInfo } from '../machinery/http.ts';
import { deepEqual } from '../machinery/json.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { ConfigMap } from '../resources/generated/core-v1.ts';
import type { ClusterRole, PolicyRule } from '../resources/generated/rbac-v1.ts';
import type { Store } from '../store/index.ts';
import { authenticationConfigMap, type Trust } from './aggregation/index.ts';
import { bootstrapPolicy } from './auth/bootstrap-policy.ts';
import { dayOf } from './auth/legacy-tokens.ts';
import { bootstrapFlowObjects } from './flow/index.ts';
import { type Catalog, type CatalogEntry, storageKey } from './registry/catalog.ts';
import type { LiveCache } from './registry/live-cache.ts';
import { cloneObject, readObject } from './registry/objects.ts';

const SYSTEM: UserInfo = { username: 'system:apiserver', groups: ['system:masters'] };
const NO_QUERY = new URLSearchParams();
const HEADERS = { 'content-type': 'application/json', 'user-agent': 'kube-apiserver' };

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Source: https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/ */
const PRIORITY_CLASSES = [
  [
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ],
  [
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ],
] as const;

export interface BootstrapParts {
  readonly handle: Transport;
  readonly catalog: Catalog;
  readonly store: Store;
  /** Range of the Services' addresses. */
  readonly serviceCidr: string;
  readonly now: number;
  /** What other API servers are told of this one. */
  readonly trust: Trust;
  /** What its installer brings elsewhere. */
  readonly installed: readonly KubeObject[];
  readonly onError?: (error: unknown) => void;
}

function priorityClasses(): KubeObject[] {
  return PRIORITY_CLASSES.map(([name, value, description]) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
  }));
}

/** The API server's own Service has the first address of the range. */
function firstAddress(cidr: string): string {
  const parts = (cidr.split('/')[0] ?? '').split('.');
  return [...parts.slice(0, 3), String(Number(parts[3] ?? 0) + 1)].join('.');
}

/** In which order groups are shown and searched. Source: the priorities of kube-apiserver's own groups. */
const GROUP_PRIORITIES: Readonly<Record<string, number>> = {
  '': 18000,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'apiextensions.k8s.io': 16700,
  'admissionregistration.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
};
const OTHER_GROUPS = 15000;

/** Every group version served here has an APIService that says so. */
function localApiServices(catalog: Catalog): KubeObject[] {
  return catalog.groups().flatMap(({ group, versions }) =>
    versions.map((version, i) => ({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.${group}`, labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
      spec: {
        ...(group === '' ? {} : { group }),
        version,
        groupPriorityMinimum: GROUP_PRIORITIES[group] ?? OTHER_GROUPS,
        versionPriority: Math.max(15 - i, 1),
      },
    })),
  );
}

function kubernetesService(serviceCidr: string): KubeObject {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      clusterIP: firstAddress(serviceCidr),
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
  };
  return service;
}

const TRACKING = 'kube-apiserver-legacy-service-account-token-tracking';

function isDay(text: string | undefined): boolean {
  return text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** Since when the days of use of tokens in Secrets are noted. Source: https://kep.k8s.io/2799 */
function tokenTracking(now: number): KubeObject {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: TRACKING, namespace: 'kube-system' },
    data: { since: dayOf(now) },
  };
  return object;
}

function objectsOf(parts: BootstrapParts): KubeObject[] {
  const namespaces = NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  const cidr = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [parts.serviceCidr] },
  };
  return [
    ...namespaces,
    kubernetesService(parts.serviceCidr),
    ...bootstrapPolicy(),
    ...priorityClasses(),
    ...(bootstrapFlowObjects() as KubeObject[]),
    ...localApiServices(parts.catalog),
    ...(parts.trust.clientCa === '' ? [] : [authenticationConfigMap(parts.trust)]),
    tokenTracking(parts.now),
    cidr,
    ...parts.installed,
  ];
}

function entryOf(catalog: Catalog, object: KubeObject): CatalogEntry | undefined {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  return catalog.findKind(group, object.apiVersion.slice(slash + 1), object.kind);
}

function pathOf(entry: CatalogEntry, object: KubeObject, name: string): string {
  const { row } = entry;
  const root = row.group === '' ? `/api/${row.version}` : `/apis/${row.group}/${row.version}`;
  const scope = row.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : '';
  return `${root}${scope}/${row.plural}${name === '' ? '' : `/${name}`}`;
}

async function send(parts: BootstrapParts, method: string, path: string, object: KubeObject): Promise<void> {
  const response = await parts.handle({
    method,
    path,
    query: NO_QUERY,
    headers: HEADERS,
    body: Buffer.from(JSON.stringify(object)),
    user: SYSTEM,
  });
  if (response.status < 300 || response.status === 409) return;
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString('utf8') : '';
  throw new ApiError({ reason: 'InternalError', message: `${method} ${path}: ${response.status} ${text}` });
}

/** The rules that a default role has by now and the stored one lacks; what an administrator added stays. */
function missingRules(stored: KubeObject, wanted: KubeObject): PolicyRule[] {
  const annotation = stored.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'];
  if (annotation !== 'true') return [];
  const have = (stored as ClusterRole).rules ?? [];
  return ((wanted as ClusterRole).rules ?? []).filter((rule) => !have.some((one) => deepEqual(one, rule)));
}

async function ensure(parts: BootstrapParts, object: KubeObject): Promise<void> {
  const entry = entryOf(parts.catalog, object);
  if (entry === undefined) return;
  const name = object.metadata.name ?? '';
  const stored = await parts.store.get(storageKey(entry, object.metadata.namespace ?? '', name));
  if (stored === undefined) {
    await send(parts, 'POST', pathOf(entry, object, ''), object);
    return;
  }
  const current = readObject(entry, stored);
  if (object.kind === 'ConfigMap') {
    if (name === TRACKING && isDay((current as ConfigMap).data?.since)) return;
    // The authorities may be others than at the last start.
    if (deepEqual((current as ConfigMap).data, (object as ConfigMap).data)) return;
    await send(parts, 'PUT', pathOf(entry, object, name), object);
    return;
  }
  const missing = missingRules(current, object);
  if (missing.length === 0) return;
  const next = cloneObject(current) as ClusterRole & KubeObject;
  next.rules = [...(next.rules ?? []), ...missing];
  await send(parts, 'PUT', pathOf(entry, object, name), next);
}

export interface BootstrapFailure {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
}

/** Returns what could not be made: that must not keep the server from serving, but it is not well. */
export async function bootstrap(parts: BootstrapParts): Promise<BootstrapFailure[]> {
  const objects = objectsOf(parts);
  // Namespaces first: the others live in them.
  const first = objects.filter((object) => object.kind === 'Namespace');
  await Promise.all(first.map((object) => ensure(parts, object)));
  const others = objects.filter((object) => object.kind !== 'Namespace');
  const failures: BootstrapFailure[] = [];
  const make = async (object: KubeObject): Promise<void> => {
    try {
      await ensure(parts, object);
    } catch (error) {
      parts.onError?.(error);
      failures.push({ kind: object.kind, name: object.metadata.name ?? '', reason: String(error) });
    }
  };
  await Promise.all(others.map(make));
  return failures;
}

/**
 * Makes the Service `kubernetes` again when somebody has deleted it, as `kubectl delete services --all` does.
 * Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/controlplane/controller/kubernetesservice/controller.go
 */
export function keepKubernetesService(parts: BootstrapParts, services: LiveCache): () => void {
  let making = false;
  const make = (): void => {
    if (making || services.get('default/kubernetes') !== undefined) return;
    making = true;
    void ensure(parts, kubernetesService(parts.serviceCidr))
      .catch((error: unknown) => parts.onError?.(error))
      .finally(() => {
        making = false;
      });
  };
  make();
  return services.onChange(make);
}
