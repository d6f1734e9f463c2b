// What an embedded runtime is made of and what it offers.
import type { Clock } from '../../host/clock.ts';
import type { RuntimeService } from '../port.ts';
import type { ImageStore } from './images/index.ts';

export interface EmbeddedRuntimeOptions {
  /** The cluster's name: at most 9 characters. */
  readonly name: string;
  /** Tells the nodes of one cluster on one host apart. */
  readonly nodeIndex?: number;
  readonly stateDir: string;
  /** On a tmpfs; `/run/<name>-<index>` unless given. */
  readonly runDir?: string;
  readonly images: ImageStore;
  readonly podCidr: string;
  readonly clusterCidr: string;
  readonly serviceCidr?: string;
  readonly mtu?: number;
  readonly masquerade?: boolean;
  /** The pod network is made by the host's CNI plugins, and the ranges above are not used. */
  readonly cni?: { readonly configDirectory: string; readonly binaries: readonly string[] };
  /** Where devices are described by the Container Device Interface; as its specification says unless given. */
  readonly cdiDirectories?: readonly string[];
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

export interface EmbeddedRuntime {
  readonly runtime: RuntimeService;
  /** Leaves all pods running. */
  close(): Promise<void>;
  /** Ends all pods and removes everything this runtime ever made on the host, but for images. */
  destroy(): Promise<void>;
}
