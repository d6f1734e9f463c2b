// The kubelet as a whole: makes the parts and ties them together.
import { setMaxListeners } from 'node:events';
import { mkdir, readFile, rm, statfs } from 'node:fs/promises';
import { EventRecorder, PODS, RUNTIME_CLASSES, SERVICES } from '../client/index.ts';
import type { RuntimeFeatures, RuntimeVersion } from '../cri/port.ts';
import { type DiskFacts, diskFacts } from '../host/machine.ts';
import { isApiError } from '../machinery/errors.ts';
import type { Pod } from '../resources/generated/core-v1.ts';
import { podAccount, tokenRequester } from './account.ts';
import { DEFAULT_CONFIG, type KubeletConfig } from './config.ts';
import { parseResolvConf, type Resolver } from './container/hosts.ts';
import { Housekeeper } from './eviction/housekeeper.ts';
import { observeHost } from './eviction/observe.ts';
import { ImageCollector } from './images/collector.ts';
import { imagesInUse } from './images/in-use.ts';
import { ImageManager } from './images/manager.ts';
import { ensureCsiNode } from './node/csi-node.ts';
import { type HostFacts, hostFacts } from './node/facts.ts';
import { NodeKeeper } from './node/keeper.ts';
import { shutDownPods } from './node/shutdown.ts';
import type { NodeShape, Pressure } from './node/status.ts';
import type { Kubelet, KubeletOptions } from './options.ts';
import { specOf } from './pod/identity.ts';
import { Backoff, CRASH_LOOP } from './pod/restart.ts';
import { LogRotation } from './server/log-rotation.ts';
import { ProbeMetrics } from './server/metrics.ts';
import { createNodeApi } from './server/node-api.ts';
import { StaticPods } from './static-pods.ts';
import { StatusWriter } from './status/writer.ts';
import { claimSource } from './volumes/claims.ts';
import { TrustBundles } from './volumes/trust-bundles.ts';
import { UserNamespaces } from './volumes/user-namespaces.ts';
import type { NodeFacts, WorkerDeps } from './worker/deps.ts';
import { WatchedObjects } from './worker/objects.ts';
import { PodManager } from './worker/pod-manager.ts';
import { RuntimeCache } from './worker/runtime-cache.ts';

/** How long a kubelet that stops waits for what its pods are in the middle of. */
const DETACH_MS = 3_000;
const TMPFS_MAGIC = 0x01021994;

interface Known {
  readonly facts: HostFacts;
  readonly disk: DiskFacts;
  readonly version: RuntimeVersion;
  readonly features: RuntimeFeatures;
  readonly host: Resolver;
}

class KubeletImpl implements Kubelet {
  readonly api: Kubelet['api'];
  readonly registered: Promise<void>;
  private markRegistered: () => void = () => undefined;
  private known: Known | undefined;
  private readonly config: KubeletConfig;
  private readonly cache: RuntimeCache;
  private readonly objects: WatchedObjects;
  private readonly manager: PodManager;
  private readonly keeper: NodeKeeper;
  private readonly writer: StatusWriter;
  private readonly images: ImageManager;
  private readonly recorder: EventRecorder;
  private readonly housekeeper: Housekeeper;
  private readonly rotation: LogRotation;
  private readonly statics: StaticPods | undefined;
  private readonly userNamespaces: UserNamespaces;
  private readonly probeMetrics = new ProbeMetrics();
  private runtimeName = 'minke';

