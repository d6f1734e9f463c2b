// Which group versions are served: the stable ones, and what `--runtime-config` switches on or off, in kube-apiserver's words.
// Source: https://kubernetes.io/docs/reference/using-api/#enabling-or-disabling
import type { AnyResource } from './definition.ts';
import { RESOURCES } from './table.ts';

type Place = Pick<AnyResource, 'group' | 'version' | 'plural'>;

/** What was asked for, by key: `api/beta`, `GROUP/VERSION`, `GROUP/VERSION/RESOURCE`. */
export type RuntimeConfig = Readonly<Record<string, boolean>>;

const STABLE = /^v\d+$/;

/** From the coarse to the fine: a later word counts for more. The core group is called `api`. */
const LEVELS: readonly ((place: Place) => string)[] = [
  () => 'api/all',
  ({ version }) => (STABLE.test(version) ? 'api/ga' : version.includes('beta') ? 'api/beta' : 'api/alpha'),
  versionKey,
  (place) => `${versionKey(place)}/${place.plural}`,
];

function versionKey({ group, version }: Place): string {
  return `${group === '' ? 'api' : group}/${version}`;
}

/** Whether a row is served. */
export function isServed(place: Place, config: RuntimeConfig): boolean {
  return LEVELS.reduce((served, key) => config[key(place)] ?? served, STABLE.test(place.version));
}

/** Every key that means something. */
function knownKeys(): Set<string> {
  return new Set([
    'api/all',
    'api/ga',
    'api/beta',
    'api/alpha',
    ...RESOURCES.flatMap((row) => LEVELS.map((key) => key(row))),
  ]);
}

/** Reads `api/beta=true,GROUP/VERSION=false`; a key alone means true. Throws a text for people when a key is unknown or a value is neither. */
export function parseRuntimeConfig(text: string): RuntimeConfig {
  const known = knownKeys();
  const config: Record<string, boolean> = {};
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [key = '', value = 'true'] = part.split('=', 2).map((piece) => piece.trim());
    if (!known.has(key)) throw new Error(`unknown API: ${key} (as in batch/v1, resource.k8s.io/v1beta1 or api/beta)`);
    if (value !== 'true' && value !== 'false') throw new Error(`invalid value of ${key}: ${value}, want true or false`);
    config[key] = value === 'true';
  }
  return config;
}

/** As `parseRuntimeConfig` reads it. */
export function runtimeConfigText(config: RuntimeConfig): string {
  return Object.entries(config)
    .map(([key, on]) => `${key}=${on}`)
    .join(',');
}
