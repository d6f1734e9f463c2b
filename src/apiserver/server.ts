// The API server: puts store, catalog, authentication, authorization, admission and verbs together into one function from request to response.
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { NodeConnector } from '../client/node-api.ts';
import type { Clock, Random } from '../host/clock.ts';
import { ApiError, badRequest, isApiError } from '../machinery/errors.ts';
import type { Transport, UserInfo, WireRequest, WireResponse } from '../machinery/http.ts';
import type { Store } from '../store/index.ts';
import { AdmissionChain, type AdmissionMeter, type AdmissionPlugin } from './admission/plugin.ts';
import type { Aggregator } from './aggregation/index.ts';
import type { Auditor } from './audit/index.ts';
import { endTold, RequestTrail } from './audit-trail.ts';
import type { Authenticator, RequestNotes } from './auth/authenticator.ts';
import type { Authorizer } from './auth/authorizer.ts';
import { type Attributes, attributesOf, refusal } from './auth/authorizer.ts';
import { impersonated } from './auth/impersonation.ts';
import { Discovery } from './discovery/index.ts';
import type { FlowControl } from './flow/index.ts';
import { answerInTime, deadlineOf } from './http/deadline.ts';
import { refusalType } from './http/negotiation.ts';
import { parseRequestInfo, type RequestInfo } from './http/request-info.ts';
import { genericNotFound, methodNotAllowed, pageNotFound, toApiError } from './http/responses.ts';
import type { NonResourcePaths } from './non-resource.ts';
import type { Allocator } from './registry/allocator.ts';
import type { Catalog, CatalogEntry } from './registry/catalog.ts';
import type { Kernel, RequestContext } from './registry/context.ts';
import type { ReachCheck } from './registry/no-wire.ts';
import { WatchHub } from './registry/watch-hub.ts';
import { isMetered, type RequestMetrics } from './request-metrics.ts';
import { type Route, routeOf } from './router.ts';
import type { UpgradeHandler } from './serving/https.ts';
import { prepareStream, prepareUpgrade, type Takeover, UPGRADED_SUBRESOURCES } from './special/connect.ts';
import type { SpecialHandlers } from './special/handlers.ts';
import { prepareProxyUpgrade } from './special/proxy.ts';
import { AUDIT_ID, type Told, tellOf, withTold } from './told.ts';
import { encodeValue, STATUS_SCHEMA } from './verbs/answer.ts';

export interface KernelParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly checkReach: ReachCheck;
  readonly plugins: readonly AdmissionPlugin[];
  readonly allocators: ReadonlyMap<string, Allocator>;
  readonly meterAdmission?: AdmissionMeter;
}

export interface ServerParts {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly special: SpecialHandlers;
  readonly nonResource: NonResourcePaths;
  readonly serverAddress: () => string;
  readonly nodeConnector?: NodeConnector | undefined;
  readonly flow?: FlowControl | undefined;
  readonly audit?: Auditor | undefined;
  readonly aggregator?: Aggregator | undefined;
  readonly metrics?: RequestMetrics;
  readonly onRefused?: Told['onRefused'];
}

export function makeKernel({ plugins, meterAdmission, ...parts }: KernelParts): Kernel {
  return {
    ...parts,
    afterCreation: new Map(),
    admission: new AdmissionChain(plugins, meterAdmission),
    watches: new WatchHub(parts.store, parts.clock),
  };
}

const STATUS_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-cache, private' };

/**
 * HTTP/2 is dear and easily abused: whoever is nobody gets one answer per connection, as over HTTP/1.1 without keep-alive (CVE-2023-44487).
 * Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/endpoints/filters/authentication.go
 */
const ENDS_CONNECTION = { endsConnection: true };

/** A failure as a Status, in YAML or protobuf when that was asked for. */
export function errorResponse(request: WireRequest, error: unknown): WireResponse {
  const failure = toApiError(error);
  const status = failure.toStatus() as unknown as Record<string, unknown>;
  const next = (failure as ApiError & { next?: string }).next;
  if (next !== undefined) status.metadata = { continue: next };
  const retry = failure.details?.retryAfterSeconds;
  const nobody = failure.code === 401 ? ENDS_CONNECTION : undefined;
  const headers = retry === undefined ? STATUS_HEADERS : { ...STATUS_HEADERS, 'retry-after': String(retry) };
  const mediaType = refusalType(request.headers.accept);
  const body = encodeValue(status, { mediaType, pretty: false }, STATUS_SCHEMA);
  return { status: failure.code, headers: { ...headers, 'content-type': mediaType }, body, ...nobody };
}