  constructor(private readonly options: KubeletOptions) {
    const { client, clock } = options;
    this.config = { ...DEFAULT_CONFIG, ...options.config };
    this.registered = new Promise((resolve) => {
      this.markRegistered = resolve;
    });
    const onError = (error: unknown): void => this.log('warn', 'could not write', { error: String(error) });
    this.recorder = new EventRecorder({ client, clock, component: 'kubelet', host: options.nodeName, onError });
    this.cache = new RuntimeCache(options.runtime, (uid) => this.manager.poke(uid));
    this.objects = new WatchedObjects(client, clock, (uid) => this.manager.objectChanged(uid));
    this.writer = new StatusWriter(client, clock, onError);
    this.images = new ImageManager(options.images, clock, this.config.maxParallelImagePulls);
    this.userNamespaces = new UserNamespaces(options.rootDir);
    this.manager = new PodManager({
      deps: this.deps(),
      informer: options.informers.informer(PODS, { fieldSelector: `spec.nodeName=${options.nodeName}` }),
      node: () => this.keeper.current,
      allowedSysctls: this.config.allowedUnsafeSysctls,
      appArmor: () => this.known?.facts.appArmor ?? true,
      pressure: () => this.housekeeper.conditions,
    });
    this.keeper = new NodeKeeper({
      client,
      clock,
      recorder: this.recorder,
      images: options.images,
      shape: () => this.shape(),
      pressure: () => this.pressure(),
      taints: this.config.registerWithTaints,
      onError: (what, error) => this.log('warn', what, { error: String(error) }),
    });
    this.housekeeper = new Housekeeper({
      clock,
      config: this.config,
      observe: () =>
        observeHost({
          rootDir: options.rootDir,
          images: options.images,
          memoryBytes: this.known?.facts.memoryBytes ?? 0,
          pidMax: this.known?.facts.pidMax ?? 0,
        }),
      runtime: options.runtime,
      collector: this.makeCollector(),
      manager: this.manager,
      recorder: this.recorder,
      onConditions: () => {
        void this.keeper.update().catch((error: unknown) => this.log('warn', 'node status', { error: String(error) }));
      },
      say: (type, reason, message) => this.keeper.say(type, reason, message),
      log: (level, message, fields) => this.log(level, message, fields),
    });
    this.rotation = new LogRotation({
      runtime: options.runtime,
      cache: this.cache,
      clock,
      maxSize: this.config.containerLogMaxSize,
      maxFiles: this.config.containerLogMaxFiles,
      log: (level, message, fields) => this.log(level, message, fields),
    });
    const dir = this.config.staticPodPath;
    this.statics =
      dir === undefined
        ? undefined
        : new StaticPods({
            client,
            dir,
            nodeName: options.nodeName,
            manager: this.manager,
            keeper: this.keeper,
            clock,
            log: (l, m, f) => this.log(l, m, f),
          });
    this.api = createNodeApi({
      manager: this.manager,
      cache: this.cache,
      runtime: options.runtime,
      images: options.images,
      clock,
      config: this.config,
      nodeName: options.nodeName,
      rootDir: options.rootDir,
      probeMetrics: this.probeMetrics,
      facts: () => this.known?.facts,
    });
  }

  private makeCollector(): ImageCollector {
    const { options, config, cache, images } = this;
    return new ImageCollector({
      clock: options.clock,
      config,
      images: options.images,
      inUse: () => imagesInUse(cache),
      askedFor: images.lastUsed,
      disk: diskFacts,
      fallbackPath: options.rootDir,
      say: (type, reason, message) => this.keeper.say(type, reason, message),
      log: (level, message, fields) => this.log(level, message, fields),
    });
  }

  private log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void {
    this.options.log?.(level, message, fields);
  }

  private deps(): WorkerDeps {
    const { options } = this;
    const services = options.informers.informer(SERVICES);
    return {
      clock: options.clock,
      client: options.client,
      runtime: options.runtime,
      imageService: options.images,
      images: this.images,
      recorder: this.recorder,
      cache: this.cache,
      objects: this.objects,
      services: () => services.list(),
      writer: this.writer,
      backoff: new Backoff(CRASH_LOOP),
      node: () => this.nodeFacts(),
      dns: () => ({
        clusterDns: this.config.clusterDns,
        clusterDomain: this.config.clusterDomain,
        host: this.known?.host ?? { servers: [], searches: [], options: [] },
      }),
      mounts: options.mounts,
      claims: claimSource(options.client, () => this.keeper.current),
      requestToken: tokenRequester(options),
      trustBundles: new TrustBundles(options.informers, (uid) => this.manager.objectChanged(uid)),
      thisNode: () => this.keeper.current,
      noRoomFor: (pod) => this.manager.noRoomFor(pod),
      changed: (uid) => this.manager.objectChanged(uid),
      runtimeName: () => this.runtimeName,
      rootDir: options.rootDir,
      logDir: options.logDir,
      secretDir: options.secretDir,
      podPidsLimit: this.config.podPidsLimit,
      hostsFile: () => readFile('/etc/hosts', 'utf8').catch(() => ''),
      runtimeHandler: (pod) => this.runtimeHandler(pod),
      nodeAuths: async (image, pod) => (await options.credentials?.(image, () => podAccount(options, pod))) ?? [],
      userNamespace: (pod, handler) => this.userNamespaces.of(pod, handler, this.known?.features.handlers ?? []),
      log: (level, message, fields) => this.log(level, message, fields),
      onProbed: (kind, pod, container, outcome) => this.probeMetrics.count(kind, pod, container, outcome),
      onGone: (uid) => {
        this.manager.forget(uid);
        this.userNamespaces.release(uid);
        this.probeMetrics.forget(uid);
      },
    };
  }

  private nodeFacts(): NodeFacts {
    const { nodeName, nodeIps } = this.options;
    return {
      name: nodeName,
      ips: nodeIps,
      memoryCapacity: this.known?.facts.memoryBytes ?? 0,
      unifiedCgroups: this.known?.facts.unifiedCgroups ?? false,
      allocatable: this.keeper.current?.status?.allocatable ?? {},
    };
  }

  private async runtimeHandler(pod: Pod): Promise<string> {
    const name = specOf(pod).runtimeClassName ?? '';
    if (name === '') return '';
    try {
      return (await this.options.client.resource(RUNTIME_CLASSES).get('', name)).handler;
    } catch (error) {
      if (isApiError(error, 'NotFound'))
        throw new Error(`failed to get sandbox runtime: runtimeclass.node.k8s.io "${name}" not found`);
      throw error;
    }
  }

