// When an object gets its name: after all that changes it, before all that only looks at it. Golden: answers of 1.36.2 to the same requests.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';
const POLICIES = '/apis/admissionregistration.k8s.io/v1';

const MAPS_THAT_ASK = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
  objectSelector: { matchLabels: { ask: 'yes' } },
};

const SEEN = `Object{data: {"seen":
  (has(request.name) ? request.name : "no name") + "," +
  (has(object.metadata.name) ? object.metadata.name : "no name") + "," +
  (has(object.metadata.uid) ? "uid" : "no uid") + "," +
  (has(object.metadata.creationTimestamp) ? "time" : "no time")}}`;

const MUTATING = {
  metadata: { name: 'seen' },
  spec: {
    matchConstraints: MAPS_THAT_ASK,
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: SEEN } }],
  },
};

const VALIDATING = {
  metadata: { name: 'named' },
  spec: {
    matchConstraints: MAPS_THAT_ASK,
    validations: [
      { expression: 'request.name == object.metadata.name', message: 'the request has another name' },
      { expression: 'object.metadata.name.startsWith("gen-") && has(object.metadata.uid)', message: 'no name or UID' },
      { expression: '!("refused" in object.data)', message: 'as wanted' },
    ],
  },
};

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', `${POLICIES}/mutatingadmissionpolicies`, MUTATING);
  await server.call('POST', `${POLICIES}/mutatingadmissionpolicybindings`, {
    metadata: { name: 'seen' },
    spec: { policyName: 'seen' },
  });
  await server.call('POST', `${POLICIES}/validatingadmissionpolicies`, VALIDATING);
  await server.call('POST', `${POLICIES}/validatingadmissionpolicybindings`, {
    metadata: { name: 'named' },
    spec: { policyName: 'named', validationActions: ['Deny'] },
  });
});
afterAll(() => server.api.close());

const asking = (rest: object = {}) => ({ metadata: { generateName: 'gen-', labels: { ask: 'yes' } }, ...rest });

describe('a generated name', () => {
  test('is unknown to what changes the object, as are its UID and its time', async () => {
    await expect
      .poll(async () => (await server.call('POST', `${MAPS}?dryRun=All`, asking())).body)
      .toMatchObject({ data: { seen: 'no name,no name,no uid,no time' } });
  });

  test('is known to what validates the object', async () => {
    const { status, body } = await server.call('POST', MAPS, asking());
    expect([status, body.metadata?.name]).toEqual([201, expect.stringMatching(/^gen-[a-z0-9]{5}$/)]);
    await expect
      .poll(
        async () => (await server.call('POST', `${MAPS}?dryRun=All`, asking({ data: { refused: '' } }))).body.message,
      )
      .toMatch(
        /^configmaps "gen-[a-z0-9]{5}" is forbidden: ValidatingAdmissionPolicy 'named' with binding 'named' denied request: as wanted$/,
      );
  });

  test('that is refused before it is made is told by what it begins with', async () => {
    const pod = {
      metadata: { generateName: 'p-' },
      spec: { serviceAccountName: 'none', containers: [{ name: 'c', image: 'i' }] },
    };
    const { status, body } = await server.call('POST', '/api/v1/namespaces/default/pods', pod);
    expect([status, body.message]).toEqual([
      403,
      'pods "p-" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    ]);
  });

  test('beside a name that is taken says that none could be made', async () => {
    const both = { metadata: { name: 'both', generateName: 'b-' } };
    await server.call('POST', MAPS, both);
    const { status, body, headers } = await server.call('POST', MAPS, both);
    expect([status, body.message, headers['retry-after']]).toEqual([
      409,
      'configmaps "both" already exists, the server was not able to generate a unique name for the object',
      '1',
    ]);
  });

  test.each([
    ['/api/v1/namespaces/default/replicationcontrollers', 'a.', []],
    ['/apis/resource.k8s.io/v1/deviceclasses', 'a.', []],
    ['/api/v1/namespaces/default/events', 'a.', []],
    [
      '/apis/apiregistration.k8s.io/v1/apiservices',
      'a-',
      ['metadata.generateName: Invalid value: "a-": must be `spec.version+"."+spec.group`: "."'],
    ],
    [
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      'a-',
      ['metadata.generateName: Invalid value: "a-": must be spec.names.plural+"."+spec.group'],
    ],
    [
      '/apis/networking.k8s.io/v1/ipaddresses',
      'a-',
      [
        'metadata.generateName: Invalid value: "a-": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'metadata.name: Invalid value: "a-": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
  ])('of %s keeps the rules of its kind', async (path, generateName, wanted) => {
    const { body } = await server.call('POST', `${path}?dryRun=All`, { metadata: { generateName } });
    const { causes = [] } = (body.details ?? {}) as { causes?: { field: string; message: string }[] };
    const texts = causes.map(({ field, message }) => `${field}: ${message}`);
    expect(texts.filter((text) => text.includes(`"${generateName}"`))).toEqual(wanted);
  });
});
