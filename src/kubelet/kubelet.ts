// The kubelet as a whole: makes the parts, ties them together, and runs them.
import { setMaxListeners } from 'node:events';
import { mkdir, statfs } from 'node:fs/promises';
import { EventRecorder, PODS, SERVICES } from '../client/index.ts';
import { diskFacts } from '../host/machine.ts';
import { removeTree } from '../host/remove-tree.ts';
import { DEFAULT_CONFIG, type KubeletConfig } from './config.ts';
import { Housekeeper } from './eviction/housekeeper.ts';
import { observeHost } from './eviction/observe.ts';
import { ImageCollector } from './images/collector.ts';
import { imagesInUse } from './images/in-use.ts';
import { ImageManager } from './images/manager.ts';
import { ensureCsiNode } from './node/csi-node.ts';
import { NodeKeeper } from './node/keeper.ts';
import { shutDownPods } from './node/shutdown.ts';
import type { Pressure } from './node/status.ts';
import type { Kubelet, KubeletOptions, LogSink } from './options.ts';
import { NodePlugins } from './plugins/node-plugins.ts';
import { LogRotation } from './server/log-rotation.ts';
import { ProbeMetrics } from './server/metrics.ts';
import { createNodeApi } from './server/node-api.ts';
import { StaticPods } from './static-pods.ts';
import { StatusWriter } from './status/writer.ts';
import { Surroundings } from './surroundings.ts';
import { UserNamespaces } from './volumes/user-namespaces.ts';
import { WatchedObjects } from './worker/objects.ts';
import { PodManager } from './worker/pod-manager.ts';
import { RuntimeCache } from './worker/runtime-cache.ts';
import { workerDeps } from './worker-deps.ts';

/** How long a kubelet that stops waits for what its pods are in the middle of. */
const DETACH_MS = 3_000;
const SWEEP_MS = 120_000;
const TMPFS_MAGIC = 0x01021994;

class KubeletImpl implements Kubelet {
  readonly api: Kubelet['api'];
  readonly registered: Promise<void>;
  private markRegistered: () => void = () => undefined;
  private readonly config: KubeletConfig;
  private readonly surroundings: Surroundings;
  private readonly cache: RuntimeCache;
  private readonly objects: WatchedObjects;
  private readonly manager: PodManager;
  private readonly keeper: NodeKeeper;
  private readonly images: ImageManager;
  private readonly recorder: EventRecorder;
  private readonly housekeeper: Housekeeper;
  private readonly rotation: LogRotation;
  private readonly statics: StaticPods | undefined;
  private readonly userNamespaces: UserNamespaces;
  private readonly plugins: NodePlugins;
  private readonly probeMetrics = new ProbeMetrics();
  private readonly log: LogSink = (level, message, fields) => this.options.log?.(level, message, fields);

  constructor(private readonly options: KubeletOptions) {
    const { client, clock, nodeName, runtime } = options;
    this.config = { ...DEFAULT_CONFIG, ...options.config };
    this.registered = new Promise((resolve) => {
      this.markRegistered = resolve;
    });
    this.surroundings = new Surroundings(options, this.config);
    const onError = (error: unknown): void => this.log('warn', 'could not write', { error: String(error) });
    this.recorder = new EventRecorder({ client, clock, component: 'kubelet', host: nodeName, onError });
    this.cache = new RuntimeCache(runtime, (uid) => this.manager.poke(uid));
    this.objects = new WatchedObjects(client, clock, (uid) => this.manager.objectChanged(uid));
    this.images = new ImageManager(options.images, clock, this.config.maxParallelImagePulls);
    this.userNamespaces = new UserNamespaces(options.rootDir);
    this.plugins = this.makePlugins();
    this.manager = this.makeManager(new StatusWriter(client, clock, onError));
    this.keeper = this.makeKeeper();
    this.housekeeper = this.makeHousekeeper();
    this.rotation = new LogRotation({
      runtime,
      cache: this.cache,
      clock,
      maxSize: this.config.containerLogMaxSize,
      maxFiles: this.config.containerLogMaxFiles,
      log: this.log,
    });
    this.statics = this.makeStatics();
    this.api = createNodeApi({
      manager: this.manager,
      cache: this.cache,
      runtime,
      images: options.images,
      clock,
      config: this.config,
      nodeName,
      rootDir: options.rootDir,
      probeMetrics: this.probeMetrics,
      facts: () => this.surroundings.facts,
    });
  }

  private makeManager(writer: StatusWriter): PodManager {
    const { options, config, surroundings, recorder, cache, objects, images, userNamespaces, probeMetrics, log } = this;
    const { plugins } = this;
    const parts = {
      options,
      config,
      surroundings,
      recorder,
      cache,
      objects,
      writer,
      images,
      userNamespaces,
      plugins,
      log,
    };
    const node = () => this.keeper.current;
    return new PodManager({
      deps: workerDeps({ ...parts, probeMetrics, manager: () => this.manager, node }),
      informer: options.informers.informer(PODS, { fieldSelector: `spec.nodeName=${options.nodeName}` }),
      node,
      allowedSysctls: config.allowedUnsafeSysctls,
      appArmor: () => surroundings.facts?.appArmor ?? true,
      pressure: () => this.housekeeper.conditions,
    });
  }

