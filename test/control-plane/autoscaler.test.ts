// HorizontalPodAutoscalers on the real API server, with measures of our own making.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS } from '../../src/client/index.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  await addFakeNodes(plane, ['n1']);
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

describe('a HorizontalPodAutoscaler', () => {
  it('brings its target within its bounds, and says when it cannot measure', async () => {
    await plane.client.resource(DEPLOYMENTS).create('default', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'w:1' }] } },
      },
    });
    const hpas = plane.client.resource(HORIZONTAL_POD_AUTOSCALERS);
    await hpas.create('default', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: {
        minReplicas: 2,
        maxReplicas: 5,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    });
    await eventually(async () => (await plane.client.resource(DEPLOYMENTS).get('default', 'web')).spec?.replicas === 2);
    await eventually(async () =>
      (await hpas.get('default', 'web')).status?.conditions?.some((c) => c.reason === 'SucceededRescale'),
    );
    await hpas.patch('default', 'web', 'merge', { spec: { maxReplicas: 6 } });
    const found = await eventually(async () => {
      const one = (await hpas.get('default', 'web')).status?.conditions?.find((c) => c.type === 'ScalingActive');
      return one?.status === 'False' && one;
    });
    expect(found.reason).toBe('FailedGetResourceMetric');
    expect(found.message).toMatch(
      /^the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: /,
    );
  });
});
