// When the ResourceSlices of a node's drivers are removed, and what is known of the health of their devices.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { FakeApi } from '../test-support/fake-client.ts';
import { ClaimHealth } from './claim-health.ts';
import { SliceWiper } from './slices.ts';

let api: FakeApi;
let clock: HandClock;
beforeEach(() => {
  api = new FakeApi();
  clock = new HandClock();
  for (const [name, nodeName, driver] of [
    ['a', 'n1', 'one'],
    ['b', 'n1', 'two'],
    ['c', 'n2', 'one'],
  ]) {
    const slice = {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name },
      spec: { nodeName, driver },
    };
    api.put('resourceslices', slice as KubeObject);
  }
});

const left = (): string[] => api.all('resourceslices').map((s) => s.metadata.name ?? '');
const wiper = (client = api.client()): SliceWiper =>
  new SliceWiper({ client, clock, nodeName: 'n1', log: () => undefined });

describe('ResourceSlices', () => {
  it('of the node go when the kubelet starts, others stay', async () => {
    wiper().start();
    await clock.advance(0);
    expect(left()).toEqual(['c']);
  });

  it('of a driver go when it was away for half a minute, and only its own', async () => {
    const slices = wiper();
    slices.away('one');
    await clock.advance(20_000);
    slices.away('one');
    await clock.advance(9_999);
    expect(left()).toEqual(['a', 'b', 'c']);
    await clock.advance(1);
    expect(left()).toEqual(['b', 'c']);
  });

  it('stay when the driver comes back in time, or the kubelet ends', async () => {
    const slices = wiper();
    slices.away('one');
    slices.away('two');
    await clock.advance(29_000);
    slices.here('one');
    slices.stop();
    await clock.advance(60_000);
    expect(left()).toEqual(['a', 'b', 'c']);
  });

  it('are tried again when the API fails, unless the driver is back by then', async () => {
    const { client, refuse } = failing();
    refuse.on = true;
    const slices = wiper(client);
    slices.away('one');
    slices.away('two');
    await clock.advance(30_000);
    slices.here('one');
    refuse.on = false;
    await clock.advance(1_000);
    expect(left()).toEqual(['a', 'c']);
  });

  function failing() {
    const refuse = { on: false };
    const client = api.client();
    const resource: typeof client.resource = (ref) => {
      if (refuse.on) throw new Error('not now');
      return api.client().resource(ref);
    };
    return { client: { ...client, resource }, refuse };
  }
});

describe('the health of claimed devices', () => {
  const told = (health: number, more: { message?: string; health_check_timeout_seconds?: number } = {}) => ({
    devices: [
      { device: { pool_name: 'p', device_name: 'd' }, health, message: '', health_check_timeout_seconds: 0, ...more },
    ],
  });

  it('is what the driver told last, for as long as that holds', async () => {
    const changed = vi.fn();
    const health = new ClaimHealth(clock, changed);
    expect(health.of('one', 'p', 'd')).toEqual({ health: 'Unknown' });
    health.told('one', told(2, { message: 'x'.repeat(2000) }));
    expect(health.of('one', 'p', 'd')).toEqual({ health: 'Unhealthy', message: `${'x'.repeat(1021)}...` });
    expect(health.of('two', 'p', 'd')).toEqual({ health: 'Unknown' });
    health.told('one', told(1, { health_check_timeout_seconds: 5 }));
    expect(changed).toHaveBeenCalledTimes(2);
    await clock.advance(4_000);
    health.told('one', told(1, { health_check_timeout_seconds: 5 }));
    expect(changed).toHaveBeenCalledTimes(2);
    await clock.advance(4_999);
    expect(health.of('one', 'p', 'd')).toEqual({ health: 'Healthy' });
    await clock.advance(2);
    expect(health.of('one', 'p', 'd')).toEqual({ health: 'Unknown' });
    expect(changed).toHaveBeenCalledTimes(3);
  });

  it('is unknown when the driver tells no more', () => {
    const changed = vi.fn();
    const health = new ClaimHealth(clock, changed);
    health.told('one', told(1));
    health.forget('one');
    health.forget('one');
    expect(health.of('one', 'p', 'd')).toEqual({ health: 'Unknown' });
    expect(changed).toHaveBeenCalledTimes(2);
  });
});
