// `authorizer` in expressions of admission: may somebody do something? What decides is handed in.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
import { isDns1123Label, isDns1123Subdomain } from '../names.ts';
import { define, fail } from './registry.ts';
import { opaque } from './types.ts';
import { ReceiverValue } from './values.ts';

export interface ResourceQuestion {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

export type Question = { readonly verb: string } & (ResourceQuestion | { readonly path: string });

export interface Verdict {
  readonly allowed: boolean;
  readonly reason: string;
  /** What went wrong while it was decided. */
  readonly error?: string;
}

/** Decides for the user that the value stands for, or for a service account. */
export interface Judge {
  ask(question: Question): Verdict;
  forServiceAccount(namespace: string, name: string): Judge;
}

const PACKAGE = 'kubernetes.authorization';
export const AUTHORIZER = opaque(`${PACKAGE}.Authorizer`);
export const RESOURCE_CHECK = opaque(`${PACKAGE}.ResourceCheck`);

class PathCheck extends ReceiverValue {
  readonly typeName = `${PACKAGE}.PathCheck`;
  constructor(
    readonly judge: Judge,
    readonly path: string,
  ) {
    super();
  }
}

class GroupCheck extends ReceiverValue {
  readonly typeName = `${PACKAGE}.GroupCheck`;
  constructor(
    readonly judge: Judge,
    readonly group: string,
  ) {
    super();
  }
}

class ResourceCheck extends ReceiverValue {
  readonly typeName = `${PACKAGE}.ResourceCheck`;
  constructor(
    readonly judge: Judge,
    readonly question: ResourceQuestion,
  ) {
    super();
  }
}

class Decision extends ReceiverValue {
  readonly typeName = `${PACKAGE}.Decision`;
  constructor(readonly verdict: Verdict) {
    super();
  }
}

class AuthorizerValue extends ReceiverValue {
  readonly typeName = `${PACKAGE}.Authorizer`;
  constructor(readonly judge: Judge) {
    super();
  }
}

export const authorizerOf = (judge: Judge): unknown => new AuthorizerValue(judge);

const UNSAID = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };

export function resourceCheckOf(
  judge: Judge,
  about: Pick<ResourceQuestion, 'group' | 'resource'> & Partial<ResourceQuestion>,
): unknown {
  return new ResourceCheck(judge, { ...UNSAID, ...about });
}

function serviceAccount({ judge }: AuthorizerValue, namespace: string, name: string): AuthorizerValue {
  if (isDns1123Subdomain(name).length > 0) fail('Invalid service account name');
  if (isDns1123Label(namespace).length > 0) fail('Invalid service account namespace');
  return new AuthorizerValue(judge.forServiceAccount(namespace, name));
}

export function defineAuthorizer(): void {
  const [authorizer, group, resource, path, decision] = [
    'Authorizer',
    'GroupCheck',
    'ResourceCheck',
    'PathCheck',
    'Decision',
  ].map((name) => `${PACKAGE}.${name}`);
  define(`${authorizer}.path(string): ${path}`, ({ judge }: AuthorizerValue, text: string) =>
    text.trim() === '' ? fail('path must not be empty') : new PathCheck(judge, text),
  );
  define(
    `${authorizer}.group(string): ${group}`,
    ({ judge }: AuthorizerValue, name: string) => new GroupCheck(judge, name),
  );
  define(`${authorizer}.serviceAccount(string, string): ${authorizer}`, serviceAccount);
  define(`${group}.resource(string): ${resource}`, ({ judge, group: of }: GroupCheck, name: string) =>
    name.trim() === '' ? fail('resource must not be empty') : resourceCheckOf(judge, { group: of, resource: name }),
  );
  for (const part of ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'])
    define(
      `${resource}.${part}(string): ${resource}`,
      ({ judge, question }: ResourceCheck, text: string) => new ResourceCheck(judge, { ...question, [part]: text }),
    );
  define(
    `${path}.check(string): ${decision}`,
    ({ judge, path: of }: PathCheck, verb: string) => new Decision(judge.ask({ path: of, verb })),
  );
  define(
    `${resource}.check(string): ${decision}`,
    ({ judge, question }: ResourceCheck, verb: string) => new Decision(judge.ask({ ...question, verb })),
  );
  define(`${decision}.allowed(): bool`, ({ verdict }: Decision) => verdict.allowed);
  define(`${decision}.reason(): string`, ({ verdict }: Decision) => verdict.reason);
  define(`${decision}.errored(): bool`, ({ verdict }: Decision) => verdict.error !== undefined);
  define(`${decision}.error(): string`, ({ verdict }: Decision) => verdict.error ?? '');
}
