// Ties the audit trail of a request to its answer: at once, or when the stream has ended.
import type { ApiError } from '../machinery/errors.ts';
import type { ByteSink, StreamBody, UserInfo, WireRequest, WireResponse } from '../machinery/http.ts';
import type { Annotate, Auditor, AuditTrail } from './audit/index.ts';
import type { Attributes, Decision } from './auth/authorizer.ts';
import { toApiError } from './http/responses.ts';
import type { Told } from './told.ts';

/** A stream whose end is told. */
export function endTold(body: StreamBody, ended: () => void): StreamBody {
  return {
    start(sink: ByteSink): void {
      sink.onClose(ended);
      body.start(sink);
    },
  };
}

export class RequestTrail {
  private constructor(private readonly trail: AuditTrail | undefined) {}

  static begin(
    auditor: Auditor | undefined,
    { request, attributes }: { readonly request: WireRequest; readonly attributes: Attributes },
    told: Told,
  ): RequestTrail {
    return new RequestTrail(auditor?.begin(request, attributes, told));
  }

  get annotate(): Annotate | undefined {
    return this.trail?.annotate;
  }

  took(layer: string, ms: number): void {
    this.trail?.took(layer, ms);
  }

  impersonated(user: UserInfo): void {
    this.trail?.impersonated(user);
  }

  authorized(decision: Decision): void {
    this.trail?.authorized(decision);
  }

  answered(response: WireResponse): WireResponse {
    const { trail } = this;
    if (trail === undefined) return response;
    const { status, body } = response;
    if (body instanceof Uint8Array || body.whole !== undefined) {
      trail.completed({ status, body: body instanceof Uint8Array ? body : body.whole?.bytes() });
      return response;
    }
    trail.started(status);
    return { ...response, body: endTold(body, () => trail.completed({ status })) };
  }

  failed(error: unknown): void {
    if (this.trail === undefined) return;
    const failure: ApiError = toApiError(error);
    this.trail.completed({ status: failure.code, message: failure.message, reason: failure.reason });
  }
}
