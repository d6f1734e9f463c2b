// Admission policies: which requests they meet, what they refuse and in which words, and how they change objects.

import { describe, expect, test } from 'vitest';
import { processorMs } from '../../../host/processor-time.ts';
import { ApiError } from '../../../machinery/errors.ts';
import type { JsonObject, KubeObject } from '../../../machinery/object.ts';
import { RESOURCES } from '../../../resources/index.ts';
import { Catalog } from '../../registry/catalog.ts';
import { peersAmong } from '../dynamic/equivalent.ts';
import type { AdmissionRequest } from '../plugin.ts';
import { type MutatingParts, mutatingPolicies, type ValidatingParts, validatingPolicies } from './index.ts';

const catalog = new Catalog(RESOURCES);
const deployments = catalog.find('apps', 'v1', 'deployments');
if (deployments === undefined) throw new Error('there are no deployments');
const entry = deployments;

const RULES = [
  { operations: ['CREATE', 'UPDATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] },
];
const CONSTRAINTS = { resourceRules: RULES, namespaceSelector: {}, objectSelector: {}, matchPolicy: 'Equivalent' };

function object(name: string, spec: JsonObject): KubeObject {
  return { apiVersion: 'x/v1', kind: 'X', metadata: { name }, spec } as KubeObject;
}

const policy = (spec: JsonObject): KubeObject =>
  object('p', { failurePolicy: 'Fail', matchConstraints: CONSTRAINTS, ...spec });
const binding = (spec: JsonObject = {}): KubeObject =>
  object('b', { policyName: 'p', validationActions: ['Deny'], ...spec });

interface Asked {
  readonly warnings: string[];
  readonly annotations: Map<string, string>;
  readonly request: AdmissionRequest;
}

function ask(spec: JsonObject, more: Partial<AdmissionRequest> = {}): Asked {
  const warnings: string[] = [];
  const annotations = new Map<string, string>();
  const draft = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'n', labels: { l: '1' } },
    spec,
  };
  const request: AdmissionRequest = {
    operation: 'CREATE',
    entry,
    subresource: '',
    namespace: 'n',
    name: 'd',
    object: draft as KubeObject,
    old: undefined,
    user: { username: 'ann', groups: ['dev'] },
    dryRun: false,
    options: {},
    warn: (text) => void warnings.push(text),
    annotate: (key, value) => void annotations.set(key, value),
    ...more,
  };
  return { warnings, annotations, request };
}

const PARAMS = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'limits', namespace: 'n', labels: { use: 'yes' } },
    data: { max: '3' },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'strict', namespace: 'n', labels: { use: 'yes' } },
    data: { max: '2' },
  },
] as unknown as KubeObject[];

function parts(policies: KubeObject[], bindings: KubeObject[]): ValidatingParts & MutatingParts {
  return {
    policies: () => policies as never,
    bindings: () => bindings as never,
    params: {
      kind: (_apiVersion, kind) => (kind === 'ConfigMap' ? { namespaced: true } : undefined),
      get: (_param, namespace, name) =>
        Promise.resolve(PARAMS.find((p) => p.metadata.namespace === namespace && p.metadata.name === name)),
      list: (_param, namespace) => Promise.resolve(PARAMS.filter((p) => p.metadata.namespace === namespace)),
    },
    authorizer: {
      authorize: (a) => ({
        allowed: a.user.username === 'ann' && a.verb === 'get' && a.resource === 'pods',
        reason: 'said so',
      }),
    },
    peers: () => [],
    namespaceOf: (name) =>
      ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { env: 'prod' } } }) as KubeObject,
    newUid: () => 'u',
  };
}

