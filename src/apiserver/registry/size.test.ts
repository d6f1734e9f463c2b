// How large an object may be, to the byte: measured with Kubernetes' own storage.
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { RESOURCES } from '../../resources/index.ts';
import { encodeObject } from '../protobuf/index.ts';
import { Catalog, type CatalogEntry } from './catalog.ts';
import type { Target } from './context.ts';
import { objectText } from './objects.ts';
import { checkSize } from './size.ts';

const found = new Catalog(RESOURCES).find('', 'v1', 'configmaps');
if (found === undefined) throw new Error('there are no config maps');
const builtin = found;
const custom: CatalogEntry = { ...builtin, custom: true };

const targetOf = (entry: CatalogEntry): Target => ({ entry, namespace: 'default', name: 'big', subresource: '' });

function map(size: number): KubeObject {
  const metadata = { name: 'big', namespace: 'default', resourceVersion: '7' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'x'.repeat(size) } } as KubeObject;
}

/** What storage is sent for it, but for what goes around it. */
function stored(entry: CatalogEntry, size: number): number {
  const object = map(size);
  delete object.metadata.resourceVersion;
  return entry.custom ? Buffer.byteLength(objectText(object)) : encodeObject(entry.row.schema, object).length;
}

function refusal(entry: CatalogEntry, size: number, update = false): string | undefined {
  try {
    checkSize(targetOf(entry), map(size), { hint: size, update });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
}

const KEY = '/registry/configmaps/default/big'.length;
const MAX_REQUEST = 1.5 * 1024 * 1024;
const MAX_MESSAGE = 2 * 1024 * 1024;
const TOO_LARGE = '500 etcdserver: request is too large';

describe.each([
  ['built-in', builtin],
  ['custom', custom],
])('a %s object', (_, entry) => {
  const size = 1_500_000;
  const around = stored(entry, size) - size;

  test.each([
    ['created', false, 2 * KEY + 25 + 17],
    ['updated', true, 3 * KEY + 33 + 17],
  ])('that is %s may fill a request, and not a byte more', (_name, update, more) => {
    const largest = MAX_REQUEST - around - more;
    expect(refusal(entry, largest, update)).toBeUndefined();
    expect(refusal(entry, largest + 1, update)).toBe(TOO_LARGE);
  });

  test('that no client of the storage could send is refused in other words', () => {
    const largest = MAX_MESSAGE - around - (2 * KEY + 25);
    expect(refusal(entry, largest)).toBe(TOO_LARGE);
    expect(refusal(entry, largest + 1)).toBe(
      `500 rpc error: code = ResourceExhausted desc = trying to send message larger than max (${MAX_MESSAGE + 1} vs. ${MAX_MESSAGE})`,
    );
  });
});

test('an object of which little was sent is not measured', () => {
  expect(() => checkSize(targetOf(builtin), map(4_000_000), { hint: 1000, update: false })).not.toThrow();
});
