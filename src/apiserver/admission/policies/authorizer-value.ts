// `authorizer` in the expressions of policies: asks whether the user of the request may do something else.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
import { define, fail } from '../../../machinery/cel/registry.ts';
import type { UserInfo } from '../../../machinery/http.ts';
import type { Attributes, Authorizer } from '../../auth/authorizer.ts';
import type { AdmissionRequest } from '../plugin.ts';

type Asked = Omit<Attributes, 'user' | 'verb'>;

const NOTHING: Asked = {
  isResource: true,
  group: '',
  version: '*',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
};

/** A question that is being put together. */
class Check {
  constructor(
    readonly authorizer: Authorizer,
    readonly user: UserInfo,
    readonly asked: Asked,
  ) {}

  with(more: Partial<Asked>): Check {
    return new Check(this.authorizer, this.user, { ...this.asked, ...more });
  }
}

class Answer {
  constructor(
    readonly allowed: boolean,
    readonly reason: string,
  ) {}
}

/** A map, so that `authorizer.requestResource` can be selected. */
class AuthorizerValue extends Map<string, unknown> {
  constructor(
    readonly authorizer: Authorizer,
    readonly user: UserInfo,
  ) {
    super();
  }
}

function authorizerOf(value: unknown): AuthorizerValue {
  return value instanceof AuthorizerValue ? value : fail('no such overload');
}

function checkOf(value: unknown): Check {
  return value instanceof Check ? value : fail('no such overload');
}

function answerOf(value: unknown): Answer {
  return value instanceof Answer ? value : fail('no such overload');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : fail('no such overload');
}

function ask(value: unknown, verb: unknown): Answer {
  const { authorizer, user, asked } = checkOf(value);
  const decision = authorizer.authorize({ ...asked, user, verb: text(verb).toLowerCase() });
  return new Answer(decision.allowed, decision.reason);
}

function start(value: unknown, asked: Partial<Asked>): Check {
  const { authorizer, user } = authorizerOf(value);
  return new Check(authorizer, user, { ...NOTHING, ...asked });
}

/** A service account, as the authorizer would see it. */
function asServiceAccount(value: unknown, namespace: unknown, name: unknown): AuthorizerValue {
  const { authorizer } = authorizerOf(value);
  const username = `system:serviceaccount:${text(namespace)}:${text(name)}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${text(namespace)}`, 'system:authenticated'];
  return new AuthorizerValue(authorizer, { username, groups });
}

define('dyn.group(dyn): dyn', (a: unknown, group: unknown) => start(a, { group: text(group) }));
define('dyn.path(dyn): dyn', (a: unknown, path: unknown) => start(a, { isResource: false, path: text(path) }));
define('dyn.serviceAccount(dyn, dyn): dyn', asServiceAccount);
define('dyn.resource(dyn): dyn', (c: unknown, resource: unknown) => checkOf(c).with({ resource: text(resource) }));
define('dyn.subresource(dyn): dyn', (c: unknown, name: unknown) => checkOf(c).with({ subresource: text(name) }));
define('dyn.namespace(dyn): dyn', (c: unknown, namespace: unknown) => checkOf(c).with({ namespace: text(namespace) }));
define('dyn.name(dyn): dyn', (c: unknown, name: unknown) => checkOf(c).with({ name: text(name) }));
define('dyn.check(dyn): dyn', ask);
define('dyn.allowed(): bool', (a: unknown) => answerOf(a).allowed);
define('dyn.reason(): string', (a: unknown) => answerOf(a).reason);
define('dyn.errored(): bool', (a: unknown) => answerOf(a) === undefined);
define('dyn.error(): string', (a: unknown) => (answerOf(a) === undefined ? 'no answer' : ''));

export function authorizerValue(authorizer: Authorizer, request: AdmissionRequest): unknown {
  const value = new AuthorizerValue(authorizer, request.user);
  const { row } = request.entry;
  value.set(
    'requestResource',
    start(value, {
      group: row.group,
      version: row.version,
      resource: row.plural,
      subresource: request.subresource,
      namespace: request.namespace,
      name: request.name,
    }),
  );
  return value;
}
