// What the API server asks of a node: the kubelet's own API (logs, stats, exec, attach, port-forward), in one process or over HTTPS.
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import type { ExecResult, ExecStreams, PortStream } from '../machinery/streams.ts';

export interface ContainerTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly uid?: string;
  readonly container: string;
}

export interface NodeApi {
  /** The kubelet's HTTP API: `/containerLogs/{ns}/{pod}/{container}`, `/stats/summary`, `/metrics…`, `/pods`, `/healthz`, `/logs/…`. */
  request(request: WireRequest): Promise<WireResponse>;
  exec(target: ContainerTarget, command: readonly string[], streams: ExecStreams): Promise<ExecResult>;
  attach(target: ContainerTarget, streams: ExecStreams): Promise<ExecResult>;
  /** Carries bytes between `stream` and the pod's port until either side ends; rejects when the port cannot be reached. */
  portForward(target: Omit<ContainerTarget, 'container'>, port: number, stream: PortStream): Promise<void>;
}

/** Finds a node's API by the node's name; throws an ApiError when the node is unknown or out of reach. */
export type NodeConnector = (nodeName: string) => Promise<NodeApi>;
