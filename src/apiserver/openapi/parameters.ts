// The parameters of requests: the fields of Kubernetes' options types, as a query can carry them.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/
import { descriptionsOf, type FactField, type FactPackage, factPackage } from '../../resources/schema/index.ts';
import type { Parameter } from './route.ts';

export const PRETTY: Parameter = {
  name: 'pretty',
  in: 'query',
  type: 'string',
  description:
    "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget).",
};

export const NAMESPACE: Parameter = {
  name: 'namespace',
  in: 'path',
  type: 'string',
  description: 'object name and auth scope, such as for teams and projects',
};

export const PROXY_PATH: Parameter = {
  name: 'path',
  in: 'path',
  type: 'string',
  description: 'path to the resource',
};

export function nameOf(kind: string): Parameter {
  return { name: 'name', in: 'path', type: 'string', description: `name of the ${kind}` };
}

const SCALARS: ReadonlyMap<string, Parameter['type']> = new Map([
  ['string', 'string'],
  ['bool', 'boolean'],
  ['int32', 'integer'],
  ['int64', 'integer'],
]);

/** Scalars and lists of them; what else there is has no place in a query. */
function typeOf({ name, type }: FactField, pack: FactPackage): Parameter['type'] | undefined {
  const base = type.replace(/^\*|^\[\]/, '');
  return name === '' ? undefined : SCALARS.get(pack.aliases.get(base)?.type ?? base);
}

/** What a query says, for options of one type (`meta/v1`, `ListOptions`). */
export async function optionParameters(key: string, name: string): Promise<readonly Parameter[]> {
  const texts = (await descriptionsOf(key))[name]?.[1] ?? {};
  const pack = factPackage(key);
  return (pack?.structs.get(name)?.fields ?? []).flatMap((field): Parameter[] => {
    const type = pack === undefined ? undefined : typeOf(field, pack);
    return type === undefined ? [] : [{ name: field.name, in: 'query', type, description: texts[field.name] ?? '' }];
  });
}

/** In the order in which documents have them. */
export function inOrder(parameters: readonly Parameter[]): Parameter[] {
  const key = (one: Parameter): string => `${one.name} ${one.in}`;
  return [...parameters].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
