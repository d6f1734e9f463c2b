// OpenAPI v3 in protobuf, read again by gnostic's numbers (testdata/openapi-v3.proto) and held against the JSON that it is made of.
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseExact } from '../../machinery/exact-json.ts';
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';
import { encodeDocument } from './document-protobuf.ts';

const PROTO = new URL('testdata/openapi-v3.proto', import.meta.url).pathname;
const ASKED = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
const ANSWERED = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';

type Reader = Record<string, { readonly requestDeserialize: (bytes: Buffer) => object }>;

/** Fields that are there, by the names of the definition. */
function decode(bytes: Uint8Array): unknown {
  // It takes BigInt too, which its types do not know.
  const loaded = loadSync(PROTO, { keepCase: true, longs: BigInt as unknown as StringConstructor });
  return (loaded['openapi.v3.Reader'] as unknown as Reader).Read?.requestDeserialize(Buffer.from(bytes));
}

function named(entries: unknown, into: JsonObject): void {
  if (!Array.isArray(entries)) return;
  for (const entry of entries as JsonObject[]) setOwn(into, String(entry._name), document(entry._value));
}

/** What stands for something else in a message: a reference, a value as YAML, one of several. */
function wrapped(value: JsonObject): unknown[] {
  if (typeof value._yaml === 'string')
    return [parse(value._yaml, { version: '1.1', intAsBigInt: true })].map(plainNumber);
  for (const key of ['_it', '_reference', '_boolean', '_number', '_text', '_list'])
    if (value[key] !== undefined) return [document(value[key])];
  return Array.isArray(value._one) ? [document(value._one[0])] : [];
}

/** Integers as `parseExact` has them. */
function plainNumber(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plainNumber);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plainNumber(one)]));
}

/** A decoded message as the document has it. */
function document(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(document);
  if (!isJsonObject(value)) return plainNumber(value);
  const [other] = wrapped(value);
  if (other !== undefined) return other;
  const out: JsonObject = {};
  for (const [key, one] of Object.entries(value)) {
    if (key === '_entries' || key === '_marks') named(one, out);
    else out[key === '_ref' ? '$ref' : key] = document(one);
  }
  return out;
}

const AS_THEY_ARE = /^(?:x-.*|enum|example|value)$/;
const OF_NAMES: ReadonlySet<string> = new Set(['properties', 'schemas', 'paths', 'responses', 'content', 'mapping']);

