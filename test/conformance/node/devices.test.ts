// Pods with claims for devices on nodes: they begin when their devices can be made ready, which takes the driver's help.
import { describe, expect, it, vi } from 'vitest';
import {
  DEVICE_CLASSES,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_CLAIMS,
  RESOURCE_SLICES,
} from '../../../src/client/index.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { isReady, type Lab, podOf, useLab } from './lab.ts';

const DRIVER = 'gpu.example.com';

/** A driver that offers one device, and a template that wants it. */
async function offer({ client, namespace }: Lab): Promise<void> {
  const meta = { apiVersion: 'resource.k8s.io/v1' };
  await client.resource(DEVICE_CLASSES).create('', {
    ...meta,
    kind: 'DeviceClass',
    metadata: { name: DRIVER },
    spec: { selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }] },
  });
  await client.resource(RESOURCE_SLICES).create('', {
    ...meta,
    kind: 'ResourceSlice',
    metadata: { name: 'slice' },
    spec: {
      driver: DRIVER,
      nodeName: 'node-1',
      pool: { name: 'node-1', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-0', attributes: { model: { string: 'a100' } } }],
    },
  });
  await client.resource(RESOURCE_CLAIM_TEMPLATES).create(namespace, {
    ...meta,
    kind: 'ResourceClaimTemplate',
    metadata: { name: 'gpu' },
    spec: {
      spec: {
        devices: {
          requests: [
            {
              name: 'gpu',
              exactly: {
                deviceClassName: DRIVER,
                selectors: [{ cel: { expression: `device.attributes["${DRIVER}"].model == "a100"` } }],
              },
            },
          ],
        },
      },
    },
  });
}

const claiming = podOf(
  'claiming',
  { command: ['sleep', '100000'] },
  {
    terminationGracePeriodSeconds: 1,
    resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpu' }],
  },
);

describe.skipIf(!isRoot)('a pod with a claim for a device (needs root)', () => {
  describe('on a node that no driver has told of itself', () => {
    const lab = useLab({ namespace: 'devices' });
    it('is sent where the device is, and says what it waits for', async () => {
      await offer(lab());
      await lab().create(claiming);
      const event = await lab().event('claiming', (e) => e.reason === 'FailedPrepareDynamicResources');
      expect(event.message).toBe(
        `Failed to prepare dynamic resources: prepare dynamic resources: DRA driver ${DRIVER} is not registered`,
      );
      const pod = await lab().get('claiming');
      expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('ContainerCreating');
      const { stdout } = await lab().kubectl('get', 'resourceclaim', '--no-headers');
      expect(stdout).toMatch(/^claiming-gpu-\w{5} +allocated,reserved /);
      await lab().delete('claiming');
      await vi.waitFor(
        async () => expect((await lab().client.resource(RESOURCE_CLAIMS).list('devices')).items).toEqual([]),
        { timeout: 20_000 },
      );
    });
  });

  describe('on a node without processes', () => {
    const lab = useLab({ namespace: 'devices', runtime: 'simulated' });
    it('begins', async () => {
      await offer(lab());
      await lab().create(claiming);
      await lab().seen('claiming', isReady);
    });
  });
});
