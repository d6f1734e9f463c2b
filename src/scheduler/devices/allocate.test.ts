// Devices for claims: who gets which, and in what words nobody gets any.
import { describe, expect, it } from 'vitest';
import type { Device, DeviceClass, ResourceClaim, ResourceSlice } from '../../resources/generated/resource-v1.ts';
import { allocate, type DeviceWorld } from './allocate.ts';

const DRIVER = 'gpu.example.com';
const NODE = { name: 'n1', labels: { zone: 'a' } };

function device(name: string, attributes: Device['attributes'] = {}, more: Partial<Device> = {}): Device {
  return { name, attributes, ...more };
}

function slice(devices: Device[], more: Partial<ResourceSlice['spec']> = {}): ResourceSlice {
  const pool = { name: 'pool', generation: 1, resourceSliceCount: 1 };
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name: 's' },
    spec: { driver: DRIVER, pool, nodeName: 'n1', devices, ...more },
  };
}

type Request = NonNullable<NonNullable<ResourceClaim['spec']['devices']>['requests']>[number];
type Constraints = NonNullable<ResourceClaim['spec']['devices']>['constraints'];

function exactly(name: string, more: Partial<NonNullable<Request['exactly']>> = {}): Request {
  return { name, exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1, ...more } };
}

const select = (expression: string) => ({ selectors: [{ cel: { expression } }] });

function claim(requests: Request[], constraints: Constraints = []): ResourceClaim {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name: 'c', namespace: 'ns' },
    spec: { devices: { requests, constraints } },
  };
}

const GPU: DeviceClass = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  metadata: { name: 'gpu' },
  spec: select(`device.driver == "${DRIVER}"`),
};

function world(slices: ResourceSlice[], taken: string[] = [], deviceClass = GPU): DeviceWorld {
  const ids = taken.map((name) => `${DRIVER}/pool/${name}`);
  return { slices, classOf: (name) => (name === 'gpu' ? deviceClass : undefined), taken: new Set(ids) };
}

/** `request=device` of each result, claim by claim. */
function found(at: DeviceWorld, ...claims: ResourceClaim[]): string[][] | undefined {
  return allocate(at, claims, NODE)?.map((one) => (one.devices?.results ?? []).map((r) => `${r.request}=${r.device}`));
}

describe('a claim', () => {
  it('gets devices that its class and its own selectors choose, by attribute, version and capacity', () => {
    const at = world([
      slice([
        device('old', { model: { string: 'a' }, version: { version: '1.9.0' } }),
        device(
          'small',
          { model: { string: 'b' }, version: { version: '2.1.0' } },
          { capacity: { memory: { value: '1Gi' } } },
        ),
        device(
          'right',
          { model: { string: 'b' }, version: { version: '2.1.0' } },
          { capacity: { memory: { value: '8Gi' } } },
        ),
      ]),
      slice([device('other')], {
        driver: 'nic.example.com',
        pool: { name: 'pool', generation: 1, resourceSliceCount: 1 },
      }),
    ]);
    const expression = `device.attributes["${DRIVER}"].version.compareTo(semver("2.0.0")) >= 0 && device.capacity["${DRIVER}"].memory.compareTo(quantity("4Gi")) >= 0`;
    expect(
      found(at, claim([exactly('g', select(`has(device.capacity["${DRIVER}"].memory) && ${expression}`))])),
    ).toEqual([['g=right']]);
    const gone = claim([exactly('g', select(`"x" in device.attributes["none.example.com"]`))]);
    expect(found(at, gone)).toBeUndefined();
    expect(found(at, claim([exactly('g', { capacity: { requests: { memory: '4Gi' } } })]))).toEqual([['g=right']]);
  });

  it('gets none that another has, and no two get the same', () => {
    const at = world([slice([device('a'), device('b'), device('c')])], ['a']);
    expect(found(at, claim([exactly('x')]), claim([exactly('y')]))).toEqual([['x=b'], ['y=c']]);
    expect(found(at, claim([exactly('x', { count: 3 })]))).toBeUndefined();
    expect(found(at, claim([exactly('x', { adminAccess: true })]))).toEqual([['x=a']]);
  });

  it('gets all there are, or nothing', () => {
    const at = (...taken: string[]) => world([slice([device('a'), device('b')])], taken);
    const { count: _count, ...all } = { allocationMode: 'All', count: 0 };
    const wanted = claim([{ name: 'x', exactly: { deviceClassName: 'gpu', ...all } }]);
    expect(found(at(), wanted)).toEqual([['x=a', 'x=b']]);
    expect(found(at('b'), wanted)).toBeUndefined();
    const torn = world([slice([device('a')], { pool: { name: 'pool', generation: 1, resourceSliceCount: 2 } })]);
    expect(() => found(torn, wanted)).toThrow(
      'claim ns/c, request x: asks for all devices, but resource pool gpu.example.com/pool is currently being updated',
    );
  });

  it('goes back on its choices until constraints hold', () => {
    const at = world([
      slice([
        device('a0', { numa: { int: 0 } }),
        device('b1', { numa: { int: 1 } }),
        device('c1', { numa: { int: 1 } }),
        device('none'),
      ]),
    ]);
    const matchAttribute = `${DRIVER}/numa`;
    expect(found(at, claim([exactly('x'), exactly('y')], [{ matchAttribute }]))).toEqual([['x=b1', 'y=c1']]);
    expect(found(at, claim([exactly('x', { count: 2 })], [{ distinctAttribute: matchAttribute }]))).toEqual([
      ['x=a0', 'x=b1'],
    ]);
    expect(found(at, claim([exactly('x', { count: 3 })], [{ matchAttribute }]))).toBeUndefined();
    expect(found(at, claim([exactly('x'), exactly('y')], [{ matchAttribute, requests: ['y'] }]))).toEqual([
      ['x=a0', 'y=b1'],
    ]);
  });

  it('takes the first of its alternatives that can be had', () => {
    const at = world([slice([device('a', { model: { string: 'small' } })])]);
    const one = (name: string, model: string) => ({
      name,
      deviceClassName: 'gpu',
      allocationMode: 'ExactCount',
      count: 1,
      ...select(`device.attributes["${DRIVER}"].model == "${model}"`),
    });
    const wanted = claim([{ name: 'g', firstAvailable: [one('big', 'large'), one('little', 'small')] }]);
    expect(found(at, wanted)).toEqual([['g/little=a']]);
  });

  it('gets nothing that is tainted, unless it puts up with it', () => {
    const taints = [{ key: 'ill', value: 'yes', effect: 'NoSchedule' }];
    const at = world([slice([device('a', {}, { taints })])]);
    expect(found(at, claim([exactly('x')]))).toBeUndefined();
    const tolerations = [{ key: 'ill', operator: 'Exists' }];
    expect(allocate(at, [claim([exactly('x', { tolerations })])], NODE)?.[0]?.devices?.results?.[0]).toEqual({
      request: 'x',
      driver: DRIVER,
      pool: 'pool',
      device: 'a',
      tolerations,
    });
  });

  it('shares out what devices have in common', () => {
    const consumes = (value: string): Partial<Device> => ({
      consumesCounters: [{ counterSet: 'board', counters: { memory: { value } } }],
    });
    const shared = slice([], { sharedCounters: [{ name: 'board', counters: { memory: { value: '10Gi' } } }] });
    const pool = { name: 'pool', generation: 1, resourceSliceCount: 2 };
    const parts = slice([
      device('a', {}, consumes('6Gi')),
      device('b', {}, consumes('6Gi')),
      device('c', {}, consumes('4Gi')),
    ]);
    const slices = [shared, parts].map((one) => ({ ...one, spec: { ...one.spec, pool } }));
    expect(found(world(slices), claim([exactly('x', { count: 2 })]))).toEqual([['x=a', 'x=c']]);
    expect(found(world(slices, ['a']), claim([exactly('x', { count: 2 })]))).toBeUndefined();
  });
});

