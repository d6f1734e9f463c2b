// `minke down`: stops the server and removes all that the cluster made on the host.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type ClusterConfig, type ClusterPaths, clusterConfig, DEFAULT_PORT } from '../config.ts';
import { destroyCluster } from '../destroy.ts';
import { removeFromUserKubeconfig, userKubeconfigPath } from '../kubeconfig.ts';
import { type CommandSpec, flag } from './command.ts';
import { runningServer, stopServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';
import { Progress } from './progress.ts';

export const down: CommandSpec = {
  name: 'down',
  summary: 'stop the cluster and remove all it made on this host',
  options: [DATA_DIR, { flags: '--purge', description: 'remove its data too' }],
  async run(_args, options, io) {
    const paths = pathsOf(options);
    const progress = new Progress(io);
    const config = lastConfig(paths);
    const running = runningServer(paths);
    if (running !== undefined) {
      progress.step('stopping the server');
      await stopServer(running, paths);
    }
    rmSync(paths.pidFile, { force: true });
    progress.step('removing pods, mounts, links and rules');
    await destroyCluster(config);
    removeFromUserKubeconfig(userKubeconfigPath(io.env), config.name);
    if (flag(options, 'purge')) {
      progress.step(`removing ${paths.root}`);
      rmSync(paths.root, { recursive: true, force: true });
    }
    progress.done();
    io.err(
      running === undefined
        ? 'No server was running; nothing of the cluster is left on this host.\n'
        : 'The cluster is down.\n',
    );
    return 0;
  },
};

/** The configuration that the cluster last ran with, so that all its nodes are cleaned up; the default one when it never ran. */
function lastConfig(paths: ClusterPaths): ClusterConfig {
  if (existsSync(paths.config)) return JSON.parse(readFileSync(paths.config, 'utf8'));
  return clusterConfig({ dataDir: paths.root, port: DEFAULT_PORT, nodes: 1, runtime: 'embedded' });
}
