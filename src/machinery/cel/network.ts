// Functions on IP addresses, CIDRs and URLs. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library
import { canonicalIP } from '../names.ts';
import { define, fail } from './registry.ts';
import { CidrValue, cidrContains, cidrOf, IpValue, ipOf, type MapValue, UrlValue } from './values.ts';

export function defineNetwork(): void {
  define('isIP(string): bool', (s: string) => ipOf(s) !== undefined);
  define(
    'ip(string): net.IP',
    (s: string) => ipOf(s) ?? fail(`IP Address ${JSON.stringify(s)} parse error during conversion from string`),
  );
  define('ip.isCanonical(string): bool', (s: string) => canonicalIP(s) === s);
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
  define(
    'cidr(string): net.CIDR',
    (s: string) => cidrOf(s) ?? fail(`network address parse error during conversion from string: ${JSON.stringify(s)}`),
  );
  define('net.CIDR.containsIP(string): bool', (c: CidrValue, s: string) =>
    cidrContains(c, (ipOf(s) ?? fail('IP Address parse error')).text),
  );
  define('net.CIDR.containsIP(net.IP): bool', (c: CidrValue, ip: IpValue) => cidrContains(c, ip.text));
  const inside = (c: CidrValue, other: CidrValue): boolean =>
    other.prefix >= c.prefix && cidrContains(c, other.network);
  define('net.CIDR.containsCIDR(string): bool', (c: CidrValue, s: string) =>
    inside(c, cidrOf(s) ?? fail('network address parse error')),
  );
  define('net.CIDR.containsCIDR(net.CIDR): bool', inside);
  define('net.CIDR.ip(): net.IP', (c: CidrValue) => new IpValue(c.address));
  define('net.CIDR.masked(): net.CIDR', (c: CidrValue) => new CidrValue(c.network, c.network, c.prefix));
  define('net.CIDR.prefixLength(): int', (c: CidrValue) => BigInt(c.prefix));
  defineUrls();
}

function urlOf(text: string): UrlValue | undefined {
  try {
    if (!/^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/|\/)/.test(text) || /\s/.test(text)) return undefined;
    return new UrlValue(new URL(text, 'none://'), text);
  } catch {
    return undefined;
  }
}

function defineUrls(): void {
  define('isURL(string): bool', (s: string) => urlOf(s) !== undefined);
  define(
    'url(string): kubernetes.URL',
    (s: string) =>
      urlOf(s) ??
      fail(`URL parse error during conversion from string: parse ${JSON.stringify(s)}: invalid URI for request`),
  );
  const absolute = (u: UrlValue): boolean => !u.text.startsWith('/');
  define('kubernetes.URL.getScheme(): string', (u: UrlValue) => (absolute(u) ? u.url.protocol.slice(0, -1) : ''));
  define('kubernetes.URL.getHost(): string', (u: UrlValue) => u.url.host);
  define('kubernetes.URL.getHostname(): string', (u: UrlValue) => u.url.hostname.replace(/^\[|\]$/g, ''));
  define(
    'kubernetes.URL.getPort(): string',
    (u: UrlValue) => /:(\d+)(?:[/?#]|$)/.exec(u.text.replace(/^[^:]*:\/\//, ''))?.[1] ?? '',
  );
  define('kubernetes.URL.getEscapedPath(): string', (u: UrlValue) =>
    absolute(u) && !/^[^:]*:\/\/[^/]*\//.test(u.text) ? '' : u.url.pathname,
  );
  define('kubernetes.URL.getQuery(): map<string,list<string>>', (u: UrlValue) => {
    const out: MapValue = new Map();
    for (const key of u.url.searchParams.keys()) out.set(key, u.url.searchParams.getAll(key));
    return out;
  });
}
