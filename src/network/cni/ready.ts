// Whether the host has a CNI configuration and the plugins it names.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findNetworkList } from './config.ts';

/** What is missing, in one line; undefined when nothing is. */
export function whyNoCniNetwork(configDirectory: string, binaries: readonly string[]): string | undefined {
  const list = findNetworkList(configDirectory);
  if (typeof list === 'string') return list;
  const missing = list.plugins.map((p) => p.type).filter((type) => !binaries.some((d) => existsSync(join(d, type))));
  if (missing.length === 0) return undefined;
  return `network "${list.name}" needs the CNI plugins ${missing.join(', ')}, which are not in ${binaries.join(', ')}`;
}
