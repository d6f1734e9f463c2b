// The kubelet of a cluster has a node's rights and no more: all that it asks of the API for its pods is within them, and what kubectl asks as a node is too.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CLUSTER_TRUST_BUNDLES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
} from '../../../src/client/index.ts';
import { Bed, type Room, sh, skipReason, until } from '../storage/bed.ts';
import { TestSigner } from '../storage/signer.ts';

let bed: Bed;
let room: Room;
let node: string;
let pod: string;

async function claim(name: string): Promise<void> {
  const resources = { requests: { storage: '1Gi' } };
  const accessModes: string[] = ['ReadWriteOnce'];
  const volumeName = `${name}-volume`;
  await bed.client.resource(PERSISTENT_VOLUMES).create('', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName },
    spec: {
      accessModes,
      capacity: { storage: '1Gi' },
      storageClassName: '',
      hostPath: { path: join(bed.cluster.dir, volumeName), type: 'DirectoryOrCreate' },
    },
  });
  await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).create(room.namespace, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes, resources, storageClassName: '', volumeName },
  });
}

async function showStaticPod(): Promise<void> {
  const container = sh('sleep 1000');
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'static' }, spec: { containers: [container] } };
  writeFileSync(join(bed.cluster.dir, 'manifests', 'static.json'), JSON.stringify(pod));
  await until(() => bed.client.resource(PODS).get('default', `static-${node}`));
}

/** A pod that needs something of every kind. */
async function runNeedy(): Promise<string> {
  const signer = await TestSigner.open('authority');
  await bed.client.resource(CLUSTER_TRUST_BUNDLES).create('', {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kind: 'ClusterTrustBundle',
    metadata: { name: 'trusted' },
    spec: { trustBundle: `${signer.authority.toString('pem')}\n` },
  });
  const [map, secret] = await Promise.all([room.configMap({ a: 'map' }), room.secret({ a: 'secret' }, {}, 'needed')]);
  await claim('claimed');
  const sources = [
    { configMap: { name: map } },
    { secret: { name: secret, items: [{ key: 'a', path: 'b' }] } },
    { serviceAccountToken: { path: 'token', audience: 'vault' } },
    { clusterTrustBundle: { name: 'trusted', path: 'anchors.pem' } },
  ];
  const env = [
    { name: 'MAP', valueFrom: { configMapKeyRef: { name: map, key: 'a' } } },
    { name: 'SECRET', valueFrom: { secretKeyRef: { name: secret, key: 'a' } } },
  ];
  const volumeMounts = [
    { name: 'all', mountPath: '/all' },
    { name: 'claimed', mountPath: '/claimed' },
  ];
  return room.start({
    containers: [sh('echo $MAP $SECRET; ls /all; sleep 1000', { env, volumeMounts })],
    volumes: [
      { name: 'all', projected: { sources } },
      { name: 'claimed', persistentVolumeClaim: { claimName: 'claimed' } },
    ],
  });
}

describe.skipIf(skipReason !== undefined)(`a kubelet with a node’s rights (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open('--runtime-config', 'certificates.k8s.io/v1beta1');
    room = await bed.room();
    const [found] = (await bed.client.resource(NODES).list('')).items;
    node = found?.metadata.name ?? '';
    pod = await runNeedy();
    await showStaticPod();
  }, 180_000);
  afterAll(() => bed?.close(), 60_000);

  const asNode = (...args: string[]) =>
    bed.cluster.kubectl(['--as', `system:node:${node}`, '--as-group', 'system:nodes', ...args]);

  it('is refused nothing that its pods, its node and its plugins need', async () => {
    expect(await room.logs(pod, 'token')).toBe('map secret\na\nanchors.pem\nb\ntoken\n');
    // The kubelet that comes back looks at what is on the node, and whether it should be.
    await bed.crash();
    await room.exec(pod, 'true');
    expect(bed.cluster.refusals()).toEqual([]);
  }, 120_000);

  it('sees through kubectl what is its own, and is told why not where it is not', async () => {
    const hidden = await room.secret({ a: 'b' });
    const rows: readonly (readonly [args: string, said: string])[] = [
      [`get node ${node}`, 'Ready'],
      [`get pods -A --field-selector spec.nodeName=${node}`, `static-${node}`],
      [`get secret -n ${room.namespace} needed`, 'Opaque'],
      [`get lease -n kube-node-lease ${node}`, node],
      [`get csinode ${node}`, node],
      [`get resourceslices --field-selector spec.nodeName=${node}`, 'No resources found'],
      ['get persistentvolume claimed-volume', 'claimed'],
      ['get nodes', `node '${node}' cannot read all nodes, only its own Node object`],
      ['get pods -A', 'can only list/watch pods with spec.nodeName field selector'],
      [`get secret -n ${room.namespace} ${hidden}`, `no relationship found between node '${node}' and this object`],
      ['get resourceslices', 'can only list/watch/deletecollection resourceslices with nodeName field selector'],
      ['get leases -n kube-node-lease', 'can only get, create, update, patch, or delete a node lease'],
      ['get csinodes', 'can only get, create, update, patch, or delete a CSINode'],
      [`label node ${node} node-role.kubernetes.io/x=y`, 'is not allowed to modify labels: node-role.kubernetes.io/x'],
      [`taint node ${node} k=v:NoSchedule`, `node "${node}" is not allowed to modify taints`],
      [`delete node ${node}`, `cannot delete resource "nodes" in API group ""`],
      ['run x --image x', 'pod does not have "kubernetes.io/config.mirror" annotation'],
    ];
    for (const [args, said] of rows) {
      const { stdout, stderr } = await asNode(...args.split(' '));
      expect(stdout + stderr, args).toContain(said);
    }
  }, 60_000);
});
