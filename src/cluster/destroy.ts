// Removes all that a cluster made on this host: pods, mounts, links, rules. Works on a stopped cluster, however it stopped.

import { openImageStore } from '../cri/index.ts';
import { systemClock } from '../host/clock.ts';
import { unmountBelow } from '../host/mounts.ts';
import { findProgram } from '../host/programs.ts';
import { removeServices, serviceTable } from '../network/index.ts';
import { type ClusterConfig, clusterPaths } from './config.ts';
import { createLogger } from './log.ts';
import { nodeDirectories, openNodeRuntime } from './node.ts';

export async function destroyCluster(config: ClusterConfig): Promise<void> {
  const paths = clusterPaths(config.dataDir);
  const log = createLogger(config.name);
  log.level = 'error';
  const images = await openImageStore({ directory: paths.images, clock: systemClock });
  for (const index of config.nodes.keys()) {
    const node = await openNodeRuntime(config, index, images, log);
    await node.destroy();
    await unmountBelow(nodeDirectories(config, index).kubelet);
  }
  if (findProgram('nft') !== undefined && config.runtime !== 'simulated')
    await removeServices(serviceTable(config.name));
}
