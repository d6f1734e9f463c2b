// Takes out of an answer what differs from run to run, and lists where two answers differ.
import type { Answer } from './endpoint.ts';

export interface Difference {
  readonly path: string;
  readonly want: unknown;
  readonly got: unknown;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

function text(value: string, key: string): string {
  if (key === 'uid') return '<uid>';
  if (key === 'resourceVersion' && value !== '' && value !== '0') return '<rv>';
  if (key === 'continue' && value !== '') return '<continue>';
  if (/^(clusterIP|clusterIPs|podIP|hostIP)$/.test(key) && IPV4.test(value)) return '<ip>';
  if (key === 'cells' && /^\d+s$/.test(value)) return '<age>';
  const plain = value
    .replace(/(resource version: )\d+(,? \(?(?:current: )?)\d+/g, '$1<rv>$2<rv>')
    .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<gen>')
    .replace(TIME, '<time>')
    .replace(UID, '<uid>')
    .replace(/ResourceVersion in (record|the precondition) \(\d+\)/g, 'ResourceVersion in $1 (<rv>)')
    .replace(/resourceVersion(\\*"?): ?(\\*")\d+/g, 'resourceVersion$1:$2<rv>')
    .replace(/in scheme "[^"]*"/g, 'in scheme "<scheme>"')
    .replace(/(gen-)[a-z0-9]{5}\b/g, '$1<gen>');
  return key === 'message' ? refusal(plain) : plain;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // What differs by decision: the generation of pods, times that are not set.
  const told = entries.filter(([name, item]) => name !== 'generation' && !(name === 'creationTimestamp' && !item));
  return Object.fromEntries(told.map(([name, item]) => [name, sorted(item)]));
}

/** Refusals show what they refuse in ways that say nothing else: the order of keys, Go's own types, a diff of these. */
function refusal(message: string): string {
  return message
    .replace(/Invalid value: ("\{(?:[^"\\]|\\.)*\}"): /g, (all, quoted: string) => {
      try {
        return `Invalid value: ${JSON.stringify(sorted(JSON.parse(JSON.parse(quoted) as string)))}: `;
      } catch {
        return all;
      }
    })
    .replace(/Invalid value: \{[^\n]*?\}: field is immutable/g, 'Invalid value: {…}: field is immutable')
    .replace(/\n[ \u00a0]{0,2}[&\w.]+\{\n[\s\S]*?\n[ \u00a0]{0,2}\}\n/g, '')
    .replace(/\n@@ -[\d,]+ \+[\d,]+ @@(?:\n[-+@ ][^\n]*)*\n?/g, '');
}

/** Entries of managedFields are sorted by the second in which they were written, which differs from run to run. */
function settled(entries: readonly unknown[]): unknown[] {
  const id = (entry: unknown): string => {
    const { manager, operation, subresource } = entry as Record<string, unknown>;
    return JSON.stringify([manager, operation, subresource]);
  };
  return entries.toSorted((a, b) => (id(a) < id(b) ? -1 : 1));
}

function normal(value: unknown, key: string): unknown {
  if (typeof value === 'string') return text(value, key);
  if (typeof value === 'number') return /nodePort/i.test(key) && value >= 30_000 ? '<nodePort>' : value;
  if (Array.isArray(value)) {
    const items: unknown[] = key === 'managedFields' ? settled(value) : value;
    return items.map((item) => normal(item, key));
  }
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, item] of Object.entries(value)) out[text(name, '')] = normal(item, name);
  return out;
}

function walk(want: unknown, got: unknown, path: string, out: Difference[]): void {
  if (want === got) return;
  if (
    want !== null &&
    got !== null &&
    typeof want === 'object' &&
    typeof got === 'object' &&
    Array.isArray(want) === Array.isArray(got)
  ) {
    const a = want as Record<string, unknown>;
    const b = got as Record<string, unknown>;
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      walk(a[key], b[key], Array.isArray(want) ? `${path}[${key}]` : `${path}.${key}`, out);
    return;
  }
  out.push({ path, want, got });
}

/** Where `got` differs from `want`; empty when they say the same. */
export function differences(want: Answer, got: Answer): Difference[] {
  const out: Difference[] = [];
  walk(normal(want, ''), normal(got, ''), '', out);
  return out;
}
