// What the workers of pods are given, out of the kubelet's parts.
import { readFile } from 'node:fs/promises';
import { type EventRecorder, RUNTIME_CLASSES, SERVICES } from '../client/index.ts';
import { isApiError } from '../machinery/errors.ts';
import type { Node, Pod } from '../resources/generated/core-v1.ts';
import { podAccount, tokenRequester } from './account.ts';
import type { KubeletConfig } from './config.ts';
import { claimsForPod } from './devices.ts';
import type { ImageManager } from './images/manager.ts';
import type { KubeletOptions, LogSink } from './options.ts';
import type { NodePlugins } from './plugins/node-plugins.ts';
import { specOf } from './pod/identity.ts';
import { Backoff, CRASH_LOOP } from './pod/restart.ts';
import type { ProbeMetrics } from './server/metrics.ts';
import type { StatusWriter } from './status/writer.ts';
import type { Surroundings } from './surroundings.ts';
import { claimSource } from './volumes/claims.ts';
import { TrustBundles } from './volumes/trust-bundles.ts';
import type { UserNamespaces } from './volumes/user-namespaces.ts';
import type { WorkerDeps } from './worker/deps.ts';
import type { WatchedObjects } from './worker/objects.ts';
import type { PodManager } from './worker/pod-manager.ts';
import type { RuntimeCache } from './worker/runtime-cache.ts';

export interface WorkerParts {
  readonly options: KubeletOptions;
  readonly config: KubeletConfig;
  readonly surroundings: Surroundings;
  readonly recorder: EventRecorder;
  readonly cache: RuntimeCache;
  readonly objects: WatchedObjects;
  readonly writer: StatusWriter;
  readonly images: ImageManager;
  readonly userNamespaces: UserNamespaces;
  readonly probeMetrics: ProbeMetrics;
  readonly plugins: NodePlugins;
  /** Made of what this gives: asked for only when something happens. */
  readonly manager: () => PodManager;
  readonly node: () => Node | undefined;
  readonly log: LogSink;
}

async function runtimeHandler({ client }: KubeletOptions, pod: Pod): Promise<string> {
  const name = specOf(pod).runtimeClassName ?? '';
  if (name === '') return '';
  try {
    return (await client.resource(RUNTIME_CLASSES).get('', name)).handler;
  } catch (error) {
    if (isApiError(error, 'NotFound'))
      throw new Error(`failed to get sandbox runtime: runtimeclass.node.k8s.io "${name}" not found`);
    throw error;
  }
}

export function workerDeps(parts: WorkerParts): WorkerDeps {
  const { options, config, surroundings, userNamespaces, probeMetrics, plugins, manager, node } = parts;
  const { client, clock, runtime, informers, rootDir, logDir, secretDir, mounts, reach } = options;
  const { recorder, cache, objects, writer, images, log } = parts;
  const services = informers.informer(SERVICES);
  const changed = (uid: string): void => manager().objectChanged(uid);
  return {
    ...{ clock, client, runtime, imageService: options.images, images, recorder, cache, objects, writer },
    ...{ mounts, reach, rootDir, logDir, secretDir, podPidsLimit: config.podPidsLimit, log, changed },
    services: () => services.list(),
    backoff: new Backoff(CRASH_LOOP),
    node: () => surroundings.nodeFacts(node()),
    dns: () => surroundings.dns,
    claims: claimSource(client, node),
    requestToken: tokenRequester(options),
    trustBundles: new TrustBundles(informers, clock, changed),
    thisNode: node,
    noRoomFor: (pod) => manager().noRoomFor(pod),
    runtimeName: () => surroundings.runtimeName,
    hostsFile: () => readFile('/etc/hosts', 'utf8').catch(() => ''),
    prepareDevices: async (pod) => {
      const devices = await claimsForPod(client, pod);
      // A runtime without processes needs no drivers.
      if (!surroundings.simulatesDevices) await plugins.prepare(pod, devices);
    },
    plugins,
    runtimeHandler: (pod) => runtimeHandler(options, pod),
    nodeAuths: async (image, pod) => (await options.credentials?.(image, () => podAccount(options, pod))) ?? [],
    userNamespace: (pod, handler) => userNamespaces.of(pod, handler, surroundings.handlers),
    onProbed: (kind, pod, container, outcome) => probeMetrics.count(kind, pod, container, outcome),
    onGone: (uid) => {
      manager().forget(uid);
      userNamespaces.release(uid);
      probeMetrics.forget(uid);
    },
  };
}
