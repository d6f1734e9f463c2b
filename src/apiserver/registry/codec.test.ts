// What patches may make of an object's kind, and how they clear its owners.
import { describe, expect, test } from 'vitest';
import { RESOURCES } from '../../resources/index.ts';
import { Catalog } from './catalog.ts';
import { clearsOwners, kindProblem, parsePatch } from './codec.ts';

const how = <V extends string>(validation: V) => ({ validation, custom: false });
const catalog = new Catalog(RESOURCES);
const maps = catalog.find('', 'v1', 'configmaps');
const deployments = catalog.find('apps', 'v1', 'deployments');
if (maps === undefined || deployments === undefined) throw new Error('there are no config maps or deployments');

describe('the kind of a patched object', () => {
  test.each<[unknown, string | undefined]>([
    [{ apiVersion: 'v1', kind: 'ConfigMap' }, undefined],
    [{ kind: 'ConfigMap' }, undefined],
    [{ apiVersion: 'v1' }, undefined],
    [{ apiVersion: null, kind: null }, undefined],
    [{ apiVersion: 'v1', kind: 'Pod' }, 'converting (v1.Pod) to (core.ConfigMap): unknown conversion'],
    [
      { apiVersion: 'v1', kind: 'configmap' },
      'no kind "configmap" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      { apiVersion: 'v2', kind: 'ConfigMap' },
      'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [{ apiVersion: 'a/b/c', kind: 'ConfigMap' }, 'unexpected GroupVersion string: a/b/c'],
    [
      { apiVersion: 'v1', kind: 5 },
      "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
    ],
    [
      { apiVersion: [], kind: 'ConfigMap' },
      "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go struct field .apiVersion of type string",
    ],
    [
      [],
      `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    ],
  ])('%j', (value, problem) => {
    expect(kindProblem(maps, catalog, value)).toBe(problem);
  });

  test('may be named in a version that is no longer served', () => {
    expect(kindProblem(deployments, catalog, { apiVersion: 'apps/v1', kind: 'ReplicaSet' })).toBe(
      'converting (v1.ReplicaSet) to (apps.Deployment): unknown conversion',
    );
  });

  test('is not looked at before there is an object', () => {
    const parsed = parsePatch(Buffer.from('{"kind":5,"data":{"a":"1","a":"2"}}'), 'merge', how('Warn'));
    expect(parsed.value).toEqual({ kind: 5, data: { a: '2' } });
    const strict = (text: string, kind: 'json' | 'merge', validation: 'Warn' | 'Ignore'): readonly string[] =>
      parsePatch(Buffer.from(text), kind, how(validation)).strict;
    expect(strict('{"data":{"a":"1","a":"2"}}', 'merge', 'Warn')).toEqual(['duplicate field "data.a"']);
    expect(strict('{"data":{"a":"1","a":"2"}}', 'merge', 'Ignore')).toEqual([]);
  });

  test('members of JSON patch operations that mean nothing, or stand there twice, are told', () => {
    const text = '[{"op":"test","path":"/a"},{"Op":"x","op":"add","op":"remove","path":"/a","value":{"b":1,"c":2}}]';
    expect(parsePatch(Buffer.from(text), 'json', how('Strict')).strict).toEqual([
      'json patch unknown field "[1].Op"',
      'json patch duplicate field "[1].op"',
    ]);
    expect(parsePatch(Buffer.from(text), 'json', how('Ignore')).strict).toEqual([]);
    expect(() => parsePatch(Buffer.from('['), 'json', how('Ignore'))).toThrow(/^unexpected end of JSON input$/);
    expect(() => parsePatch(Buffer.from(''), 'merge', how('Ignore'))).toThrow('Invalid JSON Patch');
  });
});

test.each([
  [{ metadata: { managedFields: [] } }, true],
  [{ metadata: { managedFields: [{}] } }, false],
  [{ metadata: { managedFields: null } }, false],
  [{ metadata: {} }, false],
  [{ metadata: null }, false],
  [{}, false],
  [[], false],
  [null, false],
])('%j clears the owners: %s', (value, expected) => {
  expect(clearsOwners(value)).toBe(expected);
});
