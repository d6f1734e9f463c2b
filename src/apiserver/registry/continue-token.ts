// The token with which a list in pages goes on: the revision of the first page, and the key after which to go on.
import { ApiError, badRequest } from '../../machinery/errors.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { syntaxProblem } from './codec.ts';

const VERSION = 'meta.k8s.io/v1';

export interface ContinueToken {
  /** -1: go on with the newest state (an inconsistent continuation that the server offered). */
  readonly revision: number;
  /** The key, below the prefix, after which to go on. */
  readonly after: string;
}

export function encodeContinue(token: ContinueToken): string {
  const text = JSON.stringify({ v: VERSION, rv: token.revision, start: `${token.after}\u0000` });
  return Buffer.from(text, 'utf8').toString('base64url');
}

function bad(why: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    const first = bytes[0] ?? 0;
    // Go names a byte, not a character.
    if (first > 0x7f) throw bad(`invalid character '${String.fromCharCode(first)}' looking for beginning of value`);
    throw bad(syntaxProblem(bytes));
  }
}

export function decodeContinue(text: string): ContinueToken {
  const illegal = /[^A-Za-z0-9_-]/.exec(text);
  if (illegal !== null) throw bad(`illegal base64 data at input byte ${illegal.index}`);
  // One character is less than a byte.
  if (text.length % 4 === 1) throw bad(`illegal base64 data at input byte ${text.length - 1}`);
  const value = parseJson(Buffer.from(text, 'base64url'));
  const token = isJsonObject(value) ? value : {};
  if (token.v !== VERSION) throw bad(`server does not recognize this encoded version ${String(token.v ?? '')}`);
  const { rv, start } = token;
  if (typeof rv !== 'number' || rv === 0) {
    throw bad('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start.length === 0) throw bad('encoded start key empty (version meta.k8s.io/v1)');
  if (start.split('/').includes('..')) throw bad(`${start}`);
  return { revision: rv, after: start.endsWith('\u0000') ? start.slice(0, -1) : start };
}

export function expiredContinue(next: string): ApiError & { readonly next: string } {
  const error = new ApiError({
    reason: 'Expired',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  });
  return Object.assign(error, { next });
}