  private shape(): NodeShape {
    const known = this.known;
    if (known === undefined) throw new Error('the kubelet has not looked at its host yet');
    return {
      name: this.options.nodeName,
      hostname: this.options.hostname ?? this.options.nodeName,
      ips: this.options.nodeIps,
      podCidr: this.options.podCidr,
      facts: known.facts,
      disk: known.disk,
      maxPods: this.config.maxPods,
      reserved: this.config.systemReserved,
      version: this.options.version ?? 'v1.36.0',
      runtimeVersion: `${known.version.name}://${known.version.version}`,
      features: known.features,
      port: this.options.port ?? 10250,
      labels: this.config.nodeLabels,
    };
  }

  private async pressure(): Promise<Pressure> {
    const { memory, disk, pid } = this.housekeeper.pressure;
    const ready = await this.options.runtime
      .ready()
      .catch((error: unknown) => ({ runtime: String(error), network: true as const }));
    const parts: string[] = [];
    if (ready.runtime !== true) parts.push(`container runtime is down: ${ready.runtime}`);
    if (ready.network !== true) parts.push(`container runtime network not ready: ${ready.network}`);
    if (this.manager.closed !== undefined) parts.push('node is shutting down');
    return { memory, disk, pid, notReady: parts.length === 0 ? undefined : parts.join(', ') };
  }

  /** Secrets must not reach a disk: the directory is on a tmpfs, or becomes one. */
  private async prepareDirectories(): Promise<void> {
    const { rootDir, logDir, secretDir, mounts } = this.options;
    for (const dir of [rootDir, logDir, secretDir]) await mkdir(dir, { recursive: true, mode: 0o755 });
    if ((await statfs(secretDir)).type === TMPFS_MAGIC) return;
    await mounts.tmpfs(secretDir, { mode: '0755' }).catch((error: unknown) => {
      this.log('warn', 'no tmpfs for secrets: they will lie on the disk', { error: String(error) });
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    // All its loops wait on this one signal.
    setMaxListeners(100, signal);
    const { runtime, informers, clock } = this.options;
    await this.prepareDirectories();
    const [facts, disk, version, features, resolv] = await Promise.all([
      hostFacts(),
      diskFacts(this.options.rootDir),
      runtime.version(),
      runtime.features(),
      readFile(this.config.resolvConf, 'utf8').catch(() => ''),
      this.cache.start(),
      this.userNamespaces.load(),
    ]);
    this.known = { facts, disk, version, features, host: parseResolvConf(resolv) };
    this.runtimeName = version.name;
    const pods = informers.informer(PODS, { fieldSelector: `spec.nodeName=${this.options.nodeName}` });
    const services = informers.informer(SERVICES);
    informers.start(signal);
    await this.keeper.register(signal);
    this.keeper.say('Normal', 'Starting', 'Starting kubelet.');
    this.markRegistered();
    const node = this.keeper.current;
    if (node !== undefined) {
      ensureCsiNode(this.options.client, node).catch((error: unknown) => {
        this.log('warn', 'CSINode', { error: String(error) });
      });
    }
    await Promise.all([pods.synced, services.synced]);
    if (signal.aborted) return;
    this.manager.start();
    await this.statics?.start(signal);
    const background = [
      this.keeper.run(signal),
      this.housekeeper.run(signal),
      this.rotation.run(signal),
      this.sweeping(signal),
    ];
    this.log('info', 'kubelet runs', { node: this.options.nodeName, at: clock.now() });
    await Promise.all(background);
    // What is half made had better be finished, but a stop does not take for ever.
    const enough = new AbortController();
    await Promise.race([this.manager.detach(), clock.sleep(DETACH_MS, enough.signal)]);
    enough.abort();
    this.objects.stop();
    this.cache.stop();
    await this.recorder.flushed();
  }

  private async sweeping(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.manager.sweep().catch((error: unknown) => this.log('warn', 'sweep', { error: String(error) }));
      await this.options.clock.sleep(120_000, signal);
    }
  }

  async shutdown(limitMs?: number): Promise<void> {
    this.manager.closed = 'Pod was rejected as the node is shutting down.';
    await this.keeper.update(true).catch(() => undefined);
    const { clock } = this.options;
    await shutDownPods({ clock, config: this.config, manager: this.manager }, limitMs);
  }

  async resume(): Promise<void> {
    this.manager.closed = undefined;
    await this.keeper.update(true);
  }

  async destroy(): Promise<void> {
    const { mounts, rootDir, secretDir } = this.options;
    for (const dir of [secretDir, `${rootDir}/pods`]) {
      for (const point of await mounts.below(dir)) await mounts.unmount(point);
      await rm(dir, { recursive: true, force: true });
    }
  }
}

export function createKubelet(options: KubeletOptions): Kubelet {
  return new KubeletImpl(options);
}
