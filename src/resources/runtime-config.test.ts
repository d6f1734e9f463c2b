// What `--runtime-config` takes, and which resources it has served.
import { expect, test } from 'vitest';
import { isServed, parseRuntimeConfig, runtimeConfigText } from './runtime-config.ts';
import { RESOURCES } from './table.ts';

const served = (text: string): string[] => {
  const config = parseRuntimeConfig(text);
  return RESOURCES.filter((row) => isServed(row, config)).map((row) => `${row.group}/${row.version}/${row.plural}`);
};

test('stable versions are served, and no others', () => {
  expect(served('').every((key) => /\/v\d+\//.test(key))).toBe(true);
  expect(served('')).toContain('/v1/pods');
  expect(served('').length).toBe(RESOURCES.filter((row) => /^v\d+$/.test(row.version)).length);
});

test('the finer word counts, whatever the order', () => {
  const bundles = 'certificates.k8s.io/v1beta1/clustertrustbundles';
  const requests = 'certificates.k8s.io/v1beta1/podcertificaterequests';
  expect(served('api/beta=true')).toEqual(expect.arrayContaining([bundles, requests]));
  expect(served('certificates.k8s.io/v1beta1')).toEqual(expect.arrayContaining([bundles, requests]));
  expect(served(`${requests}=false,certificates.k8s.io/v1beta1=true,api/all=false`)).toEqual([bundles]);
  expect(served('api/all=true')).toHaveLength(RESOURCES.length);
  expect(served('api/ga=false,api/v1/configmaps=true')).toEqual(['/v1/configmaps']);
});

test('it is written as it is read', () => {
  expect(runtimeConfigText(parseRuntimeConfig(' api/beta , batch/v1=false'))).toBe('api/beta=true,batch/v1=false');
});

test('an unknown key and an odd value are told', () => {
  expect(() => parseRuntimeConfig('nope/v1=true')).toThrow('unknown API: nope/v1');
  expect(() => parseRuntimeConfig('batch/v7')).toThrow('unknown API: batch/v7');
  expect(() => parseRuntimeConfig('api/all=yes')).toThrow('want true or false');
});
