// `minke down`: stops the server and removes all that the cluster made on the host.
import { rmSync } from 'node:fs';
import { clusterConfig, DEFAULT_PORT } from '../config.ts';
import { destroyCluster } from '../destroy.ts';
import { removeFromUserKubeconfig, userKubeconfigPath } from '../kubeconfig.ts';
import { lastConfig } from '../last-config.ts';
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
    const config =
      lastConfig(paths) ??
      clusterConfig({ dataDir: paths.root, port: DEFAULT_PORT, nodes: 1, runtime: 'embedded', routes: '' });
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
