// Tests of Kubernetes protobuf: the published round-trip vectors where they are at hand, and a few of our own.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { definitionPrefix, factPackage, factPackageKeys } from '../../resources/schema/index.ts';
import { decodeObject, encodeObject, encodeWatchEvent, hasProtobuf, openEnvelope } from './index.ts';

const VECTORS = new URL('../../../../shared/reference/roundtrip-v1.36/', import.meta.url).pathname;

/** `apps.v1.Deployment.json` → the definition name of the type. Options and the like of meta/v1 are filed under `core`. */
function definitionOf(file: string): string {
  const [, group = '', version = '', kind = ''] = /^(.+)\.(v[^.]+)\.([^.]+)\.json$/.exec(file) ?? [];
  const wanted = group === 'core' ? '' : group;
  for (const key of [...factPackageKeys(), 'meta/v1']) {
    const pack = factPackage(key);
    if (pack === undefined || !key.endsWith(`/${version}`)) continue;
    const here = pack.group === wanted || (wanted === '' && key === 'meta/v1');
    if (here && (pack.structs.has(kind) || pack.aliases.has(kind))) return definitionPrefix(key) + kind;
  }
  return `unknown: ${file}`;
}

describe.skipIf(!existsSync(VECTORS))('the round-trip vectors of v1.36 (skipped where they are not at hand)', () => {
  const files = existsSync(VECTORS) ? readdirSync(VECTORS).filter((f) => f.endsWith('.json')) : [];

  it.each(files)('%s', (file) => {
    const json = JSON.parse(readFileSync(VECTORS + file, 'utf8')) as { apiVersion: string; kind: string };
    const bytes = readFileSync(VECTORS + file.replace(/\.json$/, '.pb'));
    const id = definitionOf(file);
    expect(decodeObject(id, bytes).object).toEqual(json);
    expect(Buffer.from(encodeObject(id, json)).toString('hex')).toBe(bytes.toString('hex'));
  });
});

const POD = 'io.k8s.api.core.v1.Pod';

describe('protobuf', () => {
  it('writes fields that are held by value always, and pointers when they are set', () => {
    const bytes = encodeObject('io.k8s.api.core.v1.ConfigMap', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', creationTimestamp: '2026-01-02T03:04:05Z' },
      data: { b: '2', a: '1' },
    });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      [
        '6b387300', // k8s\0
        '0a0f0a0276311209436f6e6669674d6170', // v1, ConfigMap
        '122b',
        '0a190a016112001a0022002a0032003800420808a5ebdcca061000',
        '12060a0161120131', // a: 1, though b came first
        '12060a0162120132',
        '1a002200',
      ].join(''),
    );
  });

  it('gives an object back as JSON has it', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'a',
        labels: { __proto__x: 'y' },
        managedFields: [{ manager: 'm', fieldsV1: { 'f:spec': {} } }],
      },
      spec: {
        containers: [
          {
            name: 'c',
            resources: { limits: { cpu: '500m' } },
            livenessProbe: { httpGet: { port: 'web' }, failureThreshold: 3 },
            securityContext: { runAsUser: -1, privileged: false },
          },
        ],
        securityContext: { supplementalGroups: [1, 4294967296] },
        volumes: [{ name: 'v', emptyDir: {} }],
      },
      status: {
        conditions: [
          { type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: '2026-01-02T03:04:05Z' },
        ],
      },
    };
    expect(decodeObject(POD, encodeObject(POD, pod)).object).toEqual(pod);
  });

  it('frames watch events with a length of four bytes', () => {
    const frame = Buffer.from(
      encodeWatchEvent('ADDED', POD, { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: {}, status: {} }),
    );
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    expect(frame.subarray(4, 11).toString('latin1')).toBe('\n\x05ADDED');
  });

  it('refuses what is cut off or no protobuf at all', () => {
    const bytes = encodeObject(POD, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'abc' }, spec: {}, status: {} });
    expect(() => decodeObject(POD, bytes.subarray(0, 30))).toThrow('unexpected EOF');
    expect(() => openEnvelope(Buffer.from('{}'))).toThrow('expected prefix [107 56 115 0]');
  });

  it('survives any bytes', () => {
    let seed = 1;
    for (let i = 0; i < 300; i++) {
      const body = Buffer.alloc(60);
      for (let j = 0; j < body.length; j++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        body[j] = seed >>> 16;
      }
      const message = Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, 60]), body]);
      try {
        decodeObject(POD, message);
      } catch (error) {
        expect((error as Error).constructor.name).toBe('DecodeError');
      }
    }
  });

  it('knows what it cannot carry', () => {
    expect(hasProtobuf(POD)).toBe(true);
    expect(hasProtobuf('io.k8s.apimachinery.pkg.apis.meta.v1.Table')).toBe(false);
    expect(hasProtobuf('com.example.v1.Widget')).toBe(false);
  });
});

describe('integers in protobuf', () => {
  const pod = (seconds: bigint | number) => ({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {},
    spec: { containers: [{ name: 'c', resources: {} }], activeDeadlineSeconds: seconds },
    status: {},
  });

  it.each([2n ** 63n - 1n, -(2n ** 63n), 9007199254740993n, -1, 5, 2 ** 53 - 1])('keep 64 bits: %s', (seconds) => {
    expect(decodeObject(POD, encodeObject(POD, pod(seconds))).object).toEqual(pod(seconds));
  });

  it('of 32 bits are the lower ones of what was sent', () => {
    // apps/v1 Deployment, spec (2), replicas (1): 2^32 + 7.
    const envelope = Buffer.from('6b387300' + '1208' + '1206' + '088780808010', 'hex');
    expect(decodeObject('io.k8s.api.apps.v1.Deployment', envelope).object).toMatchObject({ spec: { replicas: 7 } });
  });
});