async function refusal(spec: JsonObject, given: Asked, bound: JsonObject = {}): Promise<ApiError | undefined> {
  const plugin = validatingPolicies(parts([policy(spec)], [binding(bound)]));
  try {
    await plugin.validate?.(given.request);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

const check = (expression: string, more: JsonObject = {}): JsonObject => ({ validations: [{ expression, ...more }] });

describe('a validating policy', () => {
  test('lets pass what it holds for', async () => {
    expect(await refusal(check('object.spec.replicas <= 5'), ask({ replicas: 3 }))).toBeUndefined();
  });

  test('refuses what it does not hold for, naming itself, the binding and the expression', async () => {
    const error = await refusal(check('object.spec.replicas <= 5'), ask({ replicas: 7 }));
    const text =
      "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.spec.replicas <= 5";
    expect(error?.toStatus()).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `deployments.apps "d" is forbidden: ${text}`,
      details: { name: 'd', group: 'apps', kind: 'deployments', causes: [{ message: text }] },
    });
  });

  test('says what it was told to say, for the reason it was given', async () => {
    const told = await refusal(check('false', { message: 'no', reason: 'Forbidden' }), ask({}));
    expect([told?.code, told?.reason, told?.message.split(': ').at(-1)]).toEqual([403, 'Forbidden', 'no']);
    const made = await refusal(check('false', { messageExpression: '"at most " + string(5)', message: 'no' }), ask({}));
    expect(made?.message.endsWith('at most 5')).toBe(true);
  });

  test('only warns, or only notes, when its binding says so', async () => {
    const given = ask({});
    expect(
      await refusal(check('false', { message: 'no' }), given, { validationActions: ['Warn', 'Audit'] }),
    ).toBeUndefined();
    expect(given.warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]);
    expect(JSON.parse(given.annotations.get('validation.policy.admission.k8s.io/validation_failure') ?? '')).toEqual([
      { message: 'no', policy: 'p', binding: 'b', expressionIndex: 0, validationActions: ['Warn', 'Audit'] },
    ]);
  });

  test('that fails refuses, unless it is to be ignored then', async () => {
    const spec = check('object.spec.nope.nothing == 1');
    expect((await refusal(spec, ask({})))?.message).toContain(
      "denied request: expression 'object.spec.nope.nothing == 1' resulted in error: no such key: nope",
    );
    expect(await refusal({ ...spec, failurePolicy: 'Ignore' }, ask({}))).toBeUndefined();
  });

  test('cannot run without end', async () => {
    const list = `[${'1,'.repeat(200)}1]`;
    const spec = check(`${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, true))))`);
    const busy = await processorMs(async () => {
      expect((await refusal(spec, ask({})))?.message).toContain('cost limit exceeded');
    });
    expect(busy).toBeLessThan(1500);
  });

  test('sees variables, parameters, the namespace and the authorizer', async () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const paramRef = { name: 'limits', parameterNotFoundAction: 'Deny' };
    const variables = [
      { name: 'max', expression: 'int(params.data.max)' },
      { name: 'double', expression: 'variables.max * 2' },
    ];
    const spec = { paramKind, variables, ...check('object.spec.replicas <= variables.double') };
    expect(await refusal(spec, ask({ replicas: 6 }), { paramRef })).toBeUndefined();
    expect((await refusal(spec, ask({ replicas: 7 }), { paramRef }))?.code).toBe(422);
    expect(await refusal(check("namespaceObject.metadata.labels.env == 'prod'"), ask({}))).toBeUndefined();
    const may = (verb: string): string =>
      `authorizer.group('').resource('pods').namespace('n').check('${verb}').allowed()`;
    expect(await refusal(check(`${may('get')} && !${may('delete')}`), ask({}))).toBeUndefined();
    expect(await refusal(check("!authorizer.requestResource.check('get').allowed()"), ask({}))).toBeUndefined();
    expect(
      await refusal(check("request.operation == 'CREATE' && request.userInfo.username == 'ann'"), ask({})),
    ).toBeUndefined();
  });

  test('holds for every set of parameters that a selector finds', async () => {
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      ...check('object.spec.replicas <= int(params.data.max)'),
    };
    const paramRef = { selector: { matchLabels: { use: 'yes' } }, parameterNotFoundAction: 'Deny' };
    expect(await refusal(spec, ask({ replicas: 2 }), { paramRef })).toBeUndefined();
    expect((await refusal(spec, ask({ replicas: 3 }), { paramRef }))?.code).toBe(422);
  });

  test('whose parameters are not there refuses, unless its binding allows that', async () => {
    const spec = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, ...check('true') };
    const reference = (action: string): JsonObject => ({ paramRef: { name: 'none', parameterNotFoundAction: action } });
    expect((await refusal(spec, ask({}), reference('Deny')))?.message).toContain(
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
    expect(await refusal(spec, ask({}), reference('Allow'))).toBeUndefined();
  });

  test('meets only what rules, selectors and conditions let through', async () => {
    const no = check('false');
    const labelled = { matchResources: { objectSelector: { matchLabels: { l: '2' } } } };
    expect(await refusal(no, ask({}), labelled)).toBeUndefined();
    const other = { ...CONSTRAINTS, namespaceSelector: { matchLabels: { env: 'test' } } };
    expect(await refusal({ ...no, matchConstraints: other }, ask({}))).toBeUndefined();
    expect(await refusal(no, ask({}, { operation: 'DELETE', object: undefined }))).toBeUndefined();
    const conditions = (expression: string): JsonObject => ({ ...no, matchConditions: [{ name: 'c', expression }] });
    expect(await refusal(conditions("request.userInfo.username != 'ann'"), ask({}))).toBeUndefined();
    expect((await refusal(conditions("request.userInfo.username == 'ann'"), ask({})))?.code).toBe(422);
  });

  test('refuses for want of an annotation, also when its binding only warns', async () => {
    const auditAnnotations = [{ key: 'k', valueExpression: 'object.spec.none' }];
    const spec = { ...check('true'), auditAnnotations };
    const refused = await refusal(spec, ask({}), { validationActions: ['Warn'] });
    expect(refused?.message).toContain("expression 'object.spec.none' resulted in error: no such key: none");
    expect(await refusal({ ...spec, failurePolicy: 'Ignore' }, ask({}))).toBeUndefined();
  });

  test('whose expressions cost too much together refuses', async () => {
    const list = `[${'1,'.repeat(40)}1]`;
    const costly = `${list}.all(a, ${list}.all(b, ${list}.all(c, true)))`;
    const variables = Array.from({ length: 80 }, (_, i) => ({ name: `v${i}`, expression: costly }));
    const spec = { variables, validations: variables.map(({ name }) => ({ expression: `variables.${name}` })) };
    expect((await refusal(spec, ask({})))?.message).toContain(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    );
  });

  test('sees the object in the version that its rules name', async () => {
    const v1 = catalog.find('autoscaling', 'v1', 'horizontalpodautoscalers');
    const rules = [
      { operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] },
    ];
    const object = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h', namespace: 'n' },
      spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' }, targetCPUUtilizationPercentage: 7 },
    } as KubeObject;
    const seen =
      "object.apiVersion == 'autoscaling/v2' && object.spec.metrics.size() == 1 && request.kind.version == 'v2' && request.requestKind.version == 'v1'";
    const spec = (match: JsonObject): JsonObject => ({
      ...check(`!(${seen})`),
      matchConstraints: { ...CONSTRAINTS, resourceRules: rules, ...match },
    });
    const asked = (match: JsonObject) =>
      validatingPolicies({
        ...parts([policy(spec(match))], [binding()]),
        peers: peersAmong(() => catalog.all()),
      }).validate?.(ask({}, { ...(v1 === undefined ? {} : { entry: v1 }), object }).request);
    await expect(asked({})).rejects.toThrow('failed expression');
    await asked({ matchPolicy: 'Exact' });
  });

  test('adds annotations to the audit event', async () => {
    const given = ask({ replicas: 3 });
    const auditAnnotations = [{ key: 'k', valueExpression: "'replicas: ' + string(object.spec.replicas)" }];
    await refusal({ ...check('true'), auditAnnotations }, given);
    expect(given.annotations.get('p/k')).toBe('replicas: 3');
  });
});

