// What all operations of resources have in common: paths, answers, articles, the names of types.
import { definitionPrefix, factPackage, factPackageKeys } from '../../resources/schema/index.ts';
import type { Answer } from './route.ts';
import type { Gvk } from './schemas.ts';

export const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
export const SCALE = 'io.k8s.api.autoscaling.v1.Scale';
export const UNAUTHORIZED: Answer = { code: '401', description: 'Unauthorized' };

/** With the space that follows it; a plural (Endpoints) has none. */
export function articleFor(noun: string): string {
  if (noun.endsWith('s') && !noun.endsWith('ss')) return '';
  return /^[aeiou]/i.test(noun) ? 'an ' : 'a ';
}

export function rootOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** Answers with one type: `['200', '201']`. */
export function answers(codes: readonly string[], payload: Answer['payload']): Answer[] {
  const words: Readonly<Record<string, string>> = { '200': 'OK', '201': 'Created', '202': 'Accepted' };
  const told = payload === undefined ? {} : { payload };
  return [...codes.map((code) => ({ code, description: words[code] ?? '', ...told })), UNAUTHORIZED];
}

/** The definition name of a kind that no row has: Eviction, TokenRequest. */
export function definitionOf({ group, version, kind }: Gvk): string {
  const key = factPackageKeys().find((one) => factPackage(one)?.group === group && one.endsWith(`/${version}`));
  return key === undefined ? '' : `${definitionPrefix(key)}${kind}`;
}
