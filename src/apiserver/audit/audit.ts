// Writes audit events: who asked what, when, and what came of it.
// Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/

import type { Clock, Random } from '../../host/clock.ts';
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import type { WireRequest } from '../../machinery/http.ts';
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { microTime } from '../../machinery/time.ts';
import type { Attributes, Decision } from '../auth/authorizer.ts';
import type { AuditSink } from './log.ts';
import { type AuditDecision, type AuditPolicy, decide, LEVELS, type Stage } from './policy.ts';

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
}

export interface AuditedAnswer {
  readonly status: number;
  readonly message?: string;
  readonly reason?: string;
  /** The body, where it is one JSON document. */
  readonly body?: Uint8Array;
}

/** One request, from its arrival to its end. */
export interface AuditTrail {
  readonly id: string;
  authorized(decision: Decision): void;
  /** What admission has to say about the request. */
  annotate(key: string, value: string): void;
  /** A stream has begun. */
  started(status: number): void;
  completed(answer: AuditedAnswer): void;
}

const SILENT: Omit<AuditTrail, 'id'> = { authorized() {}, annotate() {}, started() {}, completed() {} };

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

  begin(request: WireRequest, attributes: Attributes): AuditTrail {
    const id = request.headers['audit-id'] ?? this.options.random.uuid();
    const decision = decide(this.options.policy, attributes);
    if (decision.level === 'None') return { id, ...SILENT };
    return new Trail(this.options, { id, request, attributes, decision });
  }

  close(): void {
    this.options.sink.close();
  }
}

interface Seen {
  readonly id: string;
  readonly request: WireRequest;
  readonly attributes: Attributes;
  readonly decision: AuditDecision;
}

class Trail implements AuditTrail {
  readonly id: string;
  private readonly received: string;
  private annotations: Record<string, string> = {};

  constructor(
    private readonly options: AuditOptions,
    private readonly seen: Seen,
  ) {
    this.id = seen.id;
    this.received = microTime(options.clock.now());
    this.write('RequestReceived', {});
  }

  authorized(decision: Decision): void {
    this.annotations = {
      'authorization.k8s.io/decision': decision.allowed ? 'allow' : 'forbid',
      'authorization.k8s.io/reason': decision.reason,
    };
  }

  annotate(key: string, value: string): void {
    setOwn(this.annotations, key, value);
  }

  started(status: number): void {
    this.write('ResponseStarted', { responseStatus: { metadata: {}, code: status } });
  }

  completed(answer: AuditedAnswer): void {
    const { level, omitManagedFields } = this.seen.decision;
    const at = LEVELS.indexOf(level);
    const failed = answer.status >= 400;
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
    const { username, uid, groups, extra } = a.user;
    const event: JsonObject = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: decision.level,
      auditID: this.id,
      stage,
      requestURI: query === '' ? request.path : `${request.path}?${query}`,
      verb: a.verb,
      user: { username, ...field('uid', uid), groups, ...field('extra', extra) },
      sourceIPs: [(request.headers['x-forwarded-for'] ?? '127.0.0.1').split(',')[0]?.trim()],
      ...field('userAgent', request.headers['user-agent']),
      ...(a.isResource ? { objectRef: reference(a) } : {}),
      ...more,
      requestReceivedTimestamp: this.received,
      stageTimestamp: microTime(this.options.clock.now()),
      ...(stage === 'RequestReceived' ? {} : { annotations: this.annotations }),
    };
    this.options.sink.write(jsonText(event));
  }
}

const field = (key: string, value: unknown): JsonObject => (value === undefined ? {} : { [key]: value });
const filled = (key: string, value: string): JsonObject => (value === '' ? {} : { [key]: value });

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