describe('a mutating policy', () => {
  const mutate = async (spec: JsonObject, given: Asked): Promise<JsonObject> => {
    await mutatingPolicies(parts([policy(spec)], [binding()])).admit?.(given.request);
    return given.request.object as unknown as JsonObject;
  };
  const applied = (expression: string): JsonObject => ({
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
  });
  const patched = (expression: string): JsonObject => ({
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
  });
  const template = { template: { spec: { containers: [{ name: 'c', image: 'i' }] } } };

  test('merges an apply configuration', async () => {
    const object = await mutate(
      applied(`Object{
        metadata: Object.metadata{labels: Object.metadata.labels{team: "blue"}},
        spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: "side", image: "s:1"}]
        }}}
      }`),
      ask(template),
    );
    expect(object).toMatchObject({
      metadata: { labels: { l: '1', team: 'blue' } },
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'c', image: 'i' },
              { name: 'side', image: 's:1' },
            ],
          },
        },
      },
    });
  });

  test('carries out a JSON patch', async () => {
    const object = await mutate(
      patched(
        `[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: string(object.spec.replicas)}]`,
      ),
      ask({ replicas: 2, ...template }),
    );
    expect(object).toMatchObject({ metadata: { labels: { l: '1', 'a/b': '2' } } });
  });

  test.each([
    [
      applied('Object{spec: Object.spec{nope: 1}}'),
      'error applying patch: failed to convert patch object to typed object: .spec.nope: field not declared in schema',
    ],
    [
      applied('Object{spec: Object.spec{selector: {"matchLabels": {"a": "b"}}}}'),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector',
    ],
    [
      applied('Object{spec: Object.status{replicas: 1}}'),
      'type mismatch: unexpected type name "Object.status", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      patched('[JSONPatch{op: "remove", path: "/nope"}]'),
      "JSON Patch: error in remove for path: '/nope': Unable to remove nonexistent key: nope: missing value",
    ],
    [patched('object.spec.none'), "expression 'object.spec.none' resulted in error: no such key: none"],
    [
      patched('[JSONPatch{op: "add", path: "/spec/paused", value: Object.spec{template: Object.spec.x{}}}]'),
      'type mismatch: unexpected type name "Object.spec.x", expected "Object.spec.template"',
    ],
  ])('that cannot be carried out refuses and changes nothing: %j', async (spec, why) => {
    const given = ask({ replicas: 2, ...template });
    const before = structuredClone(given.request.object);
    const refused = await mutate(spec, given).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 403, reason: 'Invalid', details: { name: 'd', kind: 'deployments' } });
    expect(String(refused)).toContain(`policy 'p' with binding 'b' denied request: ${why}`);
    expect(given.request.object).toEqual(before);
    await mutate({ ...spec, failurePolicy: 'Ignore' }, given);
    expect(given.request.object).toEqual(before);
  });

  test.each([
    ['value: "x"', '/spec/replicas', 'json: cannot unmarshal string into Go struct field'],
    ['value: 1', '/spec/nope', 'strict decoding error: unknown field "spec.nope"'],
  ])('whose patch does not fit the type fails, whatever its failure policy is: %s', async (value, path, why) => {
    const spec = patched(`[JSONPatch{op: "add", path: "${path}", ${value}}]`);
    for (const failurePolicy of ['Fail', 'Ignore']) {
      const refused = mutate({ ...spec, failurePolicy }, ask({ replicas: 2, ...template }));
      await expect(refused).rejects.toMatchObject({ code: 500, message: expect.stringContaining(why) });
    }
  });

  test('whose patch tests for what is not so changes nothing', async () => {
    const test =
      '[JSONPatch{op: "test", path: "/spec/replicas", value: 9}, JSONPatch{op: "remove", path: "/spec/replicas"}]';
    expect(await mutate(patched(test), ask({ replicas: 2, ...template }))).toMatchObject({ spec: { replicas: 2 } });
  });

  test('that fails open keeps what its other mutations made', async () => {
    const good = patched('[JSONPatch{op: "add", path: "/spec/replicas", value: 7}]').mutations as JsonObject[];
    const bad = patched('object.spec.none').mutations as JsonObject[];
    const spec = { mutations: [...bad, ...good], failurePolicy: 'Ignore' };
    expect(await mutate(spec, ask({ replicas: 2, ...template }))).toMatchObject({ spec: { replicas: 7 } });
  });

  test('sees and changes an object in the version that its rules name', async () => {
    const v1 = catalog.find('autoscaling', 'v1', 'horizontalpodautoscalers');
    if (v1 === undefined) throw new Error('there are no autoscalers');
    const rules = [
      { operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] },
    ];
    const spec = {
      matchConstraints: { ...CONSTRAINTS, resourceRules: rules },
      ...patched(`[JSONPatch{
        op: "replace", path: "/spec/metrics/0/resource/target/averageUtilization",
        value: object.spec.metrics[0].resource.target.averageUtilization + (request.kind.version == "v2" ? 1 : 0)
      }]`),
    };
    const scaleTargetRef = { kind: 'Deployment', name: 'd' };
    const object = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h', namespace: 'n' },
      spec: { maxReplicas: 3, scaleTargetRef, targetCPUUtilizationPercentage: 7 },
    } as KubeObject;
    const given = ask({}, { entry: v1, object, name: 'h' });
    const source = { ...parts([policy(spec)], [binding()]), peers: peersAmong(() => catalog.all()) };
    await mutatingPolicies(source).admit?.(given.request);
    expect(object).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 8 } });
  });
});
