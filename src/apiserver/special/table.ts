// The table of special answers: a line for each subresource and kind that is not plain storage.
import type { NodeConnector } from '../../client/node-api.ts';
import type { Clock } from '../../host/clock.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import type { TokenIssuer } from '../auth/tokens.ts';
import { bindingCollection, podBinding } from './binding.ts';
import { componentStatuses } from './component-status.ts';
import { connectHandler } from './connect.ts';
import { podEviction } from './eviction.ts';
import { SpecialHandlers } from './handlers.ts';
import { logHandler } from './log.ts';
import { metricsHandler } from './metrics.ts';
import { nodeProxy, podProxy, serviceProxy } from './proxy.ts';
import {
  selfSubjectAccessReview,
  selfSubjectReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenReview,
} from './reviews.ts';
import { tokenHandler } from './token.ts';

export interface SpecialParts {
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly tokens: ServiceAccountTokens;
  readonly issuer: TokenIssuer;
  readonly nodeConnector: NodeConnector | undefined;
  readonly clock: Clock;
}

const CREATE = ['create'];
/** SPDY clients post, WebSocket clients get. */
const CONNECT = ['get', 'create'];
/** OPTIONS is no verb, and passed on too. */
const PROXY = ['get', 'create', 'update', 'patch', 'delete', ''];
const AUTHENTICATION = 'authentication.k8s.io/v1';
const AUTHORIZATION = 'authorization.k8s.io/v1';
const METRICS = 'metrics.k8s.io/v1beta1';

export function specialHandlers(parts: SpecialParts): SpecialHandlers {
  const { authorizer, rbac, tokens, issuer, nodeConnector, clock } = parts;
  return new SpecialHandlers()
    .add('/v1/pods/binding', { methods: CREATE, handle: podBinding })
    .add('/v1/bindings', { methods: CREATE, handle: bindingCollection })
    .add('/v1/pods/eviction', { methods: CREATE, handle: podEviction })
    .add('/v1/pods/log', { methods: ['get'], handle: logHandler(nodeConnector) })
    .add('/v1/pods/exec', { methods: CONNECT, handle: connectHandler(nodeConnector) })
    .add('/v1/pods/attach', { methods: CONNECT, handle: connectHandler(nodeConnector) })
    .add('/v1/pods/portforward', { methods: CONNECT, handle: connectHandler(nodeConnector) })
    .add('/v1/pods/proxy', { methods: PROXY, handle: podProxy })
    .add('/v1/services/proxy', { methods: PROXY, handle: serviceProxy })
    .add('/v1/nodes/proxy', { methods: PROXY, handle: nodeProxy(nodeConnector) })
    .add('/v1/serviceaccounts/token', { methods: CREATE, handle: tokenHandler(issuer) })
    .add(`${METRICS}/nodes`, metricsHandler(nodeConnector, clock))
    .add(`${METRICS}/pods`, metricsHandler(nodeConnector, clock))
    .add('/v1/componentstatuses', { methods: ['get', 'list'], handle: componentStatuses })
    .add(`${AUTHENTICATION}/tokenreviews`, { methods: CREATE, handle: tokenReview(tokens) })
    .add(`${AUTHENTICATION}/selfsubjectreviews`, { methods: CREATE, handle: selfSubjectReview })
    .add(`${AUTHORIZATION}/selfsubjectaccessreviews`, { methods: CREATE, handle: selfSubjectAccessReview(authorizer) })
    .add(`${AUTHORIZATION}/subjectaccessreviews`, { methods: CREATE, handle: subjectAccessReview(authorizer, false) })
    .add(`${AUTHORIZATION}/localsubjectaccessreviews`, {
      methods: CREATE,
      handle: subjectAccessReview(authorizer, true),
    })
    .add(`${AUTHORIZATION}/selfsubjectrulesreviews`, { methods: CREATE, handle: selfSubjectRulesReview(rbac) });
}
