// `minke up`: starts the cluster, waits until it is ready, applies files, and hands out the kubeconfig.
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createClient, httpsTransport } from '../../client/index.ts';
import {
  type FeatureGates,
  featureGatesText,
  parseFeatureGates,
  parseRuntimeConfig,
  type RuntimeConfig,
  runtimeConfigText,
} from '../../resources/index.ts';
import {
  type ClusterConfig,
  type ClusterPaths,
  clusterConfig,
  clusterPaths,
  DEFAULT_PORT,
  nodeCapacity,
} from '../config.ts';
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
import { answeringServer, type PidRecord, startServer, strayServer } from './daemon.ts';
import { DNS_FORWARD, dnsForwardOf } from './dns-forward.ts';
import { DATA_DIR } from './options.ts';
import { cniOf, POD_NETWORK_OPTIONS } from './pod-network.ts';
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
    { flags: '--port <port>', description: `port of the API server (${DEFAULT_PORT}, or as before)` },
    { flags: '--bind-address <ip>', description: 'address the API server listens on (127.0.0.1, or as before)' },
    { flags: '--nodes <n>', description: 'how many nodes (1, or as before)' },
    {
      flags: '--runtime <runtime>',
      description: 'embedded, simulated, or the unix:///….sock of a CRI runtime (embedded, or as before)',
    },
    ...POD_NETWORK_OPTIONS,
    DNS_FORWARD,
    {
      flags: '--kubelet-port <port>',
      description:
        "serve the first node's own API (metrics, stats, logs, exec) there, the others' on the ports after it; 0: not (0, or as before)",
    },
    {
      flags: '--feature-gates <gates>',
      description: 'Name=true or Name=false, separated by commas: PodObservedGenerationTracking (none, or as before)',
    },
    {
      flags: '--runtime-config <apis>',
      description:
        'API=true or API=false, separated by commas: api/beta, certificates.k8s.io/v1beta1, … (the stable ones, or as before)',
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
    const paths = clusterPaths(config.dataDir);
    const running = await answeringServer(paths);
    if (running === undefined) refuseTwo(strayServer(paths));
    else for (const line of unchanged(running.config, options)) io.err(line);
    try {
      if (flag(options, 'foreground')) {
        if (running !== undefined)
          throw new UserError(`the cluster runs already, pid ${running.pid}`, 'minke down ends it');
        return await serveInForeground(config, io, progress, () => finish(config, options, io, progress));
      }
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

function refuseTwo(other: PidRecord | undefined): void {
  if (other === undefined) return;
  throw new UserError(
    `another minke up is starting this cluster (pid ${other.pid})`,
    'wait for it, or end it with: minke down',
  );
}

/** Options that can be written in several ways, in the one way. */
const ASKED: Readonly<Record<string, (options: OptionValues) => string>> = {
  featureGates: (options) => featureGatesText(featureGatesOf(options)),
  runtimeConfig: (options) => runtimeConfigText(runtimeConfigOf(options)),
};

/** What was asked for and a running cluster does not do. */
function unchanged(config: ClusterConfig, options: OptionValues): string[] {
  const now = {
    port: String(config.port),
    bindAddress: config.bindAddress,
    nodes: String(config.nodes.length),
    runtime: config.runtime,
    dnsForward: config.dnsForward ?? 'host',
    featureGates: featureGatesText(config.featureGates ?? []),
    runtimeConfig: runtimeConfigText(config.runtimeConfig ?? {}),
  };
  return Object.entries(now).flatMap(([name, value]) => {
    const asked = options[name] === undefined ? undefined : (ASKED[name]?.(options) ?? options[name]);
    if (typeof asked !== 'string' || asked === value) return [];
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return [
      `The cluster runs already, with ${option} ${value === '' ? '(none)' : value}. To change it: minke down, then minke up ${option} ${asked}\n`,
    ];
  });
}

/** A number that was asked for, else the one before, else the usual one. */
function wholeNumber(options: OptionValues, name: string, otherwise: number, most: number): number {
  const value = options[name] === undefined ? otherwise : number(options, name);
  if (value < 1 || value > most) throw new UserError(`--${name} takes a number from 1 to ${most}, not ${value}`);
  return value;
}

function kubeletPortOf(options: OptionValues, before: number | undefined, nodes: number): { kubeletPort?: number } {
  const port = options.kubeletPort === undefined ? (before ?? 0) : number(options, 'kubeletPort');
  const last = 65_536 - nodes;
  if (port < 0 || port > last) throw new UserError(`--kubelet-port takes a number from 0 to ${last}, not ${port}`);
  return port === 0 ? {} : { kubeletPort: port };
}

function featureGatesOf(options: OptionValues, before: FeatureGates = []): FeatureGates {
  if (options.featureGates === undefined) return before;
  try {
    return parseFeatureGates(text(options, 'featureGates'));
  } catch (error) {
    throw new UserError(`--feature-gates: ${(error as Error).message}`);
  }
}

function runtimeConfigOf(options: OptionValues, before: RuntimeConfig = {}): RuntimeConfig {
  if (options.runtimeConfig === undefined) return before;
  try {
    return parseRuntimeConfig(text(options, 'runtimeConfig'));
  } catch (error) {
    throw new UserError(`--runtime-config: ${(error as Error).message}`);
  }
}

function addressOf(options: OptionValues, otherwise: string): string {
  const value = options.bindAddress === undefined ? otherwise : text(options, 'bindAddress');
  if (isIP(value) === 0) throw new UserError(`--bind-address takes an IP address, not ${JSON.stringify(value)}`);
  return value;
}

function configOf(options: OptionValues): ClusterConfig {
  const dataDir = text(options, 'dataDir');
  const before = lastConfig(clusterPaths(dataDir));
  const nodes = wholeNumber(options, 'nodes', before?.nodes.length ?? 1, MOST_NODES);
  const runtime = options.runtime === undefined ? (before?.runtime ?? 'embedded') : text(options, 'runtime');
  if (runtime !== 'embedded' && runtime !== 'simulated' && !runtime.startsWith('unix://')) {
    throw new UserError(`--runtime takes embedded, simulated or unix:///….sock, not ${JSON.stringify(runtime)}`);
  }
  const cni = cniOf(options, before?.cni);
  if (cni !== undefined && runtime !== 'embedded')
    throw new UserError(`--pod-network: with --runtime ${runtime} the runtime has a network of its own`);
  const config = clusterConfig({
    dataDir,
    ...(cni === undefined ? {} : { cni }),
    ...kubeletPortOf(options, before?.kubeletPort, nodes),
    dnsForward: dnsForwardOf(options, before?.dnsForward),
    featureGates: featureGatesOf(options, before?.featureGates),
    runtimeConfig: runtimeConfigOf(options, before?.runtimeConfig),
    ...(before === undefined ? {} : { ranges: { clusterCidr: before.clusterCidr, serviceCidr: before.serviceCidr } }),
    routes: hostRoutes(),
    port: wholeNumber(options, 'port', before?.port ?? DEFAULT_PORT, 65_535),
    bindAddress: addressOf(options, before?.bindAddress ?? '127.0.0.1'),
    nodes,
    runtime,
    onlyMirrors: flag(options, 'disableDefaultRegistryEndpoint'),
  });
  const room = nodeCapacity(config.clusterCidr);
  if (nodes > room) throw new UserError(`--nodes: ${config.clusterCidr} has room for ${room} nodes`, MANY_NODES);
  return config;
}

const MOST_NODES = 16_384;
const MANY_NODES = 'with --runtime simulated, a cluster in a new --data-dir takes more';

async function finish(config: ClusterConfig, options: OptionValues, io: CommandIo, progress: Progress): Promise<void> {
  const input = kubeconfigInput(config);
  const merged = mergeKubeconfig(input, clusterPaths(config.dataDir), io);
  const files = texts(options, 'file');
  if (files.length > 0) {
    progress.step(`applying ${files.join(', ')}`);
    const transport = httpsTransport({ server: input.server, ca: input.ca, cert: input.cert, key: input.key });
    const client = createClient({ transport, userAgent: 'minke' });
    await applyFiles(client, files, { timeoutMs: number(options, 'timeout') * 1000, say: (t) => progress.update(t) });
    progress.update(`applied ${files.join(', ')}`);
    progress.done();
  }
  io.err(`The cluster is up: ${input.server}\n`);
  io.err(`${merged}\n`);
}

/** Returns what to tell of it. A kubeconfig that cannot be read is the user's to mend, and no reason not to be up. */
function mergeKubeconfig(input: KubeconfigInput, paths: ClusterPaths, io: CommandIo): string {
  const path = userKubeconfigPath(io.env);
  try {
    mergeIntoUserKubeconfig(path, input);
    return `kubectl uses it now (context "${input.name}" in ${path}). Try: kubectl get pods -A`;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return `${path} was left as it is (${why}). Try: kubectl --kubeconfig ${paths.kubeconfig} get pods -A`;
  }
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
