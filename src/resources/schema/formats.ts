// The string formats that OpenAPI schemas of custom resources may ask for; formats that are not known allow everything.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import { isIPv4, isIPv6 } from 'node:net';
import { isDns1123Label, parseCIDR } from '../../machinery/names.ts';
import { goDurationNanos, parseTime } from '../../machinery/time.ts';

function isUuid(text: string, version = '[0-9a-f]'): boolean {
  return new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i').test(text);
}

function isUri(text: string): boolean {
  return text !== '' && (text.startsWith('/') || /^[a-zA-Z][a-zA-Z0-9+.-]*:\S*$/.test(text));
}

const MIXED_UNITS =
  /^\s*[-+]?\d+(\.\d+)?\s*(ns|nano|us|µs|μs|micro|ms|milli|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?)\s*$/i;

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (t) => /^[0-9a-f]{24}$/i.test(t),
  uri: isUri,
  email: (t) => /^[^\s@<>]+@[^\s@<>]+$/.test(t),
  hostname: (t) =>
    t.length <= 255 && t.split('.').every((label) => /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/.test(label)),
  ipv4: (t) => isIPv4(t),
  ipv6: (t) => isIPv6(t) && !t.includes('%'),
  cidr: (t) => parseCIDR(t) !== undefined,
  mac: (t) => /^([0-9a-f]{2}([:-]|$)){6}$/i.test(t) || /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(t),
  uuid: (t) => isUuid(t),
  uuid3: (t) => isUuid(t, '3'),
  uuid4: (t) => isUuid(t, '4'),
  uuid5: (t) => isUuid(t, '5'),
  isbn: (t) => /^(\d{9}[\dX]|\d{13})$/.test(t.replace(/[- ]/g, '')),
  isbn10: (t) => /^\d{9}[\dX]$/.test(t.replace(/[- ]/g, '')),
  isbn13: (t) => /^\d{13}$/.test(t.replace(/[- ]/g, '')),
  creditcard: (t) => /^\d{13,19}$/.test(t.replace(/[- ]/g, '')),
  ssn: (t) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(t),
  hexcolor: (t) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(t),
  rgbcolor: (t) => /^rgb\(\s*(\d{1,3}\s*,\s*){2}\d{1,3}\s*\)$/.test(t),
  byte: (t) => t.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(t),
  date: (t) => /^\d{4}-\d\d-\d\d$/.test(t) && parseTime(`${t}T00:00:00Z`) !== undefined,
  duration: (t) => goDurationNanos(t) !== undefined || MIXED_UNITS.test(t),
  'date-time': (t) => parseTime(t.replace(/^(\S{10}) /, '$1T').toUpperCase()) !== undefined,
  'k8s-short-name': (t) => isDns1123Label(t).length === 0,
  'k8s-long-name': (t) => t.length <= 253 && t.split('.').every((label) => isDns1123Label(label).length === 0),
};

/** Whether a text has the format; true for formats that are not known (`password`, `int32` …). */
export function hasFormat(format: string, text: string): boolean {
  const name = format.toLowerCase().replace(/^date_?time$/, 'date-time');
  return Object.hasOwn(FORMATS, name) ? (FORMATS[name]?.(text) ?? true) : true;
}
