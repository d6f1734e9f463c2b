// One operation of the API, as both versions of OpenAPI tell it: what is sent where, and what is answered.
import type { Gvk } from './schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

/** A body or an answer: a type by its definition name, or plain text. */
export type Payload = { readonly type: string } | 'text';

export interface Answer {
  readonly code: string;
  readonly description: string;
  readonly payload?: Payload;
}

export interface Route {
  readonly path: string;
  /** In small letters. */
  readonly method: string;
  /** Lacking on paths that are no resources. */
  readonly action?: string;
  readonly kind?: Gvk;
  readonly id: string;
  readonly description?: string;
  readonly tag: string;
  readonly parameters: readonly Parameter[];
  readonly body?: { readonly type: string; readonly required: boolean };
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly answers: readonly Answer[];
}
