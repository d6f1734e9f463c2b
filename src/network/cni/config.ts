// Network configurations of the host, as the CNI specification has them: lists of plugins, read from a directory.
// https://www.cni.dev/docs/spec/#section-1-network-configuration-format
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The versions of the specification that are spoken here, the newest first. */
export const CNI_VERSIONS = ['1.1.0', '1.0.0', '0.4.0', '0.3.1', '0.3.0'];

export interface PluginConfig {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

export interface NetworkList {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly PluginConfig[];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlugin(value: unknown): value is PluginConfig {
  return (
    isObject(value) && typeof value.type === 'string' && /^[\w.-]+$/.test(value.type) && !value.type.startsWith('.')
  );
}

/** A switch that is written as a boolean or, since 1.0, as a word. */
function isOn(value: unknown): boolean {
  return value === true || value === 'true';
}

function versionOf(config: Record<string, unknown>): string {
  const offered = Array.isArray(config.cniVersions) ? config.cniVersions : [];
  const all = [config.cniVersion ?? '0.2.0', ...offered].map(String);
  const best = CNI_VERSIONS.find((v) => all.includes(v));
  if (best === undefined)
    throw new Error(`cniVersion ${all.join(', ')} is not supported (${CNI_VERSIONS.join(', ')} are)`);
  return best;
}

/** Reads a list, or a single plugin's configuration as a list of one. */
export function parseNetworkList(text: string): NetworkList {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error('not a JSON object');
  const { name } = value;
  if (typeof name !== 'string' || !/^[A-Za-z0-9][\w.-]*$/.test(name)) throw new Error('no valid name');
  const plugins = Array.isArray(value.plugins) ? value.plugins : 'type' in value ? [value] : [];
  if (plugins.length === 0) throw new Error('no plugins');
  for (const plugin of plugins) if (!isPlugin(plugin)) throw new Error('a plugin has no valid type');
  return {
    name,
    cniVersion: versionOf(value),
    disableCheck: isOn(value.disableCheck),
    disableGC: isOn(value.disableGC),
    plugins: plugins.filter(isPlugin),
  };
}

/** The first valid configuration in the order of file names, or why there is none. */
export function findNetworkList(directory: string): NetworkList | string {
  let names: string[];
  try {
    names = readdirSync(directory).filter((n) => /\.(conflist|conf|json)$/.test(n));
  } catch {
    names = [];
  }
  const problems: string[] = [];
  for (const name of names.sort()) {
    try {
      return parseNetworkList(readFileSync(join(directory, name), 'utf8'));
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const found = problems.length === 0 ? `no network config found in ${directory}` : problems.join('; ');
  return `cni plugin not initialized: ${found}`;
}
