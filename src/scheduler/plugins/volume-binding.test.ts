// Where pods with claims can go, and which volumes their claims get there.
import { describe, expect, it } from 'vitest';
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  Pod,
} from '../../resources/generated/core-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import { ClusterCache } from '../cluster-cache.ts';
import type { Snapshot } from '../framework.ts';
import { podInfo } from '../node-info.ts';
import { plan, unfitMessage } from '../plan.ts';
import { chooseVolumes } from './volume-binding.ts';

const node = (name: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, zone: name.slice(-1) } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '110' } },
});

const on = (name: string): PersistentVolumeSpec['nodeAffinity'] => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }],
  },
});

const volume = (name: string, spec: PersistentVolumeSpec = {}): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, storageClassName: 'waits', ...spec },
  status: { phase: 'Available' },
});

const claim = (name: string, spec: Partial<PersistentVolumeClaimSpec> = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'ns', uid: `uid-${name}` },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'waits',
    ...spec,
  },
  status: { phase: 'Pending' },
});

const storageClass = (name: string, more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...more,
});

const CLASSES = [
  storageClass('waits'),
  storageClass('made', { provisioner: 'example.com/maker' }),
  storageClass('zoned', {
    provisioner: 'example.com/maker',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['b'] }] }],
  }),
];

interface World {
  readonly volumes?: PersistentVolume[];
  readonly claims?: PersistentVolumeClaim[];
  readonly placed?: [Pod, string][];
}

function world({ volumes = [], claims = [], placed = [] }: World): Snapshot {
  const cache = new ClusterCache({
    namespaceLabels: () => ({}),
    budgets: () => [],
    claim: (namespace, name) => claims.find((c) => c.metadata.namespace === namespace && c.metadata.name === name),
    volume: (name) => volumes.find((v) => v.metadata.name === name),
    volumes: () => volumes,
    storageClass: (name) => CLASSES.find((c) => c.metadata.name === name),
    devices: {
      claimsOf: () => undefined,
      isPromised: () => false,
      world: { slices: [], classOf: () => undefined, taken: new Set() },
    },
  });
  for (const name of ['node-a', 'node-b']) cache.setNode(node(name));
  for (const [pod, at] of placed) cache.setPod({ ...pod, spec: { containers: [], ...pod.spec, nodeName: at } });
  return cache.snapshot();
}

let serial = 0;
const using = (...claims: string[]): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p${++serial}`, namespace: 'ns', uid: `u${serial}` },
  spec: {
    containers: [{ name: 'c', image: 'i' }],
    volumes: claims.map((claimName, i) => ({ name: `v${i}`, persistentVolumeClaim: { claimName } })),
  },
});

function outcome(pod: Pod, snapshot: Snapshot): string {
  const made = plan(podInfo(pod), snapshot, { random: () => 0 });
  if (made.kind === 'fits') return made.node;
  return made.kind === 'no-nodes' ? made.kind : unfitMessage(snapshot.nodes.length, made);
}

describe('a claim that waits for its pod', () => {
  it('lets the pod go only where a volume is free', () => {
    const claims = [claim('c')];
    const volumes = [volume('there', { nodeAffinity: on('node-b') })];
    expect(outcome(using('c'), world({ volumes, claims }))).toBe('node-b');
    const none = "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.";
    expect(outcome(using('c'), world({ claims }))).toBe(none);
    expect(outcome(using('c', 'd'), world({ volumes, claims: [...claims, claim('d')] }))).toBe(none);
  });

  it('gets the smallest volume that will do, and each claim its own', () => {
    const volumes = [
      volume('large', { capacity: { storage: '9Gi' } }),
      volume('small'),
      volume('medium', { capacity: { storage: '3Gi' } }),
    ];
    const big = claim('big', { resources: { requests: { storage: '2Gi' } } });
    const snapshot = world({ volumes, claims: [big, claim('little')] });
    const at = snapshot.node('node-a');
    if (at === undefined) throw new Error('there is no such node');
    const chosen = chooseVolumes(using('big', 'little'), at, snapshot);
    expect(chosen.map((c) => [c.claim.metadata.name, c.volume?.metadata.name])).toEqual([
      ['little', 'small'],
      ['big', 'medium'],
    ]);
  });

  it('may be made where its class says so', () => {
    const made = claim('c', { storageClassName: 'made' });
    expect(outcome(using('c'), world({ claims: [made] }))).toBe('node-a');
    const zoned = claim('c', { storageClassName: 'zoned' });
    expect(outcome(using('c'), world({ claims: [zoned] }))).toBe('node-b');
  });
});

describe('a claim that is bound', () => {
  const bound = { ...claim('c', { volumeName: 'v' }), status: { phase: 'Bound' } };

  it('takes its pod where its volume is', () => {
    expect(
      outcome(using('c'), world({ volumes: [volume('v', { nodeAffinity: on('node-b') })], claims: [bound] })),
    ).toBe('node-b');
    const away = world({ volumes: [volume('v', { nodeAffinity: on('node-z') })], claims: [bound] });
    const text = "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.";
    expect(outcome(using('c'), away)).toBe(text);
  });

  it('for one pod only takes no second one', () => {
    const single = { ...bound, spec: { ...bound.spec, accessModes: ['ReadWriteOncePod'] } };
    const volumes = [volume('v')];
    const first = using('c');
    const text =
      '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.';
    expect(outcome(using('c'), world({ volumes, claims: [single], placed: [[first, 'node-a']] }))).toBe(text);
    expect(outcome(using('c'), world({ volumes, claims: [bound], placed: [[first, 'node-a']] }))).toBe('node-b');
  });
});

describe('a claim that is not fit to be used', () => {
  const refused = (claims: PersistentVolumeClaim[], pod: Pod = using('c')): string => outcome(pod, world({ claims }));
  const head = '0/2 nodes are available: ';

  it('keeps the pod waiting, and says why', () => {
    expect(refused([])).toBe(`${head}persistentvolumeclaim "c" not found.`);
    expect(refused([claim('c', { storageClassName: 'other' })])).toBe(
      `${head}pod has unbound immediate PersistentVolumeClaims.`,
    );
    const lost = { ...claim('c', { volumeName: 'gone' }), status: { phase: 'Lost' } };
    expect(refused([lost])).toBe(`${head}persistentvolumeclaim "c" bound to non-existent persistentvolume "gone".`);
    const going = claim('c');
    going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(refused([going])).toBe(`${head}persistentvolumeclaim "c" is being deleted.`);
  });

  it('of an ephemeral volume must be made, and for this pod', () => {
    const pod = using();
    const { name } = pod.metadata;
    if (pod.spec !== undefined) pod.spec.volumes = [{ name: 'v', ephemeral: {} }];
    expect(refused([], pod)).toBe(
      `${head}waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}-v".`,
    );
    expect(refused([claim(`${name}-v`)], pod)).toBe(
      `${head}PVC ns/${name}-v was not created for pod ns/${name} (pod is not owner).`,
    );
  });
});
