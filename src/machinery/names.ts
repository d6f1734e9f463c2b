// Checks of names and other short texts; each returns messages in Kubernetes' words, none when the value is good.
// Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation
import { isIP, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Go counts bytes. */
function byteLength(value: string): number {
  return Buffer.byteLength(value);
}

export function maxLengthMessage(length: number): string {
  return `must be no more than ${length} characters`;
}

export function rangeMessage(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

export const EMPTY_MESSAGE = 'must be non-empty';

export function regexMessage(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const shown = examples.map((e) => `'${e}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

interface Pattern {
  readonly pattern: string;
  readonly regex: RegExp;
  readonly message: string;
}

function pattern(source: string, message: string, ...examples: string[]): Pattern {
  return { pattern: source, regex: new RegExp(`^(?:${source})$`), message: regexMessage(message, source, ...examples) };
}

const LABEL_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const LABEL_1123_UNDERSCORE = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_1123 = `${LABEL_1123}(\\.${LABEL_1123})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const DNS_1123_LABEL = pattern(
  LABEL_1123,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  'my-name',
  '123-abc',
);
const DNS_1123_SUBDOMAIN = pattern(
  SUBDOMAIN_1123,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  'example.com',
);
const DNS_1123_SUBDOMAIN_UNDERSCORE = pattern(
  `${LABEL_1123_UNDERSCORE}(\\.${LABEL_1123_UNDERSCORE})*`,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  'example.com',
);
const DNS_1035_LABEL = pattern(
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  'my-name',
  'abc-123',
);
const WILDCARD_SUBDOMAIN = pattern(
  `\\*\\.${SUBDOMAIN_1123}`,
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  '*.example.com',
);
const QUALIFIED_NAME = pattern(
  QUALIFIED,
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  'MyName',
  'my.name',
  '123-abc',
);
const LABEL_VALUE = pattern(
  `(${QUALIFIED})?`,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  'MyValue',
  'my_value',
  '12345',
);
const C_IDENTIFIER = pattern(
  '[A-Za-z_][A-Za-z0-9_]*',
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  'my_name',
  'MY_NAME',
  'MyName',
);
const PERCENT = pattern(
  '[0-9]+%',
  "a valid percent string must be a numeric string followed by an ending '%'",
  '1%',
  '93%',
);
const HTTP_HEADER = pattern(
  '[-A-Za-z0-9]+',
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  'X-Header-Name',
);
const ENV_NAME = pattern(
  '[-._a-zA-Z][-._a-zA-Z0-9]*',
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
);
const CONFIG_KEY = pattern(
  '[-._a-zA-Z0-9]+',
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  'key.name',
  'KEY_NAME',
  'key-name',
);

function check(value: string, rule: Pattern, max?: number): string[] {
  const messages: string[] = [];
  if (max !== undefined && byteLength(value) > max) messages.push(maxLengthMessage(max));
  if (!rule.regex.test(value)) messages.push(rule.message);
  return messages;
}

export function isDns1123Label(value: string): string[] {
  const messages = check(value, DNS_1123_LABEL, 63);
  const looksLikeSubdomain = messages.at(-1) === DNS_1123_LABEL.message && DNS_1123_SUBDOMAIN.regex.test(value);
  if (looksLikeSubdomain) messages[messages.length - 1] = 'must not contain dots';
  return messages;
}

export function isDns1123Subdomain(value: string): string[] {
  return check(value, DNS_1123_SUBDOMAIN, 253);
}

export function isDns1123SubdomainWithUnderscore(value: string): string[] {
  return check(value, DNS_1123_SUBDOMAIN_UNDERSCORE, 253);
}

export function isDns1035Label(value: string): string[] {
  return check(value, DNS_1035_LABEL, 63);
}

export function isWildcardDns1123Subdomain(value: string): string[] {
  return check(value, WILDCARD_SUBDOMAIN, 253);
}

/** Label and annotation keys, resource and condition names: `[prefix/]name`. */
export function isQualifiedName(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${QUALIFIED_NAME.message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const messages: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') messages.push(`prefix part ${EMPTY_MESSAGE}`);
    else messages.push(...isDns1123Subdomain(prefix).map((m) => `prefix part ${m}`));
  }
  if (name === '') messages.push(`name part ${EMPTY_MESSAGE}`);
  else if (byteLength(name) > 63) messages.push(`name part ${maxLengthMessage(63)}`);
  if (!QUALIFIED_NAME.regex.test(name)) messages.push(`name part ${QUALIFIED_NAME.message}`);
  return messages;
}

export function isValidLabelValue(value: string): string[] {
  return check(value, LABEL_VALUE, 63);
}

export function isCIdentifier(value: string): string[] {
  return check(value, C_IDENTIFIER);
}

/** Names of RBAC kinds and of all that only has to fit into a path. */
export function isPathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return isPathSegmentPrefix(value);
}

export function isPathSegmentPrefix(value: string): string[] {
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

export function isValidPortNumber(port: number): string[] {
  return isInRange(port, 1, 65535);
}

export function isInRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [rangeMessage(low, high)];
}

/** User and group ids. */
export function isValidUserId(id: number): string[] {
  return isInRange(id, 0, 2147483647);
}

/** IANA service names. */
export function isValidPortName(value: string): string[] {
  const messages: string[] = [];
  if (byteLength(value) > 15) messages.push(maxLengthMessage(15));
  if (!/^[-a-z0-9]+$/.test(value))
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)');
  if (value.includes('--')) messages.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
}

export function isValidPercent(value: string): string[] {
  return check(value, PERCENT);
}

export function isHTTPHeaderName(value: string): string[] {
  return check(value, HTTP_HEADER);
}

function pathMessages(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

export function isEnvVarName(value: string): string[] {
  return [...check(value, ENV_NAME), ...pathMessages(value)];
}

/** What v1.34 and later take: printable ASCII without `=`. */
export function isRelaxedEnvVarName(value: string): string[] {
  const messages: string[] = [];
  if (value === '') messages.push(`environment variable name ${EMPTY_MESSAGE}`);
  if (!/^[ -<>-~]*$/.test(value)) {
    messages.push("a valid environment variable name must consist only of printable ASCII characters other than '='");
  }
  return messages;
}

export function isConfigMapKey(value: string): string[] {
  return [...check(value, CONFIG_KEY, 253), ...pathMessages(value)];
}

export function isFullyQualifiedDomainName(value: string): string[] {
  const name = value.endsWith('.') ? value.slice(0, -1) : value;
  const messages = isDns1123Subdomain(name);
  if (messages.length > 0) return [messages.join(',')];
  if (!name.includes('.')) return ['should be a domain with at least two segments separated by dots'];
  return name.split('.').flatMap((label) => isDns1123Label(label));
}

/** Leading zeros are dropped, as the old fields of the API allow them (`010.0.0.1`). */
function withoutLeadingZeros(value: string): string {
  return /^\d+(\.\d+){3}$/.test(value) ? value.replace(/(^|\.)0+(?=\d)/g, '$1') : value;
}

/** An IP address as Go prints it; undefined when it is none. IPv4-mapped IPv6 comes out as IPv4. */
export function canonicalIP(value: string): string | undefined {
  const text = withoutLeadingZeros(value);
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv6) {
    return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
  }
  return address.toString();
}

/** As the fields that existed before v1.33 take it: leading zeros and IPv4-mapped addresses are good. */
export function isValidIP(value: string): string[] {
  return canonicalIP(value) === undefined ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : [];
}

/** As newer fields take it: in canonical form. */
export function isStrictIP(value: string): string[] {
  const canonical = canonicalIP(value);
  if (canonical === undefined) return isValidIP(value);
  const messages: string[] = [];
  if (isIP(value) === 0) messages.push('must not have leading 0s');
  if (!isIPv4(withoutLeadingZeros(value)) && isIPv4(canonical))
    messages.push('must not be an IPv4-mapped IPv6 address');
  if (messages.length === 0 && value !== canonical)
    messages.push(`must be in canonical form (${JSON.stringify(canonical)})`);
  return messages;
}

export interface Cidr {
  /** Canonical text of the network: bits beyond the prefix are zero. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly prefix: number;
  /** The address as written, canonical. */
  readonly address: string;
}

export function parseCIDR(value: string): Cidr | undefined {
  const slash = value.indexOf('/');
  const digits = value.slice(slash + 1);
  if (slash < 0 || !/^\d+$/.test(digits)) return undefined;
  const address = canonicalIP(value.slice(0, slash));
  if (address === undefined) return undefined;
  const family = isIPv4(address) && !value.slice(0, slash).includes(':') ? 4 : 6;
  const prefix = Number(digits);
  if (prefix > (family === 4 ? 32 : 128)) return undefined;
  const network =
    family === 4
      ? ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefix}`).toString()
      : ipaddr.IPv6.networkAddressFromCIDR(`${value.slice(0, slash)}/${prefix}`).toRFC5952String();
  return { text: `${network}/${prefix}`, family, prefix, address };
}

export function isCIDR(value: string): string[] {
  return parseCIDR(value) === undefined ? ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'] : [];
}

export function isStrictCIDR(value: string): string[] {
  const cidr = parseCIDR(value);
  if (cidr === undefined) return isCIDR(value);
  if (/(^|\.)0\d/.test(value) || /\/0\d/.test(value)) return ['must not have leading 0s in IP or prefix length'];
  if (/^::ffff:\d+\./i.test(value)) return ['must not have an IPv4-mapped IPv6 address'];
  if (value === cidr.text) return [];
  const address = value.slice(0, value.indexOf('/'));
  const network = cidr.text.slice(0, cidr.text.indexOf('/'));
  if (canonicalIP(address) !== canonicalIP(network)) return ['must not have bits set beyond the prefix length'];
  return [`must be in canonical form (${JSON.stringify(cidr.text)})`];
}
