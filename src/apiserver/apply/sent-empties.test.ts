// Lists that were sent empty.
import { describe, expect, test } from 'vitest';
import { builtinSchema } from '../../resources/schema/index.ts';
import { withSentEmpties } from './index.ts';

const LIMIT_RANGE = builtinSchema('io.k8s.api.core.v1.LimitRange');
const CONFIG_MAP = builtinSchema('io.k8s.api.core.v1.ConfigMap');

describe('a list that is always there', () => {
  test('counts as sent when it was sent empty', () => {
    const object = { metadata: {}, spec: { limits: null } };
    expect(withSentEmpties(LIMIT_RANGE, object, () => ({ spec: { limits: [] } }))).toEqual({
      metadata: {},
      spec: { limits: [] },
    });
    expect(object.spec.limits).toBeNull();
  });

  test.each([[{ spec: {} }], [{}], [undefined], [{ spec: { limits: null } }]])(
    'is null when the body was %j',
    (body) => {
      const object = { metadata: {}, spec: { limits: null } };
      expect(withSentEmpties(LIMIT_RANGE, object, () => body)).toBe(object);
    },
  );
});

test('the body is not read when there is nothing to explain', () => {
  const fail = (): never => {
    throw new Error('read');
  };
  const object = { metadata: {}, data: { a: 'b' } };
  expect(withSentEmpties(CONFIG_MAP, object, fail)).toBe(object);
  const full = { metadata: {}, spec: { limits: [{}] } };
  expect(withSentEmpties(LIMIT_RANGE, full, fail)).toBe(full);
});
