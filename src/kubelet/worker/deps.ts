// What all pod workers of a node share.
import type { Client, EventRecorder } from '../../client/index.ts';
import type { ImageService, PodSandboxConfig, RegistryAuth, RuntimeService } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { Node, Pod, Service } from '../../resources/generated/core-v1.ts';
import type { DnsContext } from '../container/hosts.ts';
import type { ImageManager } from '../images/manager.ts';
import type { NodePlugins } from '../plugins/node-plugins.ts';
import type { Backoff } from '../pod/restart.ts';
import type { PodReach } from '../probes/reach.ts';
import type { StatusWriter } from '../status/writer.ts';
import type { ClaimSource } from '../volumes/claims.ts';
import type { MountPort } from '../volumes/mounts.ts';
import type { TokenRequester } from '../volumes/tokens.ts';
import type { TrustBundles } from '../volumes/trust-bundles.ts';
import type { WatchedObjects } from './objects.ts';
import type { RuntimeCache } from './runtime-cache.ts';

/** What of the node pods come to know. */
export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  readonly memoryCapacity: number;
  readonly unifiedCgroups: boolean;
  readonly allocatable: Readonly<Record<string, string>>;
}

export interface WorkerDeps {
  readonly clock: Clock;
  readonly client: Client;
  readonly runtime: RuntimeService;
  readonly imageService: ImageService;
  readonly images: ImageManager;
  readonly nodeAuths: (image: string, pod: Pod) => Promise<readonly RegistryAuth[]>;
  readonly recorder: EventRecorder;
  readonly cache: RuntimeCache;
  readonly objects: WatchedObjects;
  readonly services: () => readonly Service[];
  readonly writer: StatusWriter;
  readonly backoff: Backoff;
  readonly node: () => NodeFacts;
  readonly dns: () => DnsContext;
  readonly mounts: MountPort;
  readonly reach: PodReach;
  readonly claims: ClaimSource;
  readonly requestToken: TokenRequester;
  readonly trustBundles: TrustBundles;
  readonly thisNode: () => Node | undefined;
  /** Why the node would not have room for a pod that is here already, as its spec is now. */
  readonly noRoomFor: (pod: Pod) => string | undefined;
  /** What a pod's volumes are made of has changed. */
  readonly changed: (podUid: string) => void;
  readonly runtimeName: () => string;
  readonly rootDir: string;
  readonly logDir: string;
  /** On a tmpfs. */
  readonly secretDir: string;
  readonly podPidsLimit: number;
  readonly hostsFile: () => Promise<string>;
  /** The handler of a RuntimeClass; throws when there is no such class. */
  readonly runtimeHandler: (pod: Pod) => Promise<string>;
  /** Makes the devices ready that the pod claims; throws while they cannot be used. */
  readonly prepareDevices: (pod: Pod) => Promise<void>;
  readonly plugins: NodePlugins;
  /** Throws where the handler's runtime can give none. */
  readonly userNamespace: (pod: Pod, handler: string) => PodSandboxConfig['namespaces']['user'];
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
  readonly onProbed?: (kind: string, pod: Pod, container: string, outcome: string) => void;
  /** The pod is gone from the API and from the node. */
  readonly onGone: (uid: string) => void;
}
