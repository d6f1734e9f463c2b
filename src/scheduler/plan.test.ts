// Tests of planning: which node takes a pod, in what words none does, and whom preemption takes away.
import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../resources/generated/policy-v1.ts';
import { ClusterCache } from './cluster-cache.ts';
import type { Snapshot } from './framework.ts';
import { podInfo } from './node-info.ts';
import { Filters, plan, scores, unfitMessage } from './plan.ts';
import { podRequests } from './pod-resources.ts';
import { planPreemption } from './preemption.ts';

let names = 0;
type Extra = Partial<PodSpec> & { labels?: Record<string, string>; ns?: string; start?: string };

function pod(requests: Record<string, string>, extra: Extra = {}): Pod {
  const { labels, ns, start, ...spec } = extra;
  const name = `p${++names}`;
  const container = { name: 'c', image: 'i', resources: { requests } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: ns ?? 'ns', uid: name, ...(labels === undefined ? {} : { labels }) },
    spec: { containers: [container], ...spec },
    status: start === undefined ? {} : { startTime: start },
  };
}

function node(
  name: string,
  extra: { labels?: Record<string, string>; allocatable?: Record<string, string>; spec?: Node['spec'] } = {},
): Node {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '110', ...extra.allocatable };
  const labels = { 'kubernetes.io/hostname': name, ...extra.labels };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: extra.spec ?? {},
    status: { allocatable },
  };
}

function cluster(nodes: Node[], placed: [Pod, string][] = [], budgets: PodDisruptionBudget[] = []): Snapshot {
  const cache = new ClusterCache({
    namespaceLabels: (name) => ({ 'kubernetes.io/metadata.name': name }),
    budgets: () => budgets,
    claim: () => undefined,
    volume: () => undefined,
    volumes: () => [],
    storageClass: () => undefined,
    devices: {
      claimsOf: () => undefined,
      isPromised: () => false,
      world: { slices: [], classOf: () => undefined, taken: new Set() },
    },
  });
  for (const one of nodes) cache.setNode(one);
  for (const [one, at] of placed) cache.setPod({ ...one, spec: { containers: [], ...one.spec, nodeName: at } });
  return cache.snapshot();
}

function outcome(one: Pod, snapshot: Snapshot): string {
  const made = plan(podInfo(one), snapshot, { random: () => 0 });
  if (made.kind === 'fits') return made.node;
  if (made.kind === 'no-nodes') return 'no nodes';
  const preemption = planPreemption(podInfo(one), snapshot, made);
  const rest = preemption.kind === 'none' ? preemption.message : `preempts on ${preemption.node}`;
  return `${unfitMessage(snapshot.nodes.length, made)} ${rest}`;
}

/** The nodes that may take the pod. */
function takers(one: Pod, snapshot: Snapshot): string[] {
  const filters = new Filters(podInfo(one), snapshot);
  return snapshot.nodes.filter((each) => filters.check(each) === undefined).map((each) => each.name);
}

describe('requests of a pod', () => {
  it('are the sum of containers and sidecars, or what an init container needs beside the sidecars before it', () => {
    const c = (cpu: string, restartPolicy?: string) => ({ name: 'c', resources: { requests: { cpu } }, restartPolicy });
    const spec = {
      initContainers: [c('1'), c('200m', 'Always'), c('2'), c('300m', 'Always')],
      containers: [c('500m'), c('100m')],
      overhead: { cpu: '10m' },
    } as unknown as PodSpec;
    expect(podRequests({ ...pod({}), spec }).get('cpu')).toBe(2210);
  });
});

describe('requests of a pod that is resized', () => {
  const resources = (cpu: string) => ({ requests: { cpu } });
  const resized = (reason?: string): Pod => {
    const made = pod({});
    const conditions = reason === undefined ? [] : [{ type: 'PodResizePending', status: 'True', reason }];
    const spec = {
      containers: [
        { name: 'c', resources: resources('2') },
        { name: 'd', resources: resources('100m') },
      ],
    };
    const shown = (name: string, cpu: string) => ({ name, resources: resources(cpu), allocatedResources: { cpu } });
    const containerStatuses = [shown('c', '500m'), shown('d', '300m')];
    return { ...made, spec, status: { conditions, containerStatuses } } as unknown as Pod;
  };

  it('are the most of what is asked for and what is in force', () => {
    expect(podRequests(resized()).get('cpu')).toBe(2300);
    expect(podRequests(resized('Deferred')).get('cpu')).toBe(2300);
  });

  it('are what it has where the resize was refused', () => {
    expect(podRequests(resized('Infeasible')).get('cpu')).toBe(800);
  });

  it('of a pod as a whole too', () => {
    const made = pod({});
    const spec = { resources: { requests: { cpu: '1' } }, containers: [{ name: 'c' }] };
    const status = { resources: { requests: { cpu: '1500m' } }, allocatedResources: { cpu: '1' } };
    expect(podRequests({ ...made, spec, status } as unknown as Pod).get('cpu')).toBe(1500);
  });
});

