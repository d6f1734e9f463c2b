// FieldsV1 are written in the order that clients compare them in.
import { expect, test } from 'vitest';
import { inOrder } from './field-order.ts';

test('the node itself comes first, then names, keys, values and indices by size', () => {
  const set = {
    'f:name': {},
    'i:10': {},
    'i:9': {},
    'v:"b"': {},
    'v:true': {},
    'v:10': {},
    'v:9': {},
    'v:"a"': {},
    'k:{"containerPort":9090,"protocol":"TCP"}': {},
    'k:{"containerPort":80,"protocol":"UDP"}': {},
    'k:{"containerPort":80,"protocol":"TCP"}': { 'f:b': {}, '.': {}, 'f:a': {} },
    'k:{"containerPort":80}': {},
    'f:image': {},
    '.': {},
  };
  const text = JSON.stringify(inOrder(set));
  expect(text).toBe(
    JSON.stringify({
      '.': {},
      'f:image': {},
      'f:name': {},
      'k:{"containerPort":80}': {},
      'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:a': {}, 'f:b': {} },
      'k:{"containerPort":80,"protocol":"UDP"}': {},
      'k:{"containerPort":9090,"protocol":"TCP"}': {},
      'v:9': {},
      'v:10': {},
      'v:"a"': {},
      'v:"b"': {},
      'v:true': {},
      'i:9': {},
      'i:10': {},
    }),
  );
});

test('a set that is in order stays the object it was', () => {
  const set = { '.': {}, 'f:a': { 'f:b': {} }, 'f:c': {} };
  expect(inOrder(set)).toBe(set);
});