/** The document as protobuf can say it: no zero values, but for defaults; of a default that is a list or an object, that there is one. */
function sayable(value: unknown, names = false): unknown {
  if (Array.isArray(value)) return value.map((one) => sayable(one));
  if (!isJsonObject(value)) return value;
  const out: JsonObject = {};
  for (const [key, one] of Object.entries(value)) {
    if (!names && key === 'default') out.default = typeof one === 'object' ? {} : one;
    else if (!names && AS_THEY_ARE.test(key)) out[key] = one;
    else if (names || key === 'additionalProperties' || (one !== '' && one !== 0 && one !== false))
      setOwn(out, key, sayable(one, !names && OF_NAMES.has(key)));
  }
  return out;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

/** The document in both forms, as they are sent. */
async function both(path: string): Promise<{ json: unknown; protobuf: unknown }> {
  const { text } = await server.call('GET', path);
  const { headers, body } = await server.raw('GET', path, { accept: ASKED });
  expect(headers['content-type']).toBe(ANSWERED);
  return { json: sayable(parseExact(text)), protobuf: document(decode(body as Uint8Array)) };
}

describe('a document of v3 in protobuf', () => {
  it.each(['api/v1', 'apis/apps/v1', 'apis/apiextensions.k8s.io/v1', 'apis', 'version'])(
    'says of %s all that it says in JSON',
    async (name) => {
      const { json, protobuf } = await both(`/openapi/v3/${name}`);
      expect(protobuf).toEqual(json);
    },
  );

  it('says of a custom kind its bounds, values, defaults, rules and marks', async () => {
    const properties = {
      'x-name': { type: 'string', enum: ['yes', '2020-01-01', '1', ''], default: '', minLength: 0, maxLength: 9 },
      port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      count: { type: 'integer', format: 'int64', minimum: -1, maximum: 5, exclusiveMaximum: true, default: 0 },
      long: { type: 'integer', enum: ['LONG'], multipleOf: 0.5 },
      on: { type: 'boolean', default: false, nullable: true, title: 'On' },
      map: {
        type: 'object',
        additionalProperties: { type: 'number', default: 1.5 },
        maxProperties: 3,
        default: { a: 1 },
      },
      list: {
        type: 'array',
        items: { type: 'string', pattern: '^a', not: { pattern: 'z' } },
        maxItems: 4,
        minItems: 1,
        'x-kubernetes-list-type': 'set',
      },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, externalDocs: { url: 'https://a.example' } },
    };
    const validations = [{ rule: 'self.count < 5', message: `no more than ${'very '.repeat(30)}few: 5` }];
    const spec = { type: 'object', required: ['on'], properties, 'x-kubernetes-validations': validations };
    const definition = JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'whales.sea.example.com' },
      spec: {
        group: 'sea.example.com',
        scope: 'Namespaced',
        names: { plural: 'whales', kind: 'Whale' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    });
    // JavaScript has no such number.
    const text = definition.replace('"LONG"', '9007199254740993');
    const made = await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', text);
    expect(made.body.message).toBeUndefined();
    const { json, protobuf } = await both('/openapi/v3/apis/sea.example.com/v1');
    expect(JSON.stringify(json, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))).toContain(
      'few: 5',
    );
    expect(protobuf).toEqual(json);
  });

  it('says also what other API servers may say of theirs', () => {
    const ref = { $ref: '#/components/x' };
    const docs = { description: 'more', url: 'https://docs.example', 'x-docs': [1, { a: null }] };
    const server = { url: 'https://{a}', variables: { a: { enum: ['b', ''], default: 'b' } } };
    const schema = {
      oneOf: [ref, { type: 'string', writeOnly: true }],
      discriminator: { propertyName: 'p', mapping: { a: 'b' } },
      xml: { name: 'n', namespace: 's', prefix: 'p', attribute: true, wrapped: true },
      additionalProperties: false,
      items: ref,
      example: { a: [] },
      maxLength: 9007199254740993n,
      minLength: 300,
      minItems: -1,
      properties: { default: ref, enum: { default: 3 } },
    };
    const header = { description: 'h', required: true, schema, style: 'simple', explode: true, content: {} };
    const parameter = {
      name: 'n',
      in: 'query',
      allowReserved: true,
      allowEmptyValue: true,
      example: 1,
      deprecated: true,
    };
    const content = { 'text/a': { schema, examples: { a: { summary: 's', value: 0, externalValue: 'v' }, b: ref } } };
    const flow = { authorizationUrl: 'a', tokenUrl: 't', refreshUrl: 'r', scopes: { s: 'scope' } };
    const operation = {
      tags: ['t'],
      summary: 's',
      externalDocs: docs,
      parameters: [parameter, ref],
      requestBody: { description: 'b', required: true, content },
      responses: { default: ref, '200': { description: 'd', headers: { A: header, B: ref } }, '4XX': ref, 'x-r': true },
      deprecated: true,
      security: [{ a: ['b', 'c'] }, {}],
      servers: [server],
    };
    const whole = {
      openapi: '3.0.0',
      info: {
        title: 't',
        summary: 's',
        contact: { name: 'n', email: 'e' },
        license: { name: 'l' },
        termsOfService: 'o',
      },
      servers: [server],
      paths: { '/a': { $ref: '#/b', trace: operation, servers: [server], parameters: [ref] }, 'x-p': 'q' },
      components: {
        schemas: { A: schema },
        responses: { A: ref },
        parameters: { A: { ...parameter, content } },
        examples: { A: { description: 'd' } },
        requestBodies: { A: { content: { a: { encoding: { e: { contentType: 'c', headers: { A: ref } } } } } } },
        headers: { A: header },
        securitySchemes: { A: { type: 'oauth2', flows: { implicit: flow, authorizationCode: flow } }, B: ref },
      },
      security: [{ A: [] }],
      tags: [{ name: 't', externalDocs: docs }],
      externalDocs: docs,
      'x-whole': { a: 'no' },
    };
    expect(document(decode(encodeDocument(whole)))).toEqual({
      ...(sayable(whole) as JsonObject),
      // A list that is empty is a message without one.
      security: [{ A: {} }],
    });
  });
});

describe('the forms of a document of v3', () => {
  const path = '/openapi/v3/apis/apps/v1';

  it.each([
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['*', 'application/json'],
    ['application/*', 'application/json'],
    ['application/json', 'application/json'],
    [ANSWERED, ANSWERED],
    [`text/html, ${ASKED}`, ANSWERED],
    [`*/*, ${ASKED}`, ANSWERED],
    [`${ASKED}, application/json`, ANSWERED],
    [`application/json, ${ASKED}`, 'application/json'],
    [`application/json;q=0.5, ${ASKED};q=0.9`, ANSWERED],
    [`${ASKED};q=0.5, application/json`, 'application/json'],
    [`${ASKED};q=0.5, */*`, 'application/json'],
    [`*/*, ${ASKED};q=0.5`, ANSWERED],
  ])('Accept: %s is answered with %s', async (accept, type) => {
    const { status, headers } = await server.raw('GET', path, { accept });
    expect([status, headers['content-type'], headers.vary]).toEqual([200, type, 'Accept']);
  });

  it.each(['text/html', 'application/yaml', 'json', ASKED.replace('v3', 'v2'), `${ASKED}x`])(
    'Accept: %s is not acceptable',
    async (accept) => {
      const { status, headers, body } = await server.raw('GET', path, { accept });
      expect([status, headers.vary, (body as Uint8Array).length]).toEqual([406, 'Accept', 0]);
    },
  );

  it('have one ETag, as in Kubernetes, by which each is known to be what the client has', async () => {
    const { etag } = (await server.raw('GET', path)).headers;
    const { headers } = await server.raw('GET', path, { accept: ASKED });
    expect(headers.etag).toBe(etag);
    const again = await server.raw('GET', path, { accept: ASKED, headers: { 'if-none-match': String(etag) } });
    expect([again.status, again.headers['content-type']]).toEqual([304, ANSWERED]);
  });
});
