// Which form of an OpenAPI document a client asks for: JSON or protobuf.
// Source: https://github.com/kubernetes/kube-openapi/blob/master/pkg/handler3/handler.go
import { acceptClauses } from '../http/negotiation.ts';
import type { Dialect } from './schemas.ts';

export type Form = 'json' | 'protobuf';

/** Clients ask for the old name, with an `@`, which is no valid media type; the answer bears the new one. */
const ASKED = /^com\.github\.proto-openapi\.spec\.(v[23])[@.]v1\.0\+protobuf$/;

/** What the Content-Type of an answer says. */
export function contentType(dialect: Dialect, form: Form): string {
  return form === 'json' ? 'application/json' : `application/com.github.proto-openapi.spec.${dialect}.v1.0+protobuf`;
}

interface Clause {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

function clausesOf(accept: string): Clause[] {
  return acceptClauses(accept).flatMap(({ type, quality }) => {
    const [main = '', subtype, more] = (type === '*' ? '*/*' : type).split('/').map((part) => part.trim());
    return subtype === undefined || more !== undefined ? [] : [{ type: main, subtype, quality }];
  });
}

function precedes(a: Clause, b: Clause): boolean {
  return a.quality > b.quality || (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*');
}

/** This is no order: of a better `*` and a worse name each precedes the other. Kubernetes sorts by insertion, so the one that comes later wins. */
function sorted(clauses: readonly Clause[]): Clause[] {
  const out: Clause[] = [];
  for (const clause of clauses) {
    let at = out.length;
    for (let before = out[at - 1]; before !== undefined && precedes(clause, before); before = out[at - 1]) at--;
    out.splice(at, 0, clause);
  }
  return out;
}

/** undefined when there is none that the client takes. Whoever says nothing gets JSON. */
export function formFor(accept: string | undefined, dialect: Dialect): Form | undefined {
  for (const { type, subtype } of sorted(clausesOf(accept === undefined || accept === '' ? '*/*' : accept))) {
    if (type !== 'application' && type !== '*') continue;
    if (subtype === 'json' || subtype === '*') return 'json';
    if (ASKED.exec(subtype)?.[1] === dialect) return 'protobuf';
  }
  return undefined;
}
