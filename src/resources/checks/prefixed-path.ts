// A path under a domain (`acme.io/foo`), as controllers and signers are named.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, regexMessage } from '../../machinery/names.ts';
import type { ErrorList } from './error-list.ts';

const PATH = String.raw`[A-Za-z0-9/\-._~%!$&'()*+,;=:]+`;
const PATH_REGEX = new RegExp(`^${PATH}$`);

export function checkPrefixedPath(found: ErrorList, path: FieldPath, text: string): void {
  if (text === '') {
    found.required(path);
    return;
  }
  const slash = text.indexOf('/');
  const host = text.slice(0, Math.max(slash, 0));
  const rest = text.slice(slash + 1);
  if (host === '' || rest === '') {
    found.invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")');
    return;
  }
  found.text(path, host, isDns1123Subdomain);
  if (!PATH_REGEX.test(rest)) found.invalid(path, rest, regexMessage('Invalid path', PATH));
}
