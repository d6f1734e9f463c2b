// Integers of 64 bits in fields of built-in kinds: no digit is lost, and what is none is answered as Go's decoders and converters answer it.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROTOBUF } from '../protobuf/index.ts';
import { type Answer, startTestServer, type TestServer, TestSink } from '../test-fixture.ts';

const CORE = '/api/v1/namespaces/default';
const PODS = `${CORE}/pods`;
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const REVISIONS = '/apis/apps/v1/namespaces/default/controllerrevisions';
const TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', `${CORE}/serviceaccounts`, { metadata: { name: 'default' } });
  await server.call('POST', DEPLOYMENTS, deployment('counted', '{"containers":[{"name":"c","image":"i"}]}'));
});
afterAll(() => server.api.close());

const deployment = (name: string, pod: string): string =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"${name}"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":${pod}}}}`;
const template = (grace: string, seconds: string): string =>
  `{"terminationGracePeriodSeconds":${grace},"tolerations":[{"key":"k","operator":"Exists","effect":"NoExecute","tolerationSeconds":${seconds}}],"containers":[{"name":"c","image":"i"}]}`;

/** The two integers in an answer. */
const integersOf = (text: string): (string | undefined)[] =>
  ['terminationGracePeriodSeconds', 'tolerationSeconds'].map(
    (name) => new RegExp(`"?${name}"?: ?(-?[\\d.e+]+)`).exec(text)?.[1],
  );

async function watched(name: string): Promise<string> {
  const response = await server.raw('GET', `${DEPLOYMENTS}?watch=1&fieldSelector=metadata.name%3D${name}`);
  const sink = new TestSink();
  if (response.body instanceof Uint8Array) throw new Error('not a stream');
  response.body.start(sink);
  await expect.poll(() => sink.chunks.length).toBeGreaterThan(0);
  sink.end();
  return Buffer.concat(sink.chunks).toString();
}

const edges = [2n ** 53n, -(2n ** 53n), 2n ** 63n - 2n].flatMap((n) => [n - 1n, n, n + 1n]);
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(...edges)).map(String);

