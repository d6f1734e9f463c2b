// What a cluster's directory and the host say of earlier starts: the configuration it last ran with, and the routes there are.
import { existsSync, readFileSync } from 'node:fs';
import type { ClusterConfig, ClusterPaths } from './config.ts';

/** undefined when no cluster ran in that directory yet. */
export function lastConfig(paths: ClusterPaths): ClusterConfig | undefined {
  return existsSync(paths.config) ? (JSON.parse(readFileSync(paths.config, 'utf8')) as ClusterConfig) : undefined;
}

export function hostRoutes(): string {
  return existsSync('/proc/net/route') ? readFileSync('/proc/net/route', 'utf8') : '';
}
