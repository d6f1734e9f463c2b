// Writes audit events: who asked what, when, and what came of it.
// Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/

import type { Clock } from '../../host/clock.ts';
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { goDurationText, microTime } from '../../machinery/time.ts';
import type { Attributes, Decision } from '../auth/authorizer.ts';
import type { AuditSink } from './log.ts';
import { type AuditDecision, type AuditPolicy, decide, LEVELS, type Stage } from './policy.ts';

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
}

export interface AuditedAnswer {
  readonly status: number;
  readonly message?: string;
  readonly reason?: string;
  /** The body, where it is one JSON document. */
  readonly body?: Uint8Array;
}

/** Adds to the request's entry in the log, where that is at least of the level. */
export type Annotate = (key: string, value: string, level?: 'Metadata' | 'Request') => void;

/** One request, from its arrival to its end. */
export interface AuditTrail {
  authorized(decision: Decision): void;
  /** What admission has to say about the request. */
  annotate: Annotate;
  /** How long one of the request's layers took; told of requests that take long. */
  took(layer: string, ms: number): void;
  /** For whom the request is carried out. */
  impersonated(user: UserInfo): void;
  /** A stream has begun. */
  started(status: number): void;
  completed(answer: AuditedAnswer): void;
}

/** Requests that take longer have their latencies told. */
const SLOW_MS = 500;

const SILENT: AuditTrail = {
  authorized() {},
  annotate() {},
  took() {},
  impersonated() {},
  started() {},
  completed() {},
};

function parsed(bytes: Uint8Array | undefined, omitManagedFields: boolean): JsonObject | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    const value = parseExact(Buffer.from(bytes).toString('utf8'));
    if (!isJsonObject(value)) return undefined;
    if (omitManagedFields && isJsonObject(value.metadata)) delete value.metadata.managedFields;
    return value;
  } catch {
    return undefined; // YAML and protobuf bodies are not taken apart for the log.
  }
}

export class Auditor {
  constructor(private readonly options: AuditOptions) {}

  begin(request: WireRequest, attributes: Attributes, known: Known): AuditTrail {
    const decision = decide(this.options.policy, attributes);
    if (decision.level === 'None') return SILENT;
    return Trail.begin(this.options, { id: known.auditId, request, attributes, decision }, known.annotations);
  }

  /** Of a request whose credentials are no good there is one entry, and nobody in it. */
  refused(request: WireRequest, attributes: Attributes, { auditId: id, annotations }: Known): void {
    const decision = decide(this.options.policy, attributes);
    if (decision.level !== 'None') Trail.refused(this.options, { id, request, attributes, decision }, annotations);
  }

  close(): void {
    this.options.sink.close();
  }
}

type Said = Readonly<Record<string, string>>;

/** What there is of a request before its entry. */
export interface Known {
  readonly auditId: string;
  readonly annotations: Said;
}

interface Seen {
  readonly id: string;
  readonly request: WireRequest;
  readonly attributes: Attributes;
  readonly decision: AuditDecision;
}

class Trail implements AuditTrail {
  private readonly receivedAt: number;
  private readonly annotations: Record<string, string> = {};
  private readonly layers = new Map<string, number>();
  private asked: UserInfo | undefined;
  private lasting = false;

  constructor(
    private readonly options: AuditOptions,
    private readonly seen: Seen,
  ) {
    this.receivedAt = options.clock.now();
  }

  static begin(options: AuditOptions, seen: Seen, said: Said): Trail {
    const trail = new Trail(options, seen);
    Object.assign(trail.annotations, said);
    trail.write('RequestReceived', {});
    return trail;
  }

  static refused(options: AuditOptions, seen: Seen, said: Said): void {
    const trail = new Trail(options, seen);
    Object.assign(trail.annotations, said);
    const failure = { status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 };
    trail.write('ResponseStarted', { user: {}, responseStatus: { metadata: {}, ...failure } });
  }

  authorized(decision: Decision): void {
    this.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
    this.annotate('authorization.k8s.io/reason', decision.reason);
  }

  readonly annotate: Annotate = (key, value, level = 'Metadata') => {
    if (LEVELS.indexOf(this.seen.decision.level) >= LEVELS.indexOf(level)) setOwn(this.annotations, key, value);
  };

  took(layer: string, ms: number): void {
    this.layers.set(layer, (this.layers.get(layer) ?? 0) + ms);
  }

  impersonated(user: UserInfo): void {
    this.asked = user;
  }

  /** Where the time went of a request that took long; streams are not held to it. */
  private tellLatency(): void {
    const total = this.options.clock.now() - this.receivedAt;
    if (this.lasting || total <= SLOW_MS) return;
    for (const [layer, ms] of [...this.layers, ['total', total] as const])
      this.annotate(`apiserver.latency.k8s.io/${layer}`, goDurationText(Math.round(ms * 1e6)));
  }

  started(status: number): void {
    this.lasting = true;
    this.write('ResponseStarted', { responseStatus: { metadata: {}, code: status } });
  }

  completed(answer: AuditedAnswer): void {
    const { level, omitManagedFields } = this.seen.decision;
    const at = LEVELS.indexOf(level);
    const failed = answer.status >= 400;
    this.tellLatency();
    this.write('ResponseComplete', {
      responseStatus: {
        metadata: {},
        ...(failed ? { status: 'Failure' } : {}),
        ...(answer.message === undefined ? {} : { message: answer.message }),
        ...(answer.reason === undefined ? {} : { reason: answer.reason }),
        code: answer.status,
      },
      ...(at >= LEVELS.indexOf('Request')
        ? field('requestObject', parsed(this.seen.request.body, omitManagedFields))
        : {}),
      ...(at >= LEVELS.indexOf('RequestResponse')
        ? field('responseObject', parsed(answer.body, omitManagedFields))
        : {}),
    });
  }

  private write(stage: Stage, more: JsonObject): void {
    const { request, attributes: a, decision } = this.seen;
    if (decision.omitStages.includes(stage)) return;
    const query = request.query.toString();
    const event: JsonObject = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: decision.level,
      auditID: this.seen.id,
      stage,
      requestURI: query === '' ? request.path : `${request.path}?${query}`,
      verb: a.verb,
      user: userDocument(a.user),
      ...(this.asked === undefined ? {} : { impersonatedUser: userDocument(this.asked) }),
      sourceIPs: [(request.headers['x-forwarded-for'] ?? '127.0.0.1').split(',')[0]?.trim()],
      ...field('userAgent', request.headers['user-agent']),
      ...(a.isResource ? { objectRef: reference(a) } : {}),
      ...more,
      requestReceivedTimestamp: microTime(this.receivedAt),
      stageTimestamp: microTime(this.options.clock.now()),
      ...(Object.keys(this.annotations).length === 0 ? {} : { annotations: this.annotations }),
    };
    this.options.sink.write(jsonText(event));
  }
}

const field = (key: string, value: unknown): JsonObject => (value === undefined ? {} : { [key]: value });
const filled = (key: string, value: string): JsonObject => (value === '' ? {} : { [key]: value });

function userDocument({ username, uid, groups, extra }: UserInfo): JsonObject {
  return { username, ...field('uid', uid), groups, ...field('extra', extra) };
}

function reference(a: Attributes): JsonObject {
  return {
    resource: a.resource,
    ...filled('namespace', a.namespace),
    ...filled('name', a.name),
    ...filled('apiGroup', a.group),
    apiVersion: a.version,
    ...filled('subresource', a.subresource),
  };
}
