// DeleteOptions as they are sent: in the body or the query, in several forms, and what of them is refused.
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../machinery/errors.ts';
import type { WireRequest } from '../../machinery/http.ts';
import { checkDeleteOptions, parseDeleteOptions } from './delete-options.ts';

function request(body: string | undefined, query = '', type?: string): WireRequest {
  return {
    method: 'DELETE',
    path: '/api/v1/namespaces/default/configmaps/a',
    query: new URLSearchParams(query),
    headers: type === undefined ? {} : { 'content-type': type },
    user: { username: 'u', groups: [] },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  };
}

function refusal(body: unknown, query = '', type?: string): string {
  try {
    parseDeleteOptions(request(typeof body === 'string' ? body : JSON.stringify(body), query, type));
    return '';
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
}

describe('options of a deletion', () => {
  test('that are not sent are the usual ones', () => {
    expect(parseDeleteOptions(request(undefined))).toMatchObject({ dryRun: false, sent: {} });
    expect(parseDeleteOptions(request(undefined)).gracePeriodSeconds).toBeUndefined();
  });

  const all = {
    gracePeriodSeconds: 5,
    propagationPolicy: 'Orphan',
    preconditions: { uid: 'u', resourceVersion: '7' },
    dryRun: ['All'],
  };
  const read = { gracePeriodSeconds: 5, propagationPolicy: 'Orphan', uid: 'u', resourceVersion: '7', dryRun: true };

  test.each<[string, string, string | undefined]>([
    ['JSON', JSON.stringify(all), undefined],
    ['JSON of any group', JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'apps/v1', ...all }), 'application/json'],
    [
      'YAML',
      'gracePeriodSeconds: 5\npropagationPolicy: Orphan\npreconditions: {uid: u, resourceVersion: "7"}\ndryRun: [All]\n',
      'application/yaml',
    ],
  ])('are read from %s, and admission is told of them', (_, body, type) => {
    const options = parseDeleteOptions(request(body, '', type));
    expect(options).toMatchObject({ ...read, sent: all });
  });

  test('are read from the query when there is no body', () => {
    const query = 'gracePeriodSeconds=5&propagationPolicy=Orphan&uid=u&resourceVersion=7&dryRun=All';
    expect(parseDeleteOptions(request(undefined, query))).toMatchObject({ ...read, sent: all });
    expect(parseDeleteOptions(request('', 'orphanDependents=0')).orphanDependents).toBe(false);
    expect(parseDeleteOptions(request('{}', query)).gracePeriodSeconds).toBeUndefined();
  });

  test.each<[unknown, string]>([
    [
      { gracePeriodSeconds: 'x' },
      '400 json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
    ],
    [
      { preconditions: { uid: 1 } },
      '400 json: cannot unmarshal number into Go struct field Preconditions.preconditions.uid of type types.UID',
    ],
    [
      { kind: 'Pod', apiVersion: 'v1' },
      '400 no kind "Pod" is registered for version "v1" in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"',
    ],
    ['{', "400 couldn't get version/kind; json parse error: unexpected end of JSON input"],
    [
      { propagationPolicy: 'Nope' },
      '422 DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Nope": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      { propagationPolicy: 'Orphan', orphanDependents: true },
      '422 DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
    [
      { dryRun: ['Nope'] },
      '422 DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Nope"]: supported values: "All"',
    ],
  ])('%j are refused', (body, why) => {
    expect(refusal(body)).toBe(why);
  });

  test('of a type that nobody reads are refused', () => {
    expect(refusal('{}', '', 'text/plain')).toMatch(/^415 /);
  });

  test('in the query are refused likewise', () => {
    expect(refusal('', 'gracePeriodSeconds=x')).toBe('400 strconv.ParseInt: parsing "x": invalid syntax');
    expect(refusal('', 'dryRun=Nope')).toMatch(/^422 .*dryRun: Unsupported value/);
  });

  test('of an eviction are checked by the same rules', () => {
    expect(() => checkDeleteOptions(['All'], 'Background', undefined)).not.toThrow();
    expect(() => checkDeleteOptions([], 'Background', false)).toThrow('cannot be both set');
  });
});
