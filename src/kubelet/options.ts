// What a kubelet is made of and what it offers.
import type { Client, InformerFactory, NodeApi } from '../client/index.ts';
import type { ImageService, RuntimeService } from '../cri/port.ts';
import type { Clock } from '../host/clock.ts';
import type { KubeletConfig } from './config.ts';
import type { NodeCredentials } from './images/node-credentials.ts';
import type { PodReach } from './probes/reach.ts';
import type { MountPort } from './volumes/mounts.ts';

export type LogSink = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

export interface KubeletOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly clock: Clock;
  readonly nodeName: string;
  /** The node's own addresses, the first of each family that pods on the host network get. */
  readonly nodeIps: readonly string[];
  /** The range that the addresses of its pods are from, as the Node tells it. */
  readonly podCidr?: string;
  /** What pods and volumes have on the disk lies below. */
  readonly rootDir: string;
  /** Container logs: `<logDir>/<namespace>_<name>_<uid>/<container>/<n>.log`. */
  readonly logDir: string;
  /** Secrets and tokens lie here: a tmpfs is mounted when it is none. */
  readonly secretDir: string;
  readonly mounts: MountPort;
  /** How probes and hooks reach pods. */
  readonly reach: PodReach;
  /** Port of the kubelet's HTTPS server, as the node's status tells it. */
  readonly port?: number;
  readonly version?: string;
  readonly hostname?: string;
  readonly config?: Partial<KubeletConfig>;
  /** What this node knows of registries' credentials, beside the pull secrets of pods. */
  readonly credentials?: NodeCredentials;
  readonly log?: LogSink;
}

export interface Kubelet {
  /** Resolves when `signal` has ended it; pods run on. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the node is registered and its first status, Ready or not, is in the API. */
  readonly registered: Promise<void>;
  readonly api: NodeApi;
  /** Ends all pods by their grace periods, within what the configuration allows for a shutdown, or the host where that is less. */
  shutdown(limitMs?: number): Promise<void>;
  /** The shutdown was called off: the node takes pods again. */
  resume(): Promise<void>;
  /** Removes what this kubelet has mounted and made; no pod may run any more. */
  destroy(): Promise<void>;
}
