// What a cluster's directory and the host say of earlier starts: the configuration it last ran with, and the routes there are.
import { existsSync, readFileSync } from 'node:fs';
import type { ClusterConfig, ClusterPaths } from './config.ts';
import { UserError } from './user-error.ts';

/** The file is there and holds no configuration. */
export class DamagedConfigError extends UserError {
  constructor(path: string) {
    super(`${path} is damaged`, 'minke down --purge clears the cluster away; minke up makes a new one');
    this.name = 'DamagedConfigError';
  }
}

/** undefined when no cluster ran in that directory yet. */
export function lastConfig(paths: ClusterPaths): ClusterConfig | undefined {
  if (!existsSync(paths.config)) return undefined;
  const text = readFileSync(paths.config, 'utf8');
  try {
    const config: ClusterConfig = JSON.parse(text);
    if (typeof config.name === 'string' && Array.isArray(config.nodes)) return config;
  } catch {
    throw new DamagedConfigError(paths.config);
  }
  throw new DamagedConfigError(paths.config);
}

export function hostRoutes(): string {
  return existsSync('/proc/net/route') ? readFileSync('/proc/net/route', 'utf8') : '';
}