describe('a pod that fits nowhere', () => {
  it('is told so in the words of Kubernetes', () => {
    const selector = pod({}, { nodeSelector: { disk: 'ssd' } });
    expect(outcome(selector, cluster([node('a')]))).toBe(
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
  });

  it('hears each reason with its count', () => {
    const nodes = [
      node('a', { spec: { unschedulable: true } }),
      node('b', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
      node('c', { allocatable: { cpu: '1', memory: '1Gi' } }),
      node('d', { allocatable: { pods: '0' } }),
    ];
    expect(outcome(pod({ cpu: '1500m', memory: '2Gi' }), cluster(nodes))).toBe(
      '0/4 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.',
    );
  });

  it('hears of a claim that is not there', () => {
    const claiming = pod({}, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
    expect(outcome(claiming, cluster([node('a')]))).toBe(
      '0/1 nodes are available: persistentvolumeclaim "data" not found. not found',
    );
  });

  it('hears of devices that nobody can give it', () => {
    const claiming = pod({}, { resourceClaims: [{ name: 'gpu', resourceClaimName: 'c' }] });
    expect(outcome(claiming, cluster([node('a')]))).toBe(
      '0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
  });

  it('hears when there are no nodes at all', () => {
    expect(outcome(pod({}), cluster([]))).toBe('no nodes');
  });
});

describe('nodes are shut out', () => {
  it('by extended resources they lack', () => {
    const nodes = [node('a'), node('b', { allocatable: { 'example.com/gpu': '1' } })];
    expect(takers(pod({ 'example.com/gpu': '1' }), cluster(nodes))).toEqual(['b']);
  });

  it('by taints that are not tolerated', () => {
    const nodes = [
      node('a', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } }),
      node('b', { spec: { taints: [{ key: 'k', effect: 'NoExecute' }] } }),
      node('c', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } }),
    ];
    expect(takers(pod({}), cluster(nodes))).toEqual(['c']);
    expect(takers(pod({}, { tolerations: [{ key: 'k', value: 'v' }] }), cluster(nodes))).toEqual(['a', 'c']);
    expect(takers(pod({}, { tolerations: [{ operator: 'Exists' }] }), cluster(nodes))).toEqual(['a', 'b', 'c']);
  });

  it('by node affinity with all its operators', () => {
    const nodes = [node('a', { labels: { gen: '3', zone: 'x' } }), node('b', { labels: { gen: '10' } }), node('c')];
    const want = (...matchExpressions: { key: string; operator: string; values?: string[] }[]): Pod =>
      pod(
        {},
        {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
            },
          },
        },
      );
    const at = cluster(nodes);
    expect(takers(want({ key: 'gen', operator: 'Gt', values: ['5'] }), at)).toEqual(['b']);
    expect(takers(want({ key: 'gen', operator: 'Lt', values: ['5'] }), at)).toEqual(['a']);
    expect(takers(want({ key: 'zone', operator: 'NotIn', values: ['x'] }), at)).toEqual(['b', 'c']);
    expect(takers(want({ key: 'gen', operator: 'Exists' }, { key: 'zone', operator: 'DoesNotExist' }), at)).toEqual([
      'b',
    ]);
    expect(takers(want({ key: 'zone', operator: 'In', values: ['x', 'y'] }), at)).toEqual(['a']);
    expect(takers(want(), at)).toEqual([]);
  });

  it('by ports of the host that are taken', () => {
    const port = (hostPort: number, hostIP?: string): Extra => ({
      containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort, ...(hostIP === undefined ? {} : { hostIP }) }] }],
    });
    const at = cluster([node('a'), node('b')], [[pod({}, port(80, '10.0.0.1')), 'a']]);
    expect(takers(pod({}, port(80)), at)).toEqual(['b']);
    expect(takers(pod({}, port(80, '10.0.0.2')), at)).toEqual(['a', 'b']);
    expect(takers(pod({}, port(81)), at)).toEqual(['a', 'b']);
  });

  const zones = [
    node('a', { labels: { zone: '1' } }),
    node('b', { labels: { zone: '1' } }),
    node('c', { labels: { zone: '2' } }),
  ];
  const term = (app: string, topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { app } } });

  it('by affinity and anti-affinity to other pods, both ways', () => {
    const web = pod({}, { labels: { app: 'web' } });
    const near: Extra = {
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web', 'zone')] } },
    };
    const far: Extra = {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web', 'zone')] } },
    };
    const at = cluster(zones, [[web, 'a']]);
    expect(takers(pod({}, near), at)).toEqual(['a', 'b']);
    expect(takers(pod({}, far), at)).toEqual(['c']);
    expect(takers(pod({}, { ...near, ns: 'other' }), at)).toEqual([]);
    const hermit = pod({}, { ...far, labels: { app: 'x' } });
    expect(takers(pod({}, { labels: { app: 'web' } }), cluster(zones, [[hermit, 'c']]))).toEqual(['a', 'b']);
    // The first of a group may go anywhere.
    expect(takers(pod({}, { ...near, labels: { app: 'web' } }), cluster(zones))).toEqual(['a', 'b', 'c']);
  });

  it('by spreading that would get too uneven', () => {
    const spread = (whenUnsatisfiable: string): Extra => ({
      labels: { app: 'web' },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable, labelSelector: { matchLabels: { app: 'web' } } },
      ],
    });
    const at = cluster([...zones, node('d')], [[pod({}, { labels: { app: 'web' } }), 'a']]);
    expect(takers(pod({}, spread('DoNotSchedule')), at)).toEqual(['c']);
    expect(takers(pod({}, spread('ScheduleAnyway')), at)).toEqual(['a', 'b', 'c', 'd']);
    expect(outcome(pod({}, spread('ScheduleAnyway')), at)).toBe('c');
  });
});

