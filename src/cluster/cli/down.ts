// `minke down`: stops the server and removes all that the cluster made on the host.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../host/files.ts';
import { type ClusterConfig, type ClusterPaths, clusterConfig, DEFAULT_PORT } from '../config.ts';
import { removeFromUserKubeconfig, userKubeconfigPath } from '../kubeconfig.ts';
import { DamagedConfigError, lastConfig } from '../last-config.ts';
import { type CommandIo, type CommandSpec, flag } from './command.ts';
import { runningServer, stopServer, strayServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';
import { Progress } from './progress.ts';

/** Of a cluster whose configuration is gone or damaged, what it made is found by its name, which follows from the directory. */
function configOf(paths: ClusterPaths): ClusterConfig {
  const guess = () =>
    clusterConfig({ dataDir: paths.root, port: DEFAULT_PORT, nodes: 1, runtime: 'embedded', routes: '' });
  try {
    return lastConfig(paths) ?? guess();
  } catch (error) {
    if (error instanceof DamagedConfigError) return guess();
    throw error;
  }
}

function forget(context: string, io: CommandIo): void {
  const path = userKubeconfigPath(io.env);
  try {
    removeFromUserKubeconfig(path, context);
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    io.err(`${path} was left as it is (${why}).\n`);
  }
}

/** A directory that is a mount point of its own cannot go; what is in it can. */
function removeAll(root: string): void {
  try {
    rmSync(root, { recursive: true, force: true });
  } catch (error) {
    if (errorCode(error) !== 'EBUSY') throw error;
    for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
  }
}

export const down: CommandSpec = {
  name: 'down',
  summary: 'stop the cluster and remove all it made on this host',
  options: [DATA_DIR, { flags: '--purge', description: 'remove its data too' }],
  async run(_args, options, io) {
    const paths = pathsOf(options);
    const progress = new Progress(io);
    const running = runningServer(paths) ?? strayServer(paths);
    if (running !== undefined) {
      progress.step('stopping the server');
      await stopServer(running, paths);
    }
    const config = running?.config ?? configOf(paths);
    const known = existsSync(paths.root);
    rmSync(paths.pidFile, { force: true });
    progress.step('removing pods, mounts, links and rules');
    const { destroyCluster } = await import('../destroy.ts');
    await destroyCluster(config);
    forget(config.name, io);
    if (flag(options, 'purge') || !known) {
      if (known) progress.step(`removing ${paths.root}`);
      removeAll(paths.root);
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
