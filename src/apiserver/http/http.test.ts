// The pieces between HTTP and the verbs: paths, content negotiation, warnings, YAML.
import { describe, expect, test } from 'vitest';
import { isApiError } from '../../machinery/errors.ts';
import { inputType, negotiateOutput } from './negotiation.ts';
import { parseRequestInfo } from './request-info.ts';
import { warningHeaders } from './responses.ts';
import { encodeYaml } from './yaml.ts';

function info(method: string, url: string): string {
  const [path = '', query = ''] = url.split('?');
  const found = parseRequestInfo({ method, path, query: new URLSearchParams(query), headers: {} });
  const { verb, group, version, namespace, resource, name, subresource, rest } = found;
  return found.isResource
    ? [verb, group, version, namespace, resource, name, subresource, rest].join('|')
    : `- ${verb} ${path}`;
}

describe('a path', () => {
  test.each([
    ['GET', '/api/v1/pods', 'list||v1||pods|||'],
    ['GET', '/api/v1/pods?watch=1', 'watch||v1||pods|||'],
    ['GET', '/api/v1/watch/pods', 'watch||v1||pods|||'],
    ['GET', '/api/v1/namespaces', 'list||v1||namespaces|||'],
    ['GET', '/api/v1/namespaces/a', 'get||v1||namespaces|a||'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update||v1||namespaces|a|finalize|'],
    ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection||v1|a|pods|||'],
    ['POST', '/api/v1/namespaces/a/pods/p/binding', 'create||v1|a|pods|p|binding|'],
    ['GET', '/apis/apps/v1/namespaces/a/deployments/d', 'get|apps|v1|a|deployments|d||'],
    ['GET', '/api/v1/nodes/n/proxy/a/b', 'get||v1||nodes|n|proxy|/a/b'],
    [
      'GET',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/a%2Fb',
      'get|rbac.authorization.k8s.io|v1||clusterroles|a/b||',
    ],
    ['GET', '/apis', '- get /apis'],
    ['GET', '/healthz', '- get /healthz'],
  ])('%s %s', (method, url, expected) => {
    expect(info(method, url)).toBe(expected);
  });

  test('with a broken escape is a bad request', () => {
    expect(() => info('GET', '/api/v1/pods/%zz')).toThrow(/invalid URL escape/);
  });
});

describe('a Content-Type', () => {
  test.each([
    '',
    'application/json',
    'application/JSON; charset=utf-8',
    'application/json;',
    'application/yaml;a=b;c="d"',
  ])('%s is read', (type) => {
    expect(inputType(type)).toMatch(/^application\/(json|yaml)$/);
  });

  test.each(['text/plain', ';', '*/*', 'json', 'application/json;x', 'application/json,application/yaml'])(
    '%s is not',
    (type) => {
      expect(() => inputType(type)).toThrow(/^the body of the request was in an unknown format/);
    },
  );
});

describe('Accept', () => {
  const list = { transforms: true, list: true, stream: true, protobuf: () => true };
  test.each([
    ['*/*', 'application/json', undefined],
    ['text/html;q=0.9,*/*;q=0.1', 'application/json', undefined],
    ['application/yaml', 'application/yaml', undefined],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json', 'Table'],
    ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'application/json', undefined],
    ['application/vnd.kubernetes.protobuf,application/json', 'application/vnd.kubernetes.protobuf', undefined],
    ['application/json;stream=watch', 'application/json', undefined],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json', undefined],
    [
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
      'application/vnd.kubernetes.protobuf',
      'PartialObjectMetadataList',
    ],
  ])('%s is answered with %s, %s', (accept, mediaType, as) => {
    const output = negotiateOutput(accept, list);
    expect([output.mediaType, output.as]).toEqual([mediaType, as]);
  });

  test.each([
    ['text/plain', /^406: Not Acceptable\n\nAvailable representations: application\/json/],
    ['application/JSON', /^406: Not Acceptable/],
    ['application/json;stream=x', /^only the following media types are accepted: application\/json/],
    ['*/*;v=v1', /^only the following media types are accepted/],
  ])('%s is refused in the words of who refuses it', (accept, words) => {
    expect(() => negotiateOutput(accept, list)).toThrow(words);
  });

  test('of what is not served is refused', () => {
    const refused = (accept: string): boolean => {
      try {
        negotiateOutput(accept, list);
        return false;
      } catch (error) {
        return isApiError(error, 'NotAcceptable');
      }
    };
    expect(refused('application/xml')).toBe(true);
    expect(refused('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')).toBe(true);
  });
});

test('warnings are told once, quoted, and not without end', () => {
  expect(warningHeaders(['a "b"\n', 'a "b"\n'])).toEqual(['299 - "a \\"b\\" "']);
  const many = warningHeaders(Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(500)}`));
  expect(many.length).toBeLessThan(30);
});

test('YAML has its keys in order, and quotes what old readers take for something else', () => {
  expect(encodeYaml({ b: ['x', { y: 'no' }], a: { '.': {}, '1': 'true' }, z: undefined })).toBe(
    'a:\n  .: {}\n  "1": "true"\nb:\n- x\n- "y": "no"\n',
  );
});
