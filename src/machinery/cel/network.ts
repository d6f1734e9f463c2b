// Functions on IP addresses, CIDRs and URLs. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library
import { goQuote } from '../json.ts';
import { addressProblem, prefixProblem } from './addresses.ts';
import { define, fail } from './registry.ts';
import { escapedPath, goUrl, hostnameOf, portOf, queryOf, urlProblem } from './urls.ts';
import { CidrValue, cidrContains, cidrOf, IpValue, ipOf, UrlValue } from './values.ts';

function readIp(text: string): IpValue {
  const problem = addressProblem(text);
  if (problem !== undefined) fail(`IP Address ${goQuote(text)} parse error during conversion from string: ${problem}`);
  if (text.includes('%')) fail(`IP address ${goQuote(text)} with zone value is not allowed`);
  return ipOf(text) ?? fail(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
}

function readCidr(text: string): CidrValue {
  const said = 'network address parse error during conversion from string';
  const problem = prefixProblem(text);
  if (problem !== undefined) fail(`${said}: ${said}: ${problem}`);
  return cidrOf(text) ?? fail(`${said}: IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
}

export function defineNetwork(): void {
  define('isIP(string): bool', (s: string) => ipOf(s) !== undefined);
  define('ip(string): net.IP', readIp);
  define('ip.isCanonical(string): bool', (s: string) => readIp(s).text === s);
  define('net.IP.family(): int', (ip: IpValue) => (ip.text.includes(':') ? 6n : 4n));
  define('net.IP.isUnspecified(): bool', (ip: IpValue) => ip.text === '0.0.0.0' || ip.text === '::');
  define('net.IP.isLoopback(): bool', (ip: IpValue) => ip.text.startsWith('127.') || ip.text === '::1');
  define(
    'net.IP.isLinkLocalMulticast(): bool',
    (ip: IpValue) => ip.text.startsWith('224.0.0.') || /^ff.2:/.test(ip.text),
  );
  define(
    'net.IP.isLinkLocalUnicast(): bool',
    (ip: IpValue) => ip.text.startsWith('169.254.') || /^fe[89ab]/.test(ip.text),
  );
  define('net.IP.isGlobalUnicast(): bool', (ip: IpValue) => {
    const t = ip.text;
    return !(
      t === '0.0.0.0' ||
      t === '::' ||
      t === '255.255.255.255' ||
      t.startsWith('127.') ||
      t === '::1' ||
      /^(22[4-9]|23\d)\./.test(t) ||
      t.startsWith('ff') ||
      t.startsWith('169.254.') ||
      /^fe[89ab]/.test(t)
    );
  });
  define('isCIDR(string): bool', (s: string) => cidrOf(s) !== undefined);
  define('cidr(string): net.CIDR', readCidr);
  define('net.CIDR.containsIP(string): bool', (c: CidrValue, s: string) =>
    cidrContains(c, (ipOf(s) ?? fail('no such overload')).text),
  );
  define('net.CIDR.containsIP(net.IP): bool', (c: CidrValue, ip: IpValue) => cidrContains(c, ip.text));
  const inside = (c: CidrValue, other: CidrValue): boolean =>
    other.prefix >= c.prefix && cidrContains(c, other.network);
  define('net.CIDR.containsCIDR(string): bool', (c: CidrValue, s: string) => inside(c, readCidr(s)));
  define('net.CIDR.containsCIDR(net.CIDR): bool', inside);
  define('net.CIDR.ip(): net.IP', (c: CidrValue) => new IpValue(c.address));
  define('net.CIDR.masked(): net.CIDR', (c: CidrValue) => new CidrValue(c.network, c.network, c.prefix));
  define('net.CIDR.prefixLength(): int', (c: CidrValue) => BigInt(c.prefix));
  defineUrls();
}

function urlOf(text: string): UrlValue {
  const problem = urlProblem(text);
  return problem === undefined
    ? new UrlValue(goUrl(text), text)
    : fail(`URL parse error during conversion from string: ${problem}`);
}

function defineUrls(): void {
  define('isURL(string): bool', (s: string) => urlProblem(s) === undefined);
  define('url(string): kubernetes.URL', urlOf);
  define('kubernetes.URL.getScheme(): string', ({ url }: UrlValue) => url.scheme);
  define('kubernetes.URL.getHost(): string', ({ url }: UrlValue) => url.host);
  define('kubernetes.URL.getHostname(): string', ({ url }: UrlValue) => hostnameOf(url));
  define('kubernetes.URL.getPort(): string', ({ url }: UrlValue) => portOf(url));
  define('kubernetes.URL.getEscapedPath(): string', ({ url }: UrlValue) => escapedPath(url));
  define('kubernetes.URL.getQuery(): map<string,list<string>>', ({ url }: UrlValue) => queryOf(url));
}
