// What the server keeps up by itself: addresses, APIServices, the state of flow schemas and of policies.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../machinery/object.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

const get = async (path: string): Promise<JsonObject> => (await server.call('GET', path)).body;

test('every address of a Service has an IPAddress, as long as the Service has it', async () => {
  const services = '/api/v1/namespaces/default/services';
  const made = await server.call('POST', services, { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } });
  const { clusterIP } = made.body.spec as { clusterIP: string };
  const path = `/apis/networking.k8s.io/v1/ipaddresses/${clusterIP}`;
  await expect
    .poll(() => get(path))
    .toMatchObject({
      metadata: {
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } },
    });
  await server.call('DELETE', `${services}/s`);
  await expect.poll(async () => (await server.call('GET', path)).status).toBe(404);
  expect(await get('/apis/networking.k8s.io/v1/servicecidrs/kubernetes')).toMatchObject({
    spec: { cidrs: ['10.96.0.0/16'] },
  });
});

test('group versions of custom resources have an APIService as long as they are served', async () => {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await server.call('POST', definitions, {
    metadata: { name: 'whales.sea.example.com' },
    spec: {
      group: 'sea.example.com',
      scope: 'Namespaced',
      names: { plural: 'whales', kind: 'Whale' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1.sea.example.com';
  await expect
    .poll(() => get(path))
    .toMatchObject({
      metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'true' } },
      status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local' }] },
    });
  await server.call('DELETE', `${definitions}/whales.sea.example.com`);
  await expect.poll(async () => (await server.call('GET', path)).status).toBe(404);
});

test('a flow schema says whether its priority level is there', async () => {
  const root = '/apis/flowcontrol.apiserver.k8s.io/v1';
  const dangling = async (name: string): Promise<unknown> => {
    const { status } = (await get(`${root}/flowschemas/${name}`)) as { status?: { conditions?: JsonObject[] } };
    return status?.conditions?.[0];
  };
  await expect.poll(() => dangling('probes')).toMatchObject({ type: 'Dangling', status: 'False', reason: 'Found' });
  await server.call('POST', `${root}/flowschemas`, {
    metadata: { name: 'loose' },
    spec: { priorityLevelConfiguration: { name: 'nowhere' }, matchingPrecedence: 5000 },
  });
  await expect
    .poll(() => dangling('loose'))
    .toMatchObject({
      status: 'True',
      reason: 'NotFound',
      message:
        'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object',
    });
  await server.call('POST', `${root}/prioritylevelconfigurations`, {
    metadata: { name: 'nowhere' },
    spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } } },
  });
  await expect.poll(() => dangling('loose')).toMatchObject({ status: 'False' });
});

test('a policy tells which of its expressions do not fit the types that they are for', async () => {
  const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] };
  const policy = (name: string, ...expressions: string[]) => ({
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules: [rule] },
      validations: expressions.map((expression) => ({ expression })),
    },
  });
  const good = [
    'object.spec.strategy.rollingUpdate.maxSurge == 1',
    'object.spec.replicas > 1',
    "object.metadata.labels['a'] == 'b'",
    "object.kind == 'Deployment'",
  ];
  await server.call('POST', policies, policy('good', ...good));
  const typed = (expression: string) => ({
    ...policy('typed', expression, "params.data.max == '1'"),
    spec: {
      ...policy('typed', expression, "params.data.max == '1'").spec,
      matchConstraints: { resourceRules: [rule, { ...rule, apiGroups: [''], resources: ['pods'] }] },
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      variables: [
        { name: 'count', expression: 'object.spec.replicas' },
        { name: 'broken', expression: 'object.spec.nope' },
      ],
    },
  });
  await server.call('POST', policies, typed("variables.count == 'a' || variables.broken == 1"));
  await expect
    .poll(async () => (await get(`${policies}/typed`)).status)
    .toMatchObject({
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[0].expression',
            warning: expect.stringMatching(
              /^apps\/v1, Kind=Deployment: ERROR: <input>:1:17: found no matching overload for '_==_' applied to '\(int, string\)'/,
            ) as string,
          },
        ],
      },
    });
  await server.call('POST', policies, policy('bad', 'object.replicas > 1', "object.spec.replicas == '1'"));
  await expect
    .poll(async () => (await get(`${policies}/good`)).status)
    .toEqual({ observedGeneration: 1, typeChecking: {} });
  await expect
    .poll(async () => (await get(`${policies}/bad`)).status)
    .toMatchObject({
      observedGeneration: 1,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[0].expression',
            warning: expect.stringContaining(
              "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'",
            ) as string,
          },
          { fieldRef: 'spec.validations[1].expression', warning: expect.stringContaining("'_==_'") as string },
        ],
      },
    });
  await server.call('PUT', `${policies}/bad`, policy('bad', 'object.spec.replicas > 1'));
  const again = await get(`${policies}/bad`);
  await server.call('PUT', `${policies}/bad`, {
    ...policy('bad', 'object.spec.replicas > 1'),
    metadata: again.metadata,
  });
  const { status: settled } = await expect
    .poll(() => get(`${policies}/bad`))
    .toMatchObject({ status: { observedGeneration: 2 } })
    .then(() => get(`${policies}/bad`));
  expect(settled).not.toHaveProperty('typeChecking.expressionWarnings');
});
