// The documents of OpenAPI: beside the published one of v1.36 where that is at hand, and what clients read in them.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';
import { encodeSwagger } from './swagger-protobuf.ts';

const FILE = new URL('../../../../shared/reference/openapi-v1.36.json', import.meta.url).pathname;
const V1 = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

const read = async (path: string): Promise<JsonObject> => (await server.call('GET', path)).body;

/** The object at the end of these keys. */
function at(value: unknown, ...keys: readonly string[]): JsonObject {
  const found = keys.reduce((one: unknown, key) => (isJsonObject(one) ? one[key] : undefined), value);
  if (!isJsonObject(found)) throw new Error(`nothing at ${keys.join(' ')}`);
  return found;
}

/** Every value by its path. Arrays of texts are one value. */
function flatten(value: unknown, path: string, into: Map<string, unknown>): void {
  if (Array.isArray(value) && value.some(isJsonObject)) {
    for (const [i, one] of value.entries()) flatten(one, `${path} [${i}]`, into);
  } else if (isJsonObject(value)) {
    for (const [key, one] of Object.entries(value)) flatten(one, `${path} ${key}`, into);
  } else {
    into.set(path, JSON.stringify(value));
  }
}

function flat(document: JsonObject): Map<string, unknown> {
  const into = new Map<string, unknown>();
  for (const part of ['paths', 'definitions', 'parameters', 'security', 'securityDefinitions'])
    flatten(document[part], part, into);
  return into;
}

/** The published document was made with CBOR, an alpha form of what is sent. */
function withoutCbor(value: unknown): unknown {
  if (Array.isArray(value))
    return value.filter((one) => typeof one !== 'string' || !one.includes('cbor')).map(withoutCbor);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutCbor(one)]));
}

/** Files of the host are not served; the client's models say nothing of some types, and of fields that are another type. */
function isExplained(path: string, wanted: JsonObject): boolean {
  if (/^paths \/logs|^parameters logpath/.test(path)) return true;
  const told = /^definitions (\S+)(?: properties (\S+))? description$/.exec(path);
  if (told === null) return false;
  const [, type = '', field] = told;
  const definition = at(wanted, 'definitions', type);
  if (field === undefined) return !isJsonObject(definition.properties);
  return type.endsWith('v1alpha1.MatchCondition') || typeof at(definition, 'properties', field).$ref === 'string';
}

describe.skipIf(!existsSync(FILE))('the document of v2 (skipped where that of v1.36 is not at hand)', () => {
  it('says of every path, operation, parameter, answer and type what Kubernetes says', async () => {
    const wanted = withoutCbor(JSON.parse(readFileSync(FILE, 'utf8'))) as JsonObject;
    const genuine = flat(wanted);
    const ours = flat(await read('/openapi/v2'));
    const other: string[] = [];
    for (const path of new Set([...genuine.keys(), ...ours.keys()])) {
      if (genuine.get(path) === ours.get(path) || isExplained(path, wanted)) continue;
      other.push(`${path}: ${String(ours.get(path))}, not ${String(genuine.get(path))}`);
    }
    expect(ours.size).toBeGreaterThan(20_000);
    expect(other).toEqual([]);
  });
});

