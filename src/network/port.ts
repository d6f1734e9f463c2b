// What the runtime asks of a pod network, whoever makes it.
import type { HostPort } from './pod/host-ports.ts';

/** The pod that is to be joined to the network. */
export interface NetworkedPod {
  /** The sandbox's id. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly HostPort[];
  readonly dns?: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
}

/** What a pod's network is made of; kept in the sandbox's record so that it survives this process. */
export interface PodSlot {
  /** The host's end of the pod's link; empty where it is not known. */
  readonly link: string;
  readonly netns: string;
  readonly netnsPath: string;
  readonly ip: string;
  /** All addresses, the first of each family, where there are more than `ip`. */
  readonly ips?: readonly string[];
}

export interface LinkStats {
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

export interface SlotInUse {
  readonly slot: PodSlot;
  readonly id: string;
  readonly ports: readonly HostPort[];
}

export interface PodNetworking {
  /** True, or why pods cannot be joined. */
  readonly ready: true | string;
  /** Keeps the slots in use and removes every other leftover. Answers the ids of those whose network is there no more. */
  start(inUse: readonly SlotInUse[]): Promise<readonly string[]>;
  /** A namespace with its address, ready to be joined. */
  acquire(pod: NetworkedPod): Promise<PodSlot>;
  /** Joins the network namespace that a process has to the network. */
  attach(pod: NetworkedPod, pid: number): Promise<PodSlot>;
  release(slot: PodSlot): Promise<void>;
  /** Publishes a pod's host ports, or takes them back when there are none. */
  setHostPorts(id: string, ip: string, ports: readonly HostPort[]): Promise<void>;
  /** Counters as the pod sees them; `pid` is a process in it. */
  stats(slot: PodSlot, pid: number | undefined): LinkStats | undefined;
  /** Gives back what was made ahead; pods keep their network. */
  close(): Promise<void>;
  /** Removes everything this network ever made on the host. */
  destroy(): Promise<void>;
}
