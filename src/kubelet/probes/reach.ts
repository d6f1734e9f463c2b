// How probes and hooks reach a container's address: over the network, or not at all where pods are on no wire.
import { type GrpcTarget, probeGrpc } from './grpc.ts';
import { type HttpTarget, probeHttp } from './http.ts';
import type { ProbeResult } from './result.ts';
import { probeTcp } from './tcp.ts';

export interface PodReach {
  http(target: HttpTarget, timeoutMs: number): Promise<ProbeResult>;
  tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult>;
  grpc(target: GrpcTarget, timeoutMs: number): Promise<ProbeResult>;
}

export function networkReach(): PodReach {
  return { http: probeHttp, tcp: probeTcp, grpc: probeGrpc };
}

/** For pods of which no process runs: they answer well. Their addresses may be somebody else's, so nothing may be sent there. */
export function noReach(): PodReach {
  const well = async (): Promise<ProbeResult> => ({ outcome: 'success', output: '' });
  return { http: well, tcp: well, grpc: well };
}
