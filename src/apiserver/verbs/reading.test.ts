// Reading in odd ways: HEAD, lists from the cache with a limit, and selectors at their edges.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../machinery/object.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', HEADS);
  for (let i = 0; i < 5; i++) {
    const labels = { a: String(i % 2), n: `x${i}`, ...(i === 0 ? { only: '' } : {}) };
    await server.call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${i}`, labels } });
  }
});
afterAll(() => server.api.close());

const HEADS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'heads.h.example.com' },
  spec: {
    group: 'h.example.com',
    scope: 'Namespaced',
    names: { plural: 'heads', kind: 'Head' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};

interface List {
  readonly items?: readonly { readonly metadata: { readonly name: string } }[];
  readonly metadata?: JsonObject;
  readonly message?: string;
}

async function listed(query: string): Promise<List & { readonly status: number }> {
  const { status, body } = await server.call('GET', `${MAPS}?${query}`);
  return { ...(body as unknown as List), status };
}

const namesOf = ({ items = [] }: List): string =>
  items
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('c'))
    .join(' ');

describe('HEAD', () => {
  test.each([
    ['of a built-in resource is not known', MAPS, 405],
    ['of an object of one is not known', `${MAPS}/c1`, 405],
    ['of core discovery is not known', '/api/v1', 405],
    ['of a version is not known', '/apis/apps/v1', 405],
    ['of the groups is', '/apis', 200],
    ['of a group is', '/apis/apps', 200],
    ['of health is', '/healthz', 200],
    ['of a custom resource is', '/apis/h.example.com/v1/namespaces/default/heads', 200],
    ['of a custom object that is not there is', '/apis/h.example.com/v1/namespaces/default/heads/none', 404],
    ['of nothing is', '/nope', 404],
  ])('%s: %s', async (_, path, status) => {
    expect((await server.call('HEAD', path)).status).toBe(status);
  });
});

describe('a list from the cache', () => {
  test('is whole, whatever the limit is', async () => {
    const list = await listed('limit=2&resourceVersion=0');
    expect(namesOf(list)).toBe('c0 c1 c2 c3 c4');
    expect(list.metadata?.continue).toBeUndefined();
  });

  test('is as new as is asked for, or newer', async () => {
    expect(namesOf(await listed('limit=2&resourceVersion=0&resourceVersionMatch=NotOlderThan'))).toBe('c0 c1 c2 c3 c4');
    const exact = await listed('resourceVersion=0&resourceVersionMatch=Exact');
    expect([exact.status, exact.message]).toEqual([
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ]);
  });

  test('that is not from it comes in parts', async () => {
    const first = await listed('limit=2');
    expect([namesOf(first), first.metadata?.remainingItemCount]).toEqual(['c0 c1', expect.any(Number)]);
    const rest = await listed(`limit=9&continue=${encodeURIComponent(String(first.metadata?.continue))}`);
    expect(namesOf(rest)).toBe('c2 c3 c4');
  });

  test('with a selector is not counted', async () => {
    const list = await listed('limit=1&labelSelector=a%3D0');
    expect([namesOf(list), list.metadata?.remainingItemCount]).toEqual(['c0', undefined]);
  });
});

describe('label selectors', () => {
  test.each([
    ['', 'c0 c1 c2 c3 c4'],
    ['a=1', 'c1 c3'],
    ['a==1,n!=x1', 'c3'],
    [' a = 1 , n = x1 ', 'c1'],
    ['a in (1 , 0),only', 'c0'],
    ['!only', 'c1 c2 c3 c4'],
    ['only=', 'c0'],
    ['a notin (1)', 'c0 c2 c4'],
    ['missing notin (1)', 'c0 c1 c2 c3 c4'],
    ['missing!=1', 'c0 c1 c2 c3 c4'],
    ['a in (1,)', 'c1 c3'],
    ['only in ()', 'c0'],
    ['a>0', 'c1 c3'],
    ['a<1', 'c0 c2 c4'],
    ['n>0', ''],
    ['a=0,a=1', ''],
    ['in', ''],
    ['notin!=1', 'c0 c1 c2 c3 c4'],
  ])('%j finds %s', async (selector, names) => {
    const list = await listed(`labelSelector=${encodeURIComponent(selector)}`);
    expect([list.status, namesOf(list)]).toEqual([200, names]);
  });

  test.each([
    ['a in', "unable to parse requirement: found '' expected: '('"],
    ['a in (1', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['=1', "found '=', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,', "found '', expected: identifier after ','"],
    ['a>x', "for 'Gt', 'Lt' operators, the value must be an integer"],
    ['a>9999999999999999999', "for 'Gt', 'Lt' operators, the value must be an integer"],
    ['a=-1', 'unable to parse requirement: values[0][a]: Invalid value: "-1": a valid label must be an empty string'],
  ])('%j is refused', async (selector, why) => {
    const list = await listed(`labelSelector=${encodeURIComponent(selector)}`);
    expect(list.status).toBe(400);
    expect(list.message).toContain(why);
  });
});

describe('field selectors', () => {
  test.each([
    ['metadata.name=c1', 'c1'],
    ['metadata.name==c1,metadata.namespace=default', 'c1'],
    ['metadata.name!=c1,metadata.name!=c2', 'c0 c3 c4'],
    ['metadata.namespace=other', ''],
    ['metadata.name=c1,metadata.name=c2', ''],
    [',', 'c0 c1 c2 c3 c4'],
    ['metadata.name=a\\,b', ''],
  ])('%j finds %s', async (selector, names) => {
    const list = await listed(`fieldSelector=${encodeURIComponent(selector)}`);
    expect([list.status, namesOf(list)]).toEqual([200, names]);
  });

  test.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['data=1', '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    ['metadata.name=a\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ])('%j is refused', async (selector, why) => {
    const list = await listed(`fieldSelector=${encodeURIComponent(selector)}`);
    expect(list.status).toBe(400);
    expect(list.message).toContain(why);
  });
});
