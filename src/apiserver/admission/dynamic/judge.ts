// `authorizer` in the expressions of webhooks and policies, answered by the server's own authorizer for the user of the request.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
import {
  authorizerOf,
  type Judge,
  type Question,
  resourceCheckOf,
  type Verdict,
} from '../../../machinery/cel/index.ts';
import type { UserInfo } from '../../../machinery/http.ts';
import type { Authorizer } from '../../auth/authorizer.ts';
import type { AdmissionRequest } from '../plugin.ts';

const NOTHING = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '', path: '' };

function decide(authorizer: Authorizer, user: UserInfo, question: Question): Verdict {
  if ('path' in question) return authorizer.authorize({ ...NOTHING, ...question, user, isResource: false });
  // No authorizer here decides by labels.
  const { group, resource, subresource, namespace, name, verb, fieldSelector } = question;
  return authorizer.authorize({
    ...NOTHING,
    group,
    version: '*',
    resource,
    subresource,
    namespace,
    name,
    verb,
    user,
    isResource: true,
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  });
}

function judgeOf(authorizer: Authorizer, user: UserInfo): Judge {
  return {
    ask: (question) => decide(authorizer, user, question),
    forServiceAccount: (namespace, name) =>
      judgeOf(authorizer, {
        username: `system:serviceaccount:${namespace}:${name}`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      }),
  };
}

/** The variables that are about the authorizer. */
export function authorizerValues(authorizer: Authorizer, request: AdmissionRequest): Readonly<Record<string, unknown>> {
  const judge = judgeOf(authorizer, request.user);
  const { row } = request.entry;
  const { subresource, namespace, name } = request;
  return {
    authorizer: authorizerOf(judge),
    'authorizer.requestResource': resourceCheckOf(judge, {
      group: row.group,
      resource: row.plural,
      subresource,
      namespace,
      name,
    }),
  };
}
