// /statusz and /flagz: what runs since when, and with which settings, for people and for programs.
// Source: https://kubernetes.io/docs/reference/instrumentation/zpages/
import type { Clock } from '../host/clock.ts';
import { ApiError } from '../machinery/errors.ts';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import type { JsonObject } from '../machinery/object.ts';
import { rfc3339 } from '../machinery/time.ts';
import { parseAccept } from './http/negotiation.ts';
import { textResponse, utf8 } from './http/responses.ts';
import { encodeYaml } from './http/yaml.ts';

const GROUP = 'config.k8s.io';
const MEDIA_TYPES = ['application/json', 'application/yaml'] as const;
const CAUTION =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

interface Page {
  readonly kind: 'Statusz' | 'Flagz';
  readonly text: () => string;
  readonly fields: () => JsonObject;
}

type Form = { readonly type: (typeof MEDIA_TYPES)[number]; readonly version: string } | 'text';

function formFor(header: string | undefined, kind: string): Form {
  if (header === undefined || header === '') return 'text';
  for (const { type, params } of parseAccept(header)) {
    if (type === 'text/plain' || type === '*/*') return 'text';
    const mediaType = MEDIA_TYPES.find((one) => one === type);
    const version = params.get('v') ?? '';
    const asked = params.get('g') === GROUP && params.get('as') === kind;
    if (mediaType !== undefined && asked && (version === 'v1beta1' || version === 'v1alpha1'))
      return { type: mediaType, version };
  }
  throw new ApiError({
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${MEDIA_TYPES.join(', ')}, text/plain`,
  });
}

function answer({ kind, text, fields }: Page, request: WireRequest): WireResponse {
  const form = formFor(request.headers.accept, kind);
  if (form === 'text') return textResponse(200, `\napiserver ${kind.toLowerCase()}\n${CAUTION}\n${text()}`);
  const { type, version } = form;
  const document = { kind, apiVersion: `${GROUP}/${version}`, metadata: { name: 'apiserver' }, ...fields() };
  const outdated = `299 - "This version of the ${kind.toLowerCase()} endpoint is deprecated. Please use a newer version."`;
  return {
    status: 200,
    headers: {
      'content-type': `${type};g=${GROUP};v=${version};as=${kind}`,
      ...(version === 'v1alpha1' ? { warning: [outdated] } : {}),
    },
    body: utf8(type === 'application/yaml' ? encodeYaml(document) : JSON.stringify(document)),
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** As `date` writes it. */
function dateText(ms: number): string {
  const at = new Date(ms);
  const day = String(at.getUTCDate()).padStart(2);
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(':');
  return `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${day} ${time} UTC ${at.getUTCFullYear()}`;
}

export interface StatusOptions {
  readonly clock: Clock;
  readonly version: JsonObject;
  readonly paths: () => readonly string[];
}

/** The pages that are of interest to those who look after a server. */
const SHOWN_PATHS: ReadonlySet<string> = new Set([
  '/flagz',
  '/healthz',
  '/livez',
  '/metrics',
  '/readyz',
  '/statusz',
  '/version',
]);

export function statusPage({ clock, version, paths }: StatusOptions): (request: WireRequest) => WireResponse {
  const started = clock.now();
  const seconds = (): number => Math.floor((clock.now() - started) / 1000);
  const goVersion = String(version.goVersion);
  const binaryVersion = String(version.gitVersion).replace(/^v/, '');
  const emulationVersion = `${String(version.emulationMajor)}.${String(version.emulationMinor)}`;
  const shown = (): string[] => paths().filter((path) => SHOWN_PATHS.has(path));
  const text = (): string => {
    const up = seconds();
    const lines = [
      `Started: ${dateText(started)}`,
      `Up: ${Math.floor(up / 3600)} hr ${two(Math.floor(up / 60) % 60)} min ${two(up % 60)} sec`,
      `Go version: ${goVersion}`,
      `Binary version: ${binaryVersion}`,
      `Emulation version: ${emulationVersion}`,
      `Paths: ${shown().join(' ')}`,
    ];
    return `\n${lines.join('\n')}\n`;
  };
  const fields = (): JsonObject => ({
    startTime: rfc3339(started),
    uptimeSeconds: seconds(),
    goVersion,
    binaryVersion,
    emulationVersion,
    paths: shown(),
  });
  return (request) => answer({ kind: 'Statusz', text, fields }, request);
}

/** By kube-apiserver's names, those settings that this server has too. */
export function flagPage(flags: () => Readonly<Record<string, string>>): (request: WireRequest) => WireResponse {
  const sorted = (): [string, string][] => Object.entries(flags()).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = (): string =>
    sorted()
      .map(([name, value]) => `${name}:${value}\n`)
      .join('');
  const fields = (): JsonObject => ({ flags: Object.fromEntries(sorted()) });
  return (request) => answer({ kind: 'Flagz', text, fields }, request);
}