  private makePlugins(): NodePlugins {
    const { options, log } = this;
    const { client, nodeName, rootDir, clock } = options;
    const onChange = (): void => {
      void this.keeper.update().catch((error: unknown) => log('warn', 'node status', { error: String(error) }));
    };
    const onHealth = (uid: string): void => this.manager.poke(uid);
    const pods = () => this.manager.pods();
    return new NodePlugins({ client, nodeName, rootDir, clock, log, pods, onChange, onHealth });
  }

  private makeKeeper(): NodeKeeper {
    const { client, clock, images } = this.options;
    return new NodeKeeper({
      client,
      clock,
      recorder: this.recorder,
      images,
      shape: () => ({ ...this.surroundings.shape(), devices: this.plugins.devices.amounts() }),
      pressure: () => this.pressure(),
      taints: this.config.registerWithTaints,
      onError: (what, error) => this.log('warn', what, { error: String(error) }),
    });
  }

  private makeHousekeeper(): Housekeeper {
    const { options, config, manager, recorder, surroundings, log } = this;
    const { rootDir, images } = options;
    return new Housekeeper({
      clock: options.clock,
      config,
      observe: () => {
        const { memoryBytes = 0, pidMax = 0 } = surroundings.facts ?? {};
        return observeHost({ rootDir, images, memoryBytes, pidMax });
      },
      runtime: options.runtime,
      collector: this.makeCollector(),
      manager,
      recorder,
      onConditions: () => {
        void this.keeper.update().catch((error: unknown) => log('warn', 'node status', { error: String(error) }));
      },
      say: (type, reason, message) => this.keeper.say(type, reason, message),
      log,
    });
  }

  private makeCollector(): ImageCollector {
    const { options, config, cache, images, log } = this;
    return new ImageCollector({
      clock: options.clock,
      config,
      images: options.images,
      inUse: () => imagesInUse(cache),
      askedFor: images.lastUsed,
      disk: diskFacts,
      fallbackPath: options.rootDir,
      say: (type, reason, message) => this.keeper.say(type, reason, message),
      log,
    });
  }

  private makeStatics(): StaticPods | undefined {
    const dir = this.config.staticPodPath;
    if (dir === undefined) return undefined;
    const { client, nodeName, clock } = this.options;
    return new StaticPods({ client, dir, nodeName, manager: this.manager, keeper: this.keeper, clock, log: this.log });
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
    // For `mountPropagation` of volumes that lie there, and drivers that mount them. https://kubernetes.io/docs/concepts/storage/volumes/#mount-propagation
    await mounts.share(rootDir).catch((error: unknown) => {
      this.log('warn', 'mounts of volumes will not propagate', { error: String(error) });
    });
    if ((await statfs(secretDir)).type === TMPFS_MAGIC) return;
    await mounts.tmpfs(secretDir, { mode: '0755' }).catch((error: unknown) => {
      this.log('warn', 'no tmpfs for secrets: they will lie on the disk', { error: String(error) });
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    // All its loops wait on this one signal.
    setMaxListeners(100, signal);
    const { informers, clock, nodeName } = this.options;
    await this.prepareDirectories();
    await Promise.all([this.surroundings.look(), this.cache.start(), this.userNamespaces.load(), this.plugins.load()]);
    const pods = informers.informer(PODS, { fieldSelector: `spec.nodeName=${nodeName}` });
    const services = informers.informer(SERVICES);
    informers.start(signal);
    await this.keeper.register(signal);
    this.keeper.say('Normal', 'Starting', 'Starting kubelet.');
    this.markRegistered();
    this.tellCsi();
    await Promise.all([pods.synced, services.synced]);
    if (signal.aborted) return;
    this.manager.start();
    await this.statics?.start(signal);
    const background = [
      this.keeper.run(signal),
      this.housekeeper.run(signal),
      this.rotation.run(signal),
      this.sweeping(signal),
      ...(this.surroundings.simulatesDevices ? [] : [this.plugins.run(signal)]),
    ];
    this.log('info', 'kubelet runs', { node: nodeName, at: clock.now() });
    await Promise.all(background);
    await this.letGo();
  }

  private tellCsi(): void {
    const node = this.keeper.current;
    if (node === undefined) return;
    ensureCsiNode(this.options.client, node).catch((error: unknown) => {
      this.log('warn', 'CSINode', { error: String(error) });
    });
  }

  /** What is half made had better be finished, but a stop does not take for ever. */
  private async letGo(): Promise<void> {
    const enough = new AbortController();
    await Promise.race([this.manager.detach(), this.options.clock.sleep(DETACH_MS, enough.signal)]);
    enough.abort();
    this.objects.stop();
    this.cache.stop();
    await this.recorder.flushed();
  }

  private async sweeping(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.manager
        .sweep()
        .then(() => this.plugins.retain((uid) => this.manager.knows(uid)))
        .catch((error: unknown) => this.log('warn', 'sweep', { error: String(error) }));
      await this.options.clock.sleep(SWEEP_MS, signal);
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
    for (const dir of [secretDir, rootDir]) {
      for (const point of await mounts.below(dir)) await mounts.unmount(point);
    }
    for (const dir of [secretDir, `${rootDir}/pods`]) await removeTree(dir);
  }
}

export function createKubelet(options: KubeletOptions): Kubelet {
  return new KubeletImpl(options);
}
