// The string formats that OpenAPI schemas of custom resources may ask for; formats that are not known allow everything.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import { isIPv4, isIPv6 } from 'node:net';
import { isDns1123Label, parseCIDR } from '../../machinery/names.ts';
import { goDurationNanos, parseTime } from '../../machinery/time.ts';

function isUuid(text: string, version = '[0-9a-f]', variant = '[0-9a-f]'): boolean {
  const pattern = `^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`;
  return new RegExp(pattern, 'i').test(text);
}

const HOSTNAME =
  /^([a-zA-Z0-9\p{S}\p{L}](-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?|([a-zA-Z0-9\p{S}\p{L}]([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?\.)+[a-zA-Z0-9\p{S}\p{L}](-?[a-zA-Z0-9\p{S}\p{L}]){1,62})$/u;

/** Dashes in a name without dots are only taken as its second sign, as there. */
function isHostname(text: string): boolean {
  return text.length <= 255 && text.split('.').every((label) => label.length <= 63) && HOSTNAME.test(text);
}

function isEmail(text: string): boolean {
  const [, address = text] = /^[^<>@]*<([^<>]+)>$/.exec(text) ?? [];
  return /^[^\s@<>]+@[^\s@<>]+$/.test(address);
}

/** With its check digit. Source: ISO 2108. */
function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = [...digits].reduce((all, digit, i) => all + (10 - i) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((all, digit, i) => all + (i % 2 === 0 ? 1 : 3) * Number(digit), 0) % 10 === 0;
}

const CARD =
  /^(4\d{12}(\d{3})?|5[1-5]\d{14}|(222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11}|6[27]\d{14})$/;

/** The known issuers' numbers, with Luhn's check digit. */
function isCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  if (!CARD.test(digits)) return false;
  const sum = [...digits].reverse().reduce((all, sign, i) => {
    const digit = Number(sign) * (i % 2 === 0 ? 1 : 2);
    return all + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return sum % 10 === 0;
}

const BYTE = '(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])';
const RGB = new RegExp(`^rgb\\(\\s*${BYTE}\\s*,\\s*${BYTE}\\s*,\\s*${BYTE}\\s*\\)$`);
const MAC = /^(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}(?:(?:[0-9a-f]{2}\1){2}|(?:[0-9a-f]{2}\1){14})?[0-9a-f]{2}$/i;
const DOTTED_MAC = /^[0-9a-f]{4}\.(?:[0-9a-f]{4}\.(?:[0-9a-f]{4}\.(?:(?:[0-9a-f]{4}\.){6})?)?)?[0-9a-f]{4}$/i;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(.\d+)?(z|[+-]\d{2}:\d{2})$/;

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined;
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  return isDate(date) && TIME.test(time);
}

function isUri(text: string): boolean {
  return text !== '' && (text.startsWith('/') || /^[a-zA-Z][a-zA-Z0-9+.-]*:\S*$/.test(text));
}

const MIXED_UNITS =
  /^\s*[-+]?\d+(\.\d+)?\s*(ns|nano|us|µs|μs|micro|ms|milli|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?)\s*$/i;

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (t) => /^[0-9a-f]{24}$/i.test(t),
  uri: isUri,
  email: isEmail,
  hostname: isHostname,
  // An address in both spellings (`::ffff:1.2.3.4`) counts as both.
  ipv4: (t) => isIPv4(t) || (isIPv6(t) && t.includes('.') && !t.includes('%')),
  ipv6: (t) => isIPv6(t) && !t.includes('%'),
  cidr: (t) => parseCIDR(t) !== undefined,
  mac: (t) => MAC.test(t) || DOTTED_MAC.test(t),
  uuid: (t) => isUuid(t),
  uuid3: (t) => isUuid(t, '3'),
  uuid4: (t) => isUuid(t, '4', '[89ab]'),
  uuid5: (t) => isUuid(t, '5', '[89ab]'),
  isbn: (t) => isIsbn10(t) || isIsbn13(t),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCard,
  ssn: (t) => t.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(t),
  hexcolor: (t) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(t),
  rgbcolor: (t) => RGB.test(t),
  byte: (t) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(t),
  password: () => true,
  date: isDate,
  duration: (t) => goDurationNanos(t) !== undefined || MIXED_UNITS.test(t),
  'date-time': isDateTime,
  'k8s-short-name': (t) => isDns1123Label(t).length === 0,
  'k8s-long-name': (t) => t.length <= 253 && t.split('.').every((label) => isDns1123Label(label).length === 0),
};

function canonicalName(format: string): string {
  return format.toLowerCase().replace(/^date_?time$/, 'date-time');
}

export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(FORMATS, canonicalName(format));
}

/** Whether a text has the format; true for formats that are not known. */
export function hasFormat(format: string, text: string): boolean {
  const name = canonicalName(format);
  return Object.hasOwn(FORMATS, name) ? (FORMATS[name]?.(text) ?? true) : true;
}
