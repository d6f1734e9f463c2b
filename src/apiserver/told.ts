// What is told of a request beside its answer: its id in the audit log, which every answer bears, warnings, and notes for the log.
// Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event (auditID)
import type { Random } from '../host/clock.ts';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { warningHeaders } from './http/responses.ts';

export const AUDIT_ID = 'audit-id';

export interface Told {
  /** The client's own where it sends one, as it is. */
  readonly auditId: string;
  readonly warnings: string[];
  /** For the audit log, from before the request has an entry there. */
  readonly annotations: Record<string, string>;
  /** Who hears of it when the asker is a part of this process and may not have what it asks for. */
  readonly onRefused: ((refusal: Error) => void) | undefined;
}

export function tellOf({ headers }: WireRequest, random: Random, onRefused: Told['onRefused']): Told {
  return { auditId: headers[AUDIT_ID] || random.uuid(), warnings: [], annotations: {}, onRefused };
}

export function withTold(response: WireResponse, { auditId, warnings }: Told): WireResponse {
  const headers: Record<string, string | readonly string[]> = { ...response.headers, [AUDIT_ID]: auditId };
  if (warnings.length > 0) headers.warning = warningHeaders(warnings);
  return { ...response, headers };
}