describe('an allocation', () => {
  it('tells the configuration of class and claim, and where its devices can be reached', () => {
    const opaque = (driver: string) => ({ opaque: { driver, parameters: { a: 1 } } });
    const deviceClass = { ...GPU, spec: { ...GPU.spec, config: [opaque(DRIVER)] } };
    const wanted = claim([exactly('x'), exactly('y')]);
    const config = [
      { requests: ['y'], ...opaque('mine') },
      { requests: ['z'], ...opaque('not') },
    ];
    const made = { ...wanted, spec: { devices: { ...wanted.spec.devices, config } } };
    const [result] = allocate(world([slice([device('a'), device('b')])], [], deviceClass), [made], NODE) ?? [];
    expect(result?.devices?.config).toEqual([
      { source: 'FromClass', requests: ['x', 'y'], ...opaque(DRIVER) },
      { source: 'FromClaim', requests: ['y'], ...opaque('mine') },
    ]);
    expect(result?.nodeSelector).toEqual({
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
    });
  });

  it('of devices that many nodes reach goes to all of those', () => {
    const { nodeName: _nodeName, ...spec } = slice([device('a')]).spec;
    const inZone = (zone: string) => ({
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }],
    });
    const at = (more: object) => world([{ ...slice([]), spec: { ...spec, ...more } }]);
    const wanted = claim([exactly('x')]);
    expect(allocate(at({ nodeSelector: inZone('a') }), [wanted], NODE)?.[0]?.nodeSelector).toEqual(inZone('a'));
    expect(allocate(at({ nodeSelector: inZone('b') }), [wanted], NODE)).toBeUndefined();
    expect(allocate(at({ allNodes: true }), [wanted], NODE)?.[0]).not.toHaveProperty('nodeSelector');
  });
});

describe('what cannot be worked out', () => {
  it('is told with whose it is', () => {
    const at = world([slice([device('a')])]);
    const wanted = (expression: string) => claim([exactly('x', select(expression))]);
    expect(() => found(at, wanted(`device.attributes["${DRIVER}"].model == "b"`))).toThrow(
      'claim ns/c: selector #0: CEL runtime error: no such key: model',
    );
    expect(() => found(at, wanted('device.nothing'))).toThrow('claim ns/c: selector #0: CEL compile error: ');
  });

  it('is given up after a while', () => {
    const many = Array.from({ length: 60 }, (_, i) => device(`d${i}`, { odd: { bool: i % 2 === 1 } }));
    const never = exactly('y', select('false'));
    expect(() => found(world([slice(many)]), claim([exactly('x', { count: 20 }), never]))).toThrow(
      'node n1: timed out trying to allocate devices',
    );
  });

  it('comes of the newest that a driver has said of a pool', () => {
    const old = slice([device('old')]);
    const pool = { name: 'pool', generation: 2, resourceSliceCount: 1 };
    const now = { ...old, spec: { ...old.spec, pool, devices: [device('new')] } };
    expect(found(world([old, now, old]), claim([exactly('x')]))).toEqual([['x=new']]);
    const twice = slice([device('a'), device('a')]);
    expect(found(world([twice]), claim([exactly('x')]))).toBeUndefined();
  });
});
