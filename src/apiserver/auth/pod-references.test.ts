// What pods and volumes refer to, place by place.
import { describe, expect, it } from 'vitest';
import type { PersistentVolumeSpec, Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { podReferences, volumeReferences } from './pod-references.ts';

const pod = (spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a', ...metadata },
  spec: { nodeName: 'n', containers: [], ...spec },
});

const secretRef = { name: 's' };
const env = (source: object) => [{ name: 'E', valueFrom: source }];
const secretEnv = env({ secretKeyRef: { name: 's', key: 'k' } });
const volume = (source: object): Partial<PodSpec> => ({ volumes: [{ name: 'v', ...source }] });

const SECRETS: readonly (readonly [place: string, spec: Partial<PodSpec>])[] = [
  ['imagePullSecrets', { imagePullSecrets: [secretRef] }],
  ['a variable', { containers: [{ name: 'c', env: secretEnv }] }],
  ['variables', { containers: [{ name: 'c', envFrom: [{ secretRef }] }] }],
  ['a variable of an init container', { initContainers: [{ name: 'c', env: secretEnv }] }],
  ['a variable of an ephemeral container', { ephemeralContainers: [{ name: 'c', env: secretEnv }] }],
  ['secret', volume({ secret: { secretName: 's' } })],
  ['projected', volume({ projected: { sources: [{ secret: { name: 's' } }] } })],
  ['azureFile', volume({ azureFile: { secretName: 's', shareName: 'x' } })],
  ['cephfs', volume({ cephfs: { monitors: [], secretRef } })],
  ['cinder', volume({ cinder: { volumeID: 'x', secretRef } })],
  ['flexVolume', volume({ flexVolume: { driver: 'd', secretRef } })],
  ['rbd', volume({ rbd: { monitors: [], image: 'i', secretRef } })],
  ['scaleIO', volume({ scaleIO: { gateway: 'g', system: 's', secretRef } })],
  ['iscsi', volume({ iscsi: { targetPortal: 't', iqn: 'i', lun: 0, secretRef } })],
  ['storageos', volume({ storageos: { volumeName: 'x', secretRef } })],
  ['csi', volume({ csi: { driver: 'd', nodePublishSecretRef: secretRef } })],
];

const CONFIG_MAPS: readonly (readonly [place: string, spec: Partial<PodSpec>])[] = [
  ['a variable', { containers: [{ name: 'c', env: env({ configMapKeyRef: { name: 's', key: 'k' } }) }] }],
  ['variables', { initContainers: [{ name: 'c', envFrom: [{ configMapRef: { name: 's' } }] }] }],
  ['configMap', volume({ configMap: { name: 's' } })],
  ['projected', volume({ projected: { sources: [{ configMap: { name: 's' } }] } })],
];

describe('a pod refers to', () => {
  it.each(SECRETS)('a Secret by %s', (_, spec) => {
    const found = podReferences(pod(spec));
    expect([...(found?.secrets ?? [])]).toEqual(['s']);
    expect(found?.configMaps.size).toBe(0);
  });

  it.each(CONFIG_MAPS)('a ConfigMap by %s', (_, spec) => {
    const found = podReferences(pod(spec));
    expect([...(found?.configMaps ?? [])]).toEqual(['s']);
    expect(found?.secrets.size).toBe(0);
  });

  it('nothing while no node runs it', () => {
    expect(podReferences(pod({ nodeName: '' }))).toBeUndefined();
  });

  it('nothing when a kubelet made it to show a pod of its own', () => {
    const mirror = pod(
      { imagePullSecrets: [secretRef], serviceAccountName: 'sa' },
      { annotations: { 'kubernetes.io/config.mirror': 'x' } },
    );
    expect(podReferences(mirror)).toMatchObject({ node: 'n', serviceAccount: '', secrets: new Set() });
  });
});

const ref = { name: 's' };
const elsewhere = { name: 's', namespace: 'z' };
const VOLUMES: readonly (readonly [place: string, spec: PersistentVolumeSpec, secrets: readonly string[]])[] = [
  ['azureFile', { azureFile: { secretName: 's', shareName: 'x' } }, ['a/s']],
  ['azureFile elsewhere', { azureFile: { secretName: 's', shareName: 'x', secretNamespace: 'z' } }, ['z/s']],
  ['cephfs', { cephfs: { monitors: [], secretRef: ref } }, ['a/s']],
  ['cephfs elsewhere', { cephfs: { monitors: [], secretRef: elsewhere } }, ['z/s']],
  ['cinder', { cinder: { volumeID: 'x', secretRef: elsewhere } }, ['z/s']],
  ['flexVolume', { flexVolume: { driver: 'd', secretRef: ref } }, ['a/s']],
  ['rbd', { rbd: { monitors: [], image: 'i', secretRef: ref } }, ['a/s']],
  ['scaleIO', { scaleIO: { gateway: 'g', system: 's', secretRef: ref } }, ['a/s']],
  ['iscsi', { iscsi: { targetPortal: 't', iqn: 'i', lun: 0, secretRef: ref } }, ['a/s']],
  ['storageos', { storageos: { secretRef: elsewhere } }, ['z/s']],
  ['csi, publishing', { csi: { driver: 'd', volumeHandle: 'h', nodePublishSecretRef: elsewhere } }, ['z/s']],
  ['csi, staging', { csi: { driver: 'd', volumeHandle: 'h', nodeStageSecretRef: elsewhere } }, ['z/s']],
  ['csi, growing', { csi: { driver: 'd', volumeHandle: 'h', nodeExpandSecretRef: elsewhere } }, ['z/s']],
  ['csi, the controller', { csi: { driver: 'd', volumeHandle: 'h', controllerExpandSecretRef: elsewhere } }, []],
];

describe('a volume needs the Secret of', () => {
  it.each(VOLUMES)('%s', (_, spec, secrets) => {
    const claimRef = { namespace: 'a', name: 'claim' };
    const found = volumeReferences({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {},
      spec: { claimRef, ...spec },
    });
    expect(found?.claim).toBe('a/claim');
    expect([...(found?.secrets ?? [])]).toEqual(secrets);
  });

  it('nobody while nobody claims it', () => {
    const spec = { cephfs: { monitors: [], secretRef: elsewhere } };
    expect(volumeReferences({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: {}, spec })).toBeUndefined();
  });
});