describe('scores', () => {
  it('prefer the node that the pod brings into balance to one that is in balance already', () => {
    const allocatable = { cpu: '4', memory: '8Gi' };
    const at = cluster(
      [node('even', { allocatable }), node('odd', { allocatable })],
      [
        [pod({ cpu: '1', memory: '2Gi' }), 'even'],
        [pod({ cpu: '100m', memory: '4Gi' }), 'odd'],
      ],
    );
    expect(outcome(pod({ cpu: '1', memory: '1Gi' }), at)).toBe('odd');
  });

  it('prefer the emptier node', () => {
    const at = cluster([node('a'), node('b')], [[pod({ cpu: '1', memory: '1Gi' }), 'a']]);
    expect(outcome(pod({ cpu: '100m' }), at)).toBe('b');
  });

  it('prefer what preferred affinity names, and avoid what taints ask to avoid', () => {
    const preferred = [
      { weight: 50, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
    ];
    const wishing = pod(
      {},
      { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } } },
    );
    expect(outcome(wishing, cluster([node('a'), node('b', { labels: { disk: 'ssd' } })]))).toBe('b');
    const shunned = node('a', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } });
    expect(outcome(pod({}), cluster([shunned, node('b')]))).toBe('b');
  });

  it('prefer the node that has the image', () => {
    const has = node('b');
    has.status = { ...has.status, images: [{ names: ['docker.io/library/big:1'], sizeBytes: 900 * 1024 * 1024 }] };
    const one = pod({}, { containers: [{ name: 'c', image: 'docker.io/library/big:1' }] });
    expect(outcome(one, cluster([node('a'), has]))).toBe('b');
  });

  it('spread the pods of one controller', () => {
    const owned = (): Pod => {
      const one = pod({});
      const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true };
      return { ...one, metadata: { ...one.metadata, ownerReferences: [owner] } };
    };
    const at = cluster([node('a'), node('b')], [[owned(), 'a']]);
    expect(outcome(owned(), at)).toBe('b');
  });

  it('are between 0 and 100 for each plugin, whatever the cluster', () => {
    const at = cluster([node('a', { allocatable: { cpu: '0', memory: '0' } }), node('b')]);
    const filters = new Filters(podInfo(pod({})), at);
    for (const total of scores(filters.running, at.nodes)) expect(total).toBeGreaterThanOrEqual(0);
  });
});

describe('preemption', () => {
  const big = { cpu: '1500m' };
  function victims(one: Pod, at: Snapshot): { node: string; names: (string | undefined)[] } | string {
    const made = plan(podInfo(one), at, { random: () => 0 });
    if (made.kind !== 'unfit') return made.kind;
    const found = planPreemption(podInfo(one), at, made);
    if (found.kind === 'none') return found.message;
    return { node: found.node, names: found.victims.map((v) => v.pod.metadata.name) };
  }

  it('takes away only lower priorities, and only as many as needed', () => {
    const low = pod({ cpu: '1' }, { priority: 1 });
    const lower = pod({ cpu: '1' }, { priority: 0 });
    const at = cluster(
      [node('a')],
      [
        [low, 'a'],
        [lower, 'a'],
      ],
    );
    expect(victims(pod({ cpu: '1' }, { priority: 10 }), at)).toEqual({ node: 'a', names: [lower.metadata.name] });
    expect(victims(pod({ cpu: '1' }, { priority: 0 }), at)).toBe(
      'no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  it('chooses the node where it does least harm', () => {
    const a = pod(big, { priority: 5 });
    const b = pod(big, { priority: 3 });
    const at = cluster(
      [node('a'), node('b')],
      [
        [a, 'a'],
        [b, 'b'],
      ],
    );
    expect(victims(pod(big, { priority: 10 }), at)).toEqual({ node: 'b', names: [b.metadata.name] });
  });

  it('spares pods whose budget allows no disruption, where it can', () => {
    const a = pod(big, { priority: 3, labels: { app: 'db' } });
    const b = pod(big, { priority: 5 });
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b', namespace: 'ns' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1 },
    };
    const at = cluster(
      [node('a'), node('b')],
      [
        [a, 'a'],
        [b, 'b'],
      ],
      [budget],
    );
    expect(victims(pod(big, { priority: 10 }), at)).toEqual({ node: 'b', names: [b.metadata.name] });
  });

  it('is not for pods that say never', () => {
    const at = cluster([node('a')], [[pod(big), 'a']]);
    expect(victims(pod(big, { priority: 10, preemptionPolicy: 'Never' }), at)).toBe(
      'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
  });
});