/** An answer written by hand, on a connection that Node's HTTP has let go of. */
function refuseUpgrade(socket: Duplex, response: WireResponse): void {
  const body = response.body instanceof Uint8Array ? response.body : new Uint8Array(0);
  const head = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`,
    `content-type: ${String(response.headers['content-type'] ?? 'application/json')}`,
    `content-length: ${body.length}`,
    `${AUDIT_ID}: ${String(response.headers[AUDIT_ID])}`,
    'connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}

/** Who asks, and what is written down of it. */
interface Entered {
  readonly attributes: Attributes;
  readonly trail: RequestTrail;
  readonly onRefused: Told['onRefused'];
}

const NOBODY: UserInfo = { username: '', groups: [] };

export class RequestHandler {
  private readonly discovery: Discovery;
  private readonly views = new WeakMap<Store, Kernel>();

  constructor(
    readonly kernel: Kernel,
    private readonly parts: ServerParts,
  ) {
    this.discovery = new Discovery(kernel.catalog, parts.serverAddress, parts.aggregator);
  }

  /** For those in this process: a part of it that is refused is told of. */
  readonly handle: Transport = (request) => this.respond(request, this.parts.onRefused);

  /** For those who come over the network. */
  readonly serve: Transport = (request) => this.respond(request, undefined);

  private async respond(request: WireRequest, onRefused: Told['onRefused']): Promise<WireResponse> {
    const began = performance.now();
    const { metrics } = this.parts;
    const told = tellOf(request, this.kernel.random, onRefused);
    let info: RequestInfo | undefined;
    let response: WireResponse;
    let answered: (() => void) | undefined;
    try {
      info = parseRequestInfo(request);
      answered = metrics?.begin(info);
      response = withTold(await this.inTime(request, info, told), told);
    } catch (error) {
      response = withTold(errorResponse(request, error), told);
    }
    answered?.();
    if (info === undefined || metrics === undefined) return response;
    const row = this.kernel.catalog.find(info.group, info.version, info.resource)?.row;
    // What is asked for and is not there would make series without end.
    if (info.isResource ? row === undefined : !isMetered(info.path)) return response;
    const deprecated = row?.deprecation !== undefined;
    metrics.observe({ request, info, response, milliseconds: performance.now() - began, deprecated });
    const { body } = response;
    if (body instanceof Uint8Array || body.whole !== undefined) return response;
    return { ...response, body: endTold(body, metrics.lasting(request, info)) };
  }

  /** Begins the request's entry in the audit log with who asks; every way into the server passes here. */
  private async entered(request: WireRequest, info: RequestInfo, told: Told): Promise<Entered> {
    const { audit, authenticator } = this.parts;
    const notes: RequestNotes = {
      warn: (text) => void told.warnings.push(text),
      annotate: (key, value) => {
        told.annotations[key] = value;
      },
    };
    const begun = performance.now();
    try {
      const user = request.user ?? (await authenticator.authenticate(request, notes));
      if (user === undefined) throw new ApiError({ reason: 'Unauthorized', message: 'Unauthorized' });
      const attributes = attributesOf(info, user, request);
      const trail = RequestTrail.begin(audit, { request, attributes }, told);
      trail.took('authentication', performance.now() - begun);
      return { attributes, trail, onRefused: told.onRefused };
    } catch (error) {
      if (isApiError(error, 'Unauthorized')) audit?.refused(request, attributesOf(info, NOBODY, request), told);
      throw error;
    }
  }

  /** Throws unless they, or those they ask to be taken for, may. */
  private authorize(
    request: WireRequest,
    info: RequestInfo,
    { attributes: own, trail, onRefused }: Entered,
  ): Attributes {
    const { authorizer } = this.parts;
    const begun = performance.now();
    const user = impersonated(request, own.user, authorizer);
    if (user !== own.user) trail.impersonated(user);
    const attributes = user === own.user ? own : attributesOf(info, user, request);
    const decision = authorizer.authorize(attributes);
    trail.authorized(decision);
    trail.took('authorization', performance.now() - begun);
    if (decision.allowed) return attributes;
    const refused = refusal(attributes, decision.reason);
    if (request.user !== undefined) onRefused?.(refused);
    throw refused;
  }

  private inTime(request: WireRequest, info: RequestInfo, told: Told): Promise<WireResponse> {
    const ms = request.query.size === 0 ? undefined : deadlineOf(request.query, info);
    if (ms === undefined) return this.answer(request, info, told);
    return answerInTime(request, AbortSignal.timeout(ms), async (limited) => this.answer(limited, info, told));
  }

  private async answer(request: WireRequest, info: RequestInfo, told: Told): Promise<WireResponse> {
    const open = await this.parts.nonResource.open(request);
    if (open !== undefined) return request.headers.authorization === undefined ? { ...open, ...ENDS_CONNECTION } : open;
    const entered = await this.entered(request, info, told);
    const { trail } = entered;
    try {
      const attributes = this.authorize(request, info, entered);
      const { annotate } = trail;
      const { warnings, auditId } = told;
      const what = {
        request,
        info,
        user: attributes.user,
        warnings,
        auditId,
        ...(annotate === undefined ? {} : { annotate }),
      };
      return trail.answered(await this.inTurn(attributes, what, trail));
    } catch (error) {
      trail.failed(error);
      throw error;
    }
  }

  /** Waits for a seat of the request's priority level. */
  private async inTurn(
    attributes: Attributes,
    what: Omit<RequestContext, 'kernel'>,
    trail: RequestTrail,
  ): Promise<WireResponse> {
    const begun = performance.now();
    const flow = await this.parts.flow?.admit(attributes, 1, () => what.request.signal);
    if (flow !== undefined) trail.took('apf-queue-wait', performance.now() - begun);
    try {
      const response = await this.dispatch(what);
      return flow === undefined ? response : { ...response, headers: { ...response.headers, ...flow.headers } };
    } finally {
      flow?.release();
    }
  }

  /** Versions that a webhook converts have a store, and watches, of their own. */
  private kernelFor(entry: CatalogEntry): Kernel {
    const { view } = entry;
    if (view === undefined) return this.kernel;
    let kernel = this.views.get(view);
    if (kernel === undefined) {
      kernel = { ...this.kernel, store: view, watches: new WatchHub(view, this.kernel.clock) };
      this.views.set(view, kernel);
    }
    return kernel;
  }

  private dispatch(what: Omit<RequestContext, 'kernel'>): Promise<WireResponse> {
    const { request, info, warnings } = what;
    if (!info.isResource) return this.nonResource(what);
    const route = routeOf(this.kernel.catalog, info, this.parts.special);
    if (route === undefined) return this.nonResource(what);
    // Go's router knows no HEAD of built-in resources; custom ones and proxies go by the verb.
    if (request.method === 'HEAD' && !route.target.entry.custom && route.target.subresource !== 'proxy')
      throw methodNotAllowed();
    // Of the methods that are no verb, proxies pass on this one alone.
    if (info.verb === '' && request.method !== 'OPTIONS') throw methodNotAllowed();
    const { deprecation } = route.target.entry.row;
    if (deprecation !== undefined) {
      warnings.push(deprecation);
      what.annotate?.('k8s.io/deprecated', 'true');
    }
    const kernel = this.kernelFor(route.target.entry);
    return route.handler({ ...what, kernel }, route.target);
  }

  private async takeoverOf(context: RequestContext, route: Route): Promise<Takeover | WireResponse> {
    const { target } = route;
    if (UPGRADED_SUBRESOURCES.has(target.subresource)) return prepareUpgrade(context, target, this.parts.nodeConnector);
    const passage = await prepareProxyUpgrade(context, target);
    if (passage !== undefined) return ({ socket, head }) => passage(socket, head);
    return prepareStream(context, route);
  }

  /** Takes a connection over for exec, attach, port-forward, and for streams over a WebSocket; what is refused is refused over HTTP. */
  readonly upgrade: UpgradeHandler = async (request, socket, head) => {
    const told = tellOf(request, this.kernel.random, undefined);
    let serveConnection: Takeover | WireResponse;
    try {
      const info = parseRequestInfo(request);
      const entered = await this.entered(request, info, told);
      const { trail } = entered;
      const { user } = this.authorize(request, info, entered);
      trail.answered({ status: 101, headers: {}, body: new Uint8Array(0) });
      const route = info.isResource ? routeOf(this.kernel.catalog, info, this.parts.special) : undefined;
      if (route === undefined) throw badRequest('this path cannot be upgraded');
      const kernel = this.kernelFor(route.target.entry);
      const context: RequestContext = { kernel, request, info, user, warnings: [] };
      serveConnection = await this.takeoverOf(context, route);
    } catch (error) {
      refuseUpgrade(socket, withTold(errorResponse(request, error), told));
      return;
    }
    if (typeof serveConnection === 'function') await serveConnection({ request, socket, head });
    else refuseUpgrade(socket, withTold(serveConnection, told));
  };

  private async nonResource(what: Omit<RequestContext, 'kernel'>): Promise<WireResponse> {
    const { request, user } = what;
    const elsewhere = this.parts.aggregator?.handle(what);
    if (elsewhere !== undefined) return elsewhere;
    const known = (await this.discovery.handle(request)) ?? (await this.parts.nonResource.handle(request, user));
    if (known !== undefined) return known;
    // A group's own router says in its own words that it has no such version.
    const [, root, group] = request.path.split('/');
    const builtIn = root === 'api' ? '' : root === 'apis' && group !== '' ? group : undefined;
    if (builtIn !== undefined && this.kernel.catalog.isBuiltInGroup(builtIn)) throw genericNotFound();
    return pageNotFound();
  }
}
