// URLs as Go reads those of requests: with a scheme, or as a path. Source: https://pkg.go.dev/net/url#ParseRequestURI
import { goQuote } from '../json.ts';

export interface GoUrl {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

class UrlProblem extends Error {}

function schemeOf(text: string): readonly [scheme: string, rest: string] {
  if (text.startsWith(':')) throw new UrlProblem('missing protocol scheme');
  const scheme = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(text)?.[1];
  return scheme === undefined ? ['', text] : [scheme.toLowerCase(), text.slice(scheme.length + 1)];
}

function checkEscapes(text: string): void {
  const bad = /%(?![0-9A-Fa-f]{2})/.exec(text);
  if (bad !== null) throw new UrlProblem(`invalid URL escape ${goQuote(text.slice(bad.index, bad.index + 3))}`);
}

function checkPort(port: string): void {
  if (!/^(:\d*)?$/.test(port)) throw new UrlProblem(`invalid port ${goQuote(port)} after host`);
}

function checkHost(host: string, scheme: string): void {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) throw new UrlProblem("missing ']' in host");
    checkPort(host.slice(end + 1));
    return;
  }
  if (host.includes('[')) throw new UrlProblem('invalid IP-literal');
  const isStrict = scheme === 'http' || scheme === 'https';
  const colon = isStrict ? host.indexOf(':') : host.lastIndexOf(':');
  if (colon >= 0) checkPort(host.slice(colon));
  checkEscapes(host);
  const bad = /[^A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/.exec(host);
  if (bad !== null) throw new UrlProblem(`invalid character ${goQuote(bad[0])} in host name`);
}

function parsed(text: string, isRequest: boolean): GoUrl {
  if ([...text].some((ch) => ch < ' ' || ch === '\x7f'))
    throw new UrlProblem('net/url: invalid control character in URL');
  if (text === '' && isRequest) throw new UrlProblem('empty url');
  if (text === '*') return { scheme: '', host: '', path: '*', query: '' };
  const [scheme, behind] = schemeOf(text);
  const mark = behind.indexOf('?');
  const [before, query] = mark < 0 ? [behind, ''] : [behind.slice(0, mark), behind.slice(mark + 1)];
  if (!before.startsWith('/')) {
    if (scheme !== '') return { scheme, host: '', path: '', query };
    if (isRequest) throw new UrlProblem('invalid URI for request');
  }
  if ((scheme === '' && isRequest) || !before.startsWith('//')) {
    checkEscapes(before);
    return { scheme, host: '', path: before, query };
  }
  const slash = before.indexOf('/', 2);
  const authority = slash < 0 ? before.slice(2) : before.slice(2, slash);
  const path = slash < 0 ? '' : before.slice(slash);
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  checkHost(host, scheme);
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(authority.slice(0, at)))
    throw new UrlProblem('net/url: invalid userinfo');
  checkEscapes(path);
  return { scheme, host, path, query };
}

/** What is wrong with a URL, as Go says it. */
export function urlProblem(text: string): string | undefined {
  try {
    parsed(text, true);
    return undefined;
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error;
    return `parse ${goQuote(text)}: ${error.message}`;
  }
}

/** Only of texts in which nothing is wrong. What is behind a # is left out. */
export function goUrl(text: string): GoUrl {
  const hash = text.indexOf('#');
  return parsed(hash < 0 ? text : text.slice(0, hash), false);
}

const isPlain = (path: string): boolean => /^[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]%]*$/.test(path);

/** The path, with escapes where it needs them. */
export function escapedPath({ path }: GoUrl): string {
  return isPlain(path) ? path : encodeURI(decodeURI(path));
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** All values of each key; pairs that cannot be read are left out. */
export function queryOf({ query }: GoUrl): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const [key, ...rest] = pair.split('=');
    const [name, value] = [unescaped(key ?? ''), unescaped(rest.join('='))];
    if (name === undefined || value === undefined) continue;
    const values = all.get(name);
    if (values === undefined) all.set(name, [value]);
    else values.push(value);
  }
  return all;
}

export function hostnameOf({ host }: GoUrl): string {
  const bare = host.replace(/:\d*$/, '');
  return bare.startsWith('[') && bare.endsWith(']') ? bare.slice(1, -1) : bare;
}

export function portOf({ host }: GoUrl): string {
  return /:(\d*)$/.exec(host)?.[1] ?? '';
}