describe('Integers of 64 bits in a built-in kind', () => {
  it('survive JSON, YAML, protobuf, watches, patches and apply digit by digit', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(int64, int64, async (grace, seconds) => {
        const name = `d${++count}`;
        const one = `${DEPLOYMENTS}/${name}`;
        const both = [grace, seconds];
        const said = async (call: Promise<Answer>, wanted: readonly string[] = both): Promise<Answer> => {
          const answer = await call;
          expect([answer.status < 300, ...integersOf(answer.text)]).toEqual([true, ...wanted]);
          return answer;
        };
        await said(server.call('POST', DEPLOYMENTS, deployment(name, template(grace, seconds))));
        await said(server.call('GET', one));
        expect(integersOf(await watched(name))).toEqual(both);
        const yaml = await said(server.call('GET', one, undefined, { accept: 'application/yaml' }));
        await said(server.call('PUT', one, yaml.text, { type: 'application/yaml' }));
        const binary = await server.raw('GET', one, { accept: PROTOBUF });
        if (!(binary.body instanceof Uint8Array)) throw new Error('a stream');
        await said(server.call('PUT', one, binary.body, { type: PROTOBUF }));
        const merged = await said(server.call('PATCH', one, '{"spec":{"paused":true}}', { type: TYPES.merge }));
        // All that was written is what was there: only the last patch counts.
        expect(merged.body.metadata?.generation).toBe(2);
        const path = '/spec/template/spec/terminationGracePeriodSeconds';
        const test = `[{"op":"test","path":"${path}","value":${grace}},{"op":"replace","path":"${path}","value":${seconds}}]`;
        await said(server.call('PATCH', one, test, { type: TYPES.json }), [seconds, seconds]);
        const strategic = `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":${grace}}}}}`;
        await said(server.call('PATCH', one, strategic, { type: TYPES.strategic }));
        const applied = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"${name}"},"spec":{"template":{"spec":{"terminationGracePeriodSeconds":${grace}}}}}`;
        await said(server.call('PATCH', `${one}?fieldManager=n`, applied, { type: TYPES.apply }));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['9223372036854775808', 'number 9223372036854775808'],
    ['-9223372036854775809', 'number -9223372036854775809'],
    ['1.0', 'number 1.0'],
    ['1e3', 'number 1e3'],
    ['"1"', 'string'],
  ])('are refused as Go refuses what is none: %s', async (value, shown) => {
    const refusal = `json: cannot unmarshal ${shown} into Go struct field PodSpec.spec.template.spec.terminationGracePeriodSeconds of type int64`;
    const made = await server.call('POST', DEPLOYMENTS, deployment('refused', template(value, '1')));
    const version = 'Deployment in version "v1" cannot be handled as a Deployment: ';
    expect([made.status, made.body.message]).toEqual([400, version + refusal]);
    const path = '/spec/template/spec/terminationGracePeriodSeconds';
    const patches = [
      [TYPES.json, `[{"op":"replace","path":"${path}","value":${value}}]`],
      [TYPES.merge, `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":${value}}}}}`],
    ] as const;
    for (const [type, patch] of patches) {
      const answer = await server.call('PATCH', `${DEPLOYMENTS}/counted`, patch, { type });
      expect([answer.status, String(answer.body.message).endsWith(`": ${refusal}`)]).toEqual([422, true]);
      expect(answer.body.message).toContain(`terminationGracePeriodSeconds\\":${JSON.stringify(value).slice(1, -1)}`);
    }
  });

  it.each([
    ['4294967297', '1'],
    ['2147483648', '-2147483648'],
    ['9223372036854775807', '-1'],
    ['9223372036854775808', '0'],
    ['7.0', '7'],
    ['1e3', '1000'],
  ])('lose what does not fit into 32 bits where Kubernetes converts maps to its types: %s', async (sent, stored) => {
    const path = `${DEPLOYMENTS}/counted?dryRun=All`;
    const applied = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"counted"},"spec":{"replicas":${sent}}}`;
    const calls = [
      await server.call('PATCH', path, `{"spec":{"replicas":${sent}}}`, { type: TYPES.strategic }),
      await server.call('PATCH', `${path}&fieldManager=n&force=true`, applied, { type: TYPES.apply }),
    ];
    for (const { status, body, text } of calls) {
      if (stored.startsWith('-')) expect(body.message).toContain(`spec.replicas: Invalid value: ${stored}: must be`);
      else expect([status, /"replicas":(\d+)/.exec(text)?.[1]]).toEqual([200, stored]);
    }
  });

  it('are no fractions there either', async () => {
    const path = `${DEPLOYMENTS}/counted`;
    const strategic = await server.call('PATCH', path, '{"spec":{"replicas":1.5}}', { type: TYPES.strategic });
    expect(strategic.body.message).toContain('cannot convert float64 to int32');
    const applied =
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"counted"},"spec":{"replicas":1.5}}';
    const { body } = await server.call('PATCH', `${path}?fieldManager=n&force=true`, applied, { type: TYPES.apply });
    expect(body.message).toMatch(
      /unable to convert unstructured object to apps\/v1, Kind=Deployment: cannot convert float64 to int32$/,
    );
  });

  it('are a refusal where there should be more than a number', async () => {
    const wrong = deployment('refused', '1.0').replace('"metadata":{"labels":{"a":"b"}}', '"metadata":{"labels":1e3}');
    const { body } = await server.call('POST', DEPLOYMENTS, wrong);
    expect(body.message).toMatch(/cannot unmarshal number into Go struct field ObjectMeta\..*labels of type map/);
  });

  it('are bounded with every digit', async () => {
    const spec = '"securityContext":{"runAsUser":9007199254740993},"activeDeadlineSeconds":9223372036854775807';
    const pod = `{"metadata":{"name":"p"},"spec":{${spec},"containers":[{"name":"c","image":"i"}]}}`;
    const { body } = await server.call('POST', PODS, pod);
    expect(body.message).toContain('runAsUser: Invalid value: 9007199254740993: must be between 0 and 2147483647');
    expect(body.message).toContain(
      'spec.activeDeadlineSeconds: Invalid value: 9223372036854775807: must be between 1 and 2147483647, inclusive',
    );
    const revision = '{"metadata":{"name":"r"},"revision":-9007199254740993,"data":{"a":1}}';
    const negative = await server.call('POST', REVISIONS, revision);
    expect(negative.body.message).toContain(
      'revision: Invalid value: -9007199254740993: must be greater than or equal',
    );
  });

  it('are counted on exactly in generations', async () => {
    const map = (generation: string) => `{"metadata":{"name":"m","generation":${generation}}}`;
    const made = await server.call('POST', `${CORE}/configmaps`, map('9007199254740993'));
    expect(made.text).toContain('"generation":9007199254740993');
    const held = await server.call('PATCH', `${CORE}/configmaps/m`, '{"metadata":{"finalizers":["a.b/c"]}}', {
      type: TYPES.merge,
    });
    expect(held.text).toContain('"generation":9007199254740993');
    const deleted = await server.call('DELETE', `${CORE}/configmaps/m`);
    expect([deleted.status, deleted.text.includes('"generation":9007199254740994')]).toEqual([200, true]);
  });

  it('are compared exactly by policies, and shown whole in tables', async () => {
    const revision = '{"metadata":{"name":"shown"},"revision":9007199254740993,"data":{"a":1}}';
    expect((await server.call('POST', REVISIONS, revision)).status).toBe(201);
    const table = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
    const { text } = await server.call('GET', `${REVISIONS}/shown`, undefined, table);
    expect(text).toContain('"cells":["shown","<none>",9007199254740993,');
  });

  it('are periods of grace, whose nanoseconds have 64 bits', async () => {
    const pod = `{"metadata":{"name":"graced","finalizers":["a.b/c"]},"spec":{"nodeName":"n","terminationGracePeriodSeconds":9007199254740993,"containers":[{"name":"c","image":"i"}]}}`;
    expect((await server.call('POST', PODS, pod)).status).toBe(201);
    const first = await server.call('DELETE', `${PODS}/graced`);
    expect(first.text).toContain('"deletionGracePeriodSeconds":9007199254740993');
    const less = await server.call('DELETE', `${PODS}/graced?gracePeriodSeconds=9007199254740992`);
    expect(less.text).toContain('"deletionGracePeriodSeconds":');
    const most = await server.call('DELETE', `${PODS}/graced?gracePeriodSeconds=9223372036854775808`);
    expect(most.body.message).toBe('strconv.ParseInt: parsing "9223372036854775808": value out of range');
    const body = await server.call('DELETE', `${PODS}/graced`, '{"gracePeriodSeconds":9223372036854775808}');
    expect(body.body.message).toBe(
      'json: cannot unmarshal number 9223372036854775808 into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
    );
  });
});
