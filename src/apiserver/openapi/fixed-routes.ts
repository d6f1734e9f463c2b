// The operations that are no resources: discovery, the version, the keys of service account tokens.
import { operationId, tagOf } from './names.ts';
import type { Answer, Route } from './route.ts';
import { META, rootOf, UNAUTHORIZED } from './route-words.ts';

const FORMS = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

function reading(path: string, payload: Answer['payload'], more: Pick<Route, 'id' | 'tag' | 'description'>): Route {
  const told = payload === undefined ? {} : { payload };
  return {
    path,
    method: 'get',
    parameters: [],
    consumes: FORMS,
    produces: FORMS,
    answers: [{ code: '200', description: 'OK', ...told }, UNAUTHORIZED],
    ...more,
  };
}

/** `/api/`: the versions of the core group. */
export function coreVersionsRoute(): Route {
  return reading(
    '/api/',
    { type: `${META}APIVersions` },
    {
      id: 'getCoreAPIVersions',
      tag: 'core',
      description: 'get available API versions',
    },
  );
}

/** `/apis/`: the groups. */
export function groupsRoute(): Route {
  return reading(
    '/apis/',
    { type: `${META}APIGroupList` },
    {
      id: 'getAPIVersions',
      tag: 'apis',
      description: 'get available API versions',
    },
  );
}

/** `/apis/apps/`: the versions of a group. */
export function groupRoute(group: string): Route {
  return reading(
    `/apis/${group}/`,
    { type: `${META}APIGroup` },
    {
      id: operationId('get', { group }, 'APIGroup'),
      tag: tagOf({ group }),
      description: 'get information of a group',
    },
  );
}

/** `/apis/apps/v1/`: the resources of a version. */
export function versionRoute(at: { group: string; version: string }): Route {
  return reading(
    `${rootOf(at)}/`,
    { type: `${META}APIResourceList` },
    {
      id: operationId('get', at, 'APIResources'),
      tag: tagOf(at),
      description: 'get available resources',
    },
  );
}

/** What stands outside of all groups, by the name that its document of OpenAPI v3 has. */
export const OTHER_ROUTES: ReadonlyMap<string, Route> = new Map([
  [
    '.well-known/openid-configuration',
    {
      ...reading('/.well-known/openid-configuration/', 'text', {
        id: 'getServiceAccountIssuerOpenIDConfiguration',
        tag: 'WellKnown',
        description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
      }),
      consumes: [],
      produces: ['application/json'],
    },
  ],
  [
    'openid/v1/jwks',
    {
      ...reading('/openid/v1/jwks/', 'text', {
        id: 'getServiceAccountIssuerOpenIDKeyset',
        tag: 'openid',
        description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
      }),
      consumes: [],
      produces: ['application/jwk-set+json'],
    },
  ],
  [
    'version',
    {
      ...reading(
        '/version/',
        { type: 'io.k8s.apimachinery.pkg.version.Info' },
        {
          id: 'getCodeVersion',
          tag: 'version',
          description: 'get the version information for this server',
        },
      ),
      consumes: ['application/json'],
      produces: ['application/json'],
    },
  ],
]);
