// `minke up`: starts the cluster, waits until it is ready, applies files, and hands out the kubeconfig.
import { existsSync, readFileSync } from 'node:fs';
import { createClient, httpsTransport } from '../../client/index.ts';
import { type ClusterConfig, clusterConfig, clusterPaths, DEFAULT_PORT, nodeCapacity } from '../config.ts';
import { type KubeconfigInput, mergeIntoUserKubeconfig, userKubeconfigPath } from '../kubeconfig.ts';
import { hostRoutes, lastConfig } from '../last-config.ts';
import { applyFiles } from './apply-files.ts';
import {
  type CommandIo,
  type CommandSpec,
  flag,
  number,
  type OptionValues,
  text,
  texts,
  UserError,
} from './command.ts';
import { runningServer, startServer } from './daemon.ts';
import { DATA_DIR } from './options.ts';
import { Progress } from './progress.ts';
import { serveInForeground } from './serve.ts';

export const up: CommandSpec = {
  name: 'up',
  summary: 'start the cluster; returns when the API is ready and the nodes are Ready',
  options: [
    {
      flags: '-f, --file <path>',
      description: 'apply this file and wait until its pods are Ready; may be repeated',
      repeated: true,
    },
    DATA_DIR,
    { flags: '--port <port>', description: 'port of the API server', default: String(DEFAULT_PORT) },
    { flags: '--bind-address <ip>', description: 'address the API server listens on', default: '127.0.0.1' },
    { flags: '--nodes <n>', description: 'how many nodes', default: '1' },
    {
      flags: '--runtime <runtime>',
      description: 'embedded, simulated, or the unix:///….sock of a CRI runtime',
      default: 'embedded',
    },
    { flags: '--timeout <seconds>', description: 'how long to wait for the pods of the files', default: '120' },
    {
      flags: '--disable-default-registry-endpoint',
      description: 'never ask a registry itself that has mirrors in registries.yaml',
    },
    {
      flags: '--foreground',
      description: 'stay in the foreground; Ctrl-C stops the server, and pods run on until `minke down`',
    },
  ],
  async run(_args, options, io) {
    const config = configOf(options);
    const progress = new Progress(io);
    try {
      if (flag(options, 'foreground'))
        return await serveInForeground(config, io, progress, () => finish(config, options, io, progress));
      const running = runningServer(clusterPaths(config.dataDir));
      if (running === undefined) await startServer(config, (step) => progress.step(step));
      progress.done();
      await finish(running?.config ?? config, options, io, progress);
      return 0;
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
};

function configOf(options: OptionValues): ClusterConfig {
  const nodes = number(options, 'nodes');
  if (nodes < 1) throw new UserError('--nodes takes a number of at least 1');
  const runtime = text(options, 'runtime');
  if (runtime !== 'embedded' && runtime !== 'simulated' && !runtime.startsWith('unix://')) {
    throw new UserError(`--runtime takes embedded, simulated or unix:///….sock, not ${JSON.stringify(runtime)}`);
  }
  const dataDir = text(options, 'dataDir');
  const before = lastConfig(clusterPaths(dataDir));
  const config = clusterConfig({
    dataDir,
    ...(before === undefined ? {} : { ranges: { clusterCidr: before.clusterCidr, serviceCidr: before.serviceCidr } }),
    routes: hostRoutes(),
    port: number(options, 'port'),
    bindAddress: text(options, 'bindAddress'),
    nodes,
    runtime,
    onlyMirrors: flag(options, 'disableDefaultRegistryEndpoint'),
  });
  const room = nodeCapacity(config.clusterCidr);
  if (nodes > room) throw new UserError(`--nodes: ${config.clusterCidr} has room for ${room} nodes`, MANY_NODES);
  return config;
}

const MANY_NODES = 'with --runtime simulated, a cluster in a new --data-dir takes up to 16384';

async function finish(config: ClusterConfig, options: OptionValues, io: CommandIo, progress: Progress): Promise<void> {
  const input = kubeconfigInput(config);
  const userConfig = userKubeconfigPath(io.env);
  mergeIntoUserKubeconfig(userConfig, input);
  const files = texts(options, 'file');
  if (files.length > 0) {
    progress.step(`applying ${files.join(', ')}`);
    const transport = httpsTransport({ server: input.server, ca: input.ca, cert: input.cert, key: input.key });
    const client = createClient({ transport, userAgent: 'minke' });
    await applyFiles(client, files, { timeoutMs: number(options, 'timeout') * 1000, say: (t) => progress.update(t) });
    progress.done();
  }
  io.err(`The cluster is up: ${input.server}\n`);
  io.err(`kubectl uses it now (context "${config.name}" in ${userConfig}). Try: kubectl get pods -A\n`);
}

/** What a client needs to reach the cluster, from its data directory. */
export function kubeconfigInput(config: ClusterConfig): KubeconfigInput {
  const paths = clusterPaths(config.dataDir);
  if (!existsSync(`${paths.pki}/admin.crt`)) {
    throw new UserError(`there is no cluster in ${paths.root}`, 'minke up starts one');
  }
  const read = (name: string) => readFileSync(`${paths.pki}/${name}`, 'utf8');
  const host = config.bindAddress === '0.0.0.0' || config.bindAddress === '::' ? '127.0.0.1' : config.bindAddress;
  return {
    name: config.name,
    server: `https://${host}:${config.port}`,
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
  };
}
