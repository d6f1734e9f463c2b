// What tests of claims have in common: volumes and claims of a room, and a directory of the host for them.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENTS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES } from '../../../src/client/index.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  PodSpec,
} from '../../../src/resources/generated/core-v1.ts';
import { Bed, type Room, until, withVolume } from './bed.ts';

/** A pod of one container with the claim's volume at /v. */
export const using = (script: string, claimName: string, more: Partial<PodSpec> = {}): Partial<PodSpec> =>
  withVolume(script, { persistentVolumeClaim: { claimName } }, more);

/** The part of a volume's spec that ties it to a node. */
export const onNode = (node: string) => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
    },
  },
});

export class ClaimBed {
  private serial = 0;
  private constructor(
    readonly bed: Bed,
    readonly room: Room,
    /** Below /tmp, since Kubernetes deletes hostPath volumes nowhere else. */
    readonly host: string,
  ) {}

  static async open(): Promise<ClaimBed> {
    const bed = await Bed.open();
    return new ClaimBed(bed, await bed.room(), mkdtempSync(join(tmpdir(), 'minke-claims-')));
  }

  async close(): Promise<void> {
    await this.bed.close();
    rmSync(this.host, { recursive: true, force: true });
  }

  get volumes() {
    return this.bed.client.resource(PERSISTENT_VOLUMES);
  }

  get claims() {
    return this.bed.client.resource(PERSISTENT_VOLUME_CLAIMS);
  }

  fresh(what: string): string {
    return `${what}-${++this.serial}`;
  }

  directory(): string {
    const path = join(this.host, this.fresh('dir'));
    mkdirSync(path);
    return path;
  }

  async volume(spec: PersistentVolumeSpec): Promise<string> {
    const name = this.fresh('pv');
    await this.volumes.create('', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
    });
    return name;
  }

  /** A claim that only a volume of the same class can serve; without one, any class will do. */
  async claim(
    cls: string | undefined,
    spec: Partial<PersistentVolumeClaimSpec> = {},
    name = this.fresh('pvc'),
  ): Promise<string> {
    await this.claims.create(this.room.namespace, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        ...(cls === undefined ? {} : { storageClassName: cls }),
        ...spec,
      },
    });
    return name;
  }

  async storageClass(more: object): Promise<string> {
    const name = this.fresh('class');
    await this.bed.client.resource(STORAGE_CLASSES).create('', {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: 'kubernetes.io/no-provisioner',
      ...more,
    });
    return name;
  }

  waitingClass(provisioner = 'kubernetes.io/no-provisioner'): Promise<string> {
    return this.storageClass({ provisioner, volumeBindingMode: 'WaitForFirstConsumer' });
  }

  getClaim(name: string): Promise<PersistentVolumeClaim> {
    return this.claims.get(this.room.namespace, name);
  }

  getVolume(name: string): Promise<PersistentVolume> {
    return this.volumes.get('', name);
  }

  claimPhase(name: string, phase: string): Promise<PersistentVolumeClaim> {
    return until(async () => {
      const found = await this.getClaim(name);
      if (found.status?.phase === phase) return found;
      throw new Error(`${name} is ${JSON.stringify(found.status)}`);
    });
  }

  volumePhase(name: string, phase: string): Promise<PersistentVolume> {
    return until(async () => {
      const found = await this.getVolume(name);
      if (found.status?.phase === phase) return found;
      throw new Error(`${name} is ${JSON.stringify(found.status)}`);
    });
  }

  async claimGone(name: string): Promise<void> {
    await until(async () =>
      (await this.claims.list(this.room.namespace)).items.every((one) => one.metadata.name !== name),
    );
  }

  async said(name: string, reason: string, message: string): Promise<void> {
    await until(async () => {
      const fieldSelector = `involvedObject.name=${name},reason=${reason}`;
      const { items } = await this.bed.client.resource(EVENTS).list('', { fieldSelector });
      if (items.some((one) => one.message === message)) return true;
      throw new Error(`${name}: ${items.map((e) => e.message).join('; ')}`);
    });
  }
}