describe('the document of v2', () => {
  it('tells once what many operations take, under the names by which Kubernetes knows it', async () => {
    const { paths, parameters } = await read('/openapi/v2');
    const pods = at(paths, '/api/v1/namespaces/{namespace}/pods');
    expect(pods.parameters).toEqual([
      { $ref: '#/parameters/namespace-vgWSWtn3' },
      { $ref: '#/parameters/pretty-tJGM1-ng' },
    ]);
    expect(at(parameters, 'limit-1NfNmdNH').description).toContain('is a maximum number of responses');
    const names = (at(pods, 'post').parameters as JsonObject[]).map(({ name, $ref }) => name ?? $ref);
    expect(names).toEqual(['body', 'dryRun', '#/parameters/fieldManager-Qy4HdaTW', 'fieldValidation']);
  });

  it('is sent as protobuf with all that it says', async () => {
    const { text: json, headers: others } = await server.call('GET', '/openapi/v2');
    const accept = 'application/json;q=0.8, application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const { headers, body } = await server.raw('GET', '/openapi/v2', { accept });
    expect(headers.etag).toBe(others.etag);
    expect(headers['content-type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const bytes = Buffer.from(body as Uint8Array);
    expect(bytes.equals(encodeSwagger(JSON.parse(json) as JsonObject))).toBe(true);
    for (const text of ['limit-1NfNmdNH', '#/parameters/limit-1NfNmdNH', 'Bearer Token authentication'])
      expect(bytes.includes(text), text).toBe(true);
  });
});

describe('a parameter in protobuf', () => {
  it('has the numbers that gnostic gives its place', () => {
    const parameters = {
      q: { in: 'query', name: 'n', type: 'string', uniqueItems: true },
      p: { in: 'path', name: 'n', type: 'string', uniqueItems: true, required: true },
    };
    const hex = Buffer.from(encodeSwagger({ parameters })).toString('hex');
    // Query: in 2, name 4, type 6, unique_items 20. Path: required 1, type 5, unique_items 19.
    expect(hex).toContain('1a1512057175657279220 16e3206737472696e67a00101'.replaceAll(' ', ''));
    expect(hex).toContain('2216080112047061746822016e2a06737472696e67980101');
  });
});

describe('the documents of v3', () => {
  it('may be kept for good by their hash, and are elsewhere by one that is not theirs', async () => {
    const url = String(at((await read('/openapi/v3')).paths, 'apis/apps/v1').serverRelativeURL);
    const kept = await server.call('GET', url);
    expect(kept.status).toBe(200);
    expect(kept.headers).toMatchObject({ 'cache-control': 'public, immutable', vary: 'Accept' });
    expect(kept.headers.expires).toMatch(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} UTC$/);
    expect(Date.parse(String(kept.headers.expires)) - Date.now()).toBeGreaterThan(364 * 86_400_000);
    const plain = await server.call('GET', '/openapi/v3/apis/apps/v1');
    expect(plain.headers).toMatchObject({ 'cache-control': 'no-cache, private', etag: kept.headers.etag });
    expect(plain.headers).not.toHaveProperty('expires');
    const same = { headers: { 'if-none-match': String(kept.headers.etag) } };
    expect(await server.call('GET', url, undefined, same)).toMatchObject({
      status: 304,
      headers: { 'cache-control': 'public, immutable' },
    });
    const moved = await server.call('GET', '/openapi/v3/apis/apps/v1?hash=OLD');
    expect(moved).toMatchObject({ status: 301, text: '', headers: { location: url, etag: kept.headers.etag } });
    const unread = await server.call('GET', '/openapi/v3/apis/apps/v1?hash=OLD', undefined, { accept: 'image/png' });
    expect(unread.status).toBe(406);
  });

  it('are one for each version, each group, and what stands outside of them', async () => {
    const { paths } = await read('/openapi/v3');
    const names = Object.keys(paths as object);
    const lone = ['.well-known/openid-configuration', 'api', 'api/v1', 'apis', 'apis/apps', 'apis/apps/v1'];
    expect(names).toEqual(expect.arrayContaining([...lone, 'openid/v1/jwks', 'version']));
    expect(names).toEqual([...names].sort());
    for (const name of names) expect((await server.call('GET', `/openapi/v3/${name}`)).status, name).toBe(200);
    expect((await server.call('GET', '/openapi/v3/apis/nothing')).status).toBe(404);
    expect(Object.keys((await read('/openapi/v3/apis/apps')).paths as object)).toEqual(['/apis/apps/']);
    expect(await read('/openapi/v3/openid/v1/jwks')).toMatchObject({
      components: { securitySchemes: { BearerToken: { in: 'header' } } },
      paths: { '/openid/v1/jwks/': { get: { responses: { '200': { content: { 'application/jwk-set+json': {} } } } } } },
    });
  });

  it('say in which forms a type is sent and answered', async () => {
    const pod = at(await read('/openapi/v3/api/v1'), 'paths', '/api/v1/namespaces/{namespace}/pods/{name}');
    expect(Object.keys(at(pod, 'patch', 'requestBody', 'content'))).toEqual([
      'application/apply-patch+yaml',
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
    ]);
    expect(at(pod, 'patch', 'responses', '201', 'content', 'application/vnd.kubernetes.protobuf')).toEqual({
      schema: { $ref: '#/components/schemas/io.k8s.api.core.v1.Pod' },
    });
    expect(at(pod, 'delete', 'requestBody')).not.toHaveProperty('required');
    expect(pod.parameters).toMatchObject([
      { name: 'name', description: 'name of the Pod', required: true, schema: { type: 'string', uniqueItems: true } },
      { name: 'namespace', in: 'path' },
      { name: 'pretty', in: 'query' },
    ]);
  });

  it('tell zero values as defaults, and of types that are everywhere only the versions at hand', async () => {
    const schemas = at(await read('/openapi/v3/apis/apps/v1'), 'components', 'schemas');
    expect(at(schemas, 'io.k8s.api.apps.v1.Deployment', 'properties', 'spec')).toMatchObject({
      allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' }],
      default: {},
    });
    expect(at(schemas, 'io.k8s.api.apps.v1.DeploymentList', 'properties', 'metadata').description).toMatch(
      /^Standard list metadata\. More info: /,
    );
    const condition = at(schemas, `${V1}Condition`.replace(V1, 'io.k8s.api.apps.v1.Deployment'), 'properties');
    expect(condition.type).toMatchObject({ type: 'string', default: '' });
    expect(condition.lastTransitionTime).not.toHaveProperty('default');
    expect(condition.message).not.toHaveProperty('default');
    expect(at(schemas, 'io.k8s.api.core.v1.Container', 'properties', 'args', 'items')).toEqual({
      type: 'string',
      default: '',
    });
    expect(at(schemas, `${V1}WatchEvent`)['x-kubernetes-group-version-kind']).toEqual([
      { group: '', version: 'v1', kind: 'WatchEvent' },
      { group: 'apps', version: 'v1', kind: 'WatchEvent' },
    ]);
  });
});

describe('custom kinds', () => {
  const operations = async (document: string, path: string): Promise<JsonObject> =>
    at(await read(document), 'paths', path);

  beforeAll(async () => {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
    const made = await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'crontabs.stable.example-site.com' },
      spec: {
        group: 'stable.example-site.com',
        scope: 'Namespaced',
        names: { plural: 'crontabs', kind: 'CronTab' },
        versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {}, scale } }],
      },
    });
    expect(made.status).toBe(201);
  });

  it('have the operations, names, tags and forms of the server that Kubernetes has for them', async () => {
    const base = '/apis/stable.example-site.com/v1/namespaces/{namespace}/crontabs';
    const many = await operations('/openapi/v2', base);
    expect(at(many, 'get')).toMatchObject({
      operationId: 'listStableExampleSiteComV1NamespacedCronTab',
      description: 'list objects of kind CronTab',
      tags: ['stableExampleSiteCom_v1'],
      consumes: ['application/json', 'application/yaml'],
      produces: ['application/json', 'application/yaml'],
    });
    expect(at(many, 'delete').operationId).toBe('deleteStableExampleSiteComV1CollectionNamespacedCronTab');
    const one = await operations('/openapi/v2', `${base}/{name}`);
    expect(Object.keys(at(one, 'patch', 'responses'))).toEqual(['200', '401']);
    expect(at(one, 'patch').consumes).not.toContain('application/strategic-merge-patch+json');
    expect(at(one, 'delete', 'responses', '202', 'schema').$ref).toBe(`#/definitions/${V1}Status`);
    const everywhere = await operations('/openapi/v2', '/apis/stable.example-site.com/v1/crontabs');
    expect(at(everywhere, 'get').operationId).toBe('listStableExampleSiteComV1CronTabForAllNamespaces');
    expect((await read('/openapi/v2')).paths).not.toHaveProperty(['/apis/stable.example-site.com/']);
  });

  it('have paths for their scale and their status', async () => {
    const base = '/apis/stable.example-site.com/v1/namespaces/{namespace}/crontabs/{name}';
    const document = '/openapi/v3/apis/stable.example-site.com/v1';
    expect(at(await operations(document, `${base}/scale`), 'put')).toMatchObject({
      operationId: 'replaceStableExampleSiteComV1NamespacedCronTabScale',
      description: 'replace scale of the specified CronTab',
      requestBody: {
        content: { 'application/yaml': { schema: { $ref: '#/components/schemas/io.k8s.api.autoscaling.v1.Scale' } } },
        required: true,
      },
      'x-kubernetes-group-version-kind': { group: 'stable.example-site.com', version: 'v1', kind: 'CronTab' },
    });
    expect(Object.keys(await operations(document, `${base}/status`))).toEqual(['get', 'put', 'patch', 'parameters']);
  });

  it('are told in version 3 as by the server that Kubernetes has for them', async () => {
    const document = await read('/openapi/v3/apis/stable.example-site.com/v1');
    expect(document.info).toEqual({ title: 'Kubernetes CRD Swagger', version: 'v0.1.0' });
    expect(document.components).not.toHaveProperty('securitySchemes');
    const schemas = at(document, 'components', 'schemas');
    const kind = 'com.example-site.stable.v1.CronTab';
    expect(at(schemas, `${kind}List`, 'properties', 'items').items).toEqual({
      $ref: `#/components/schemas/${kind}`,
    });
    expect(Object.keys(at(schemas, kind, 'properties', 'metadata'))).toEqual(['description', 'allOf']);
    // Fields have their defaults, elements have none.
    expect(at(schemas, `${V1}OwnerReference`, 'properties', 'kind').default).toBe('');
    expect(at(schemas, `${V1}ObjectMeta`, 'properties', 'labels').additionalProperties).toEqual({ type: 'string' });
    const groups = at(schemas, `${V1}DeleteOptions`)['x-kubernetes-group-version-kind'] as { group: string }[];
    expect(groups.map(({ group }) => group)).toContain('apps');
    expect(groups.map(({ group }) => group)).not.toContain('apiextensions.k8s.io');
  });

  it('take the options of a get and of a patch', async () => {
    const base = '/apis/stable.example-site.com/v1/namespaces/{namespace}/crontabs/{name}';
    const one = await operations('/openapi/v3/apis/stable.example-site.com/v1', base);
    const names = (method: string) => (at(one, method).parameters as { name: string }[]).map(({ name }) => name);
    expect(names('get')).toEqual(['resourceVersion']);
    expect(names('patch')).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
  });
});
