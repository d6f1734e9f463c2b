// gRPC probes: the standard health service. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import type { ServiceError } from '@grpc/grpc-js';
import { goDuration } from '../../machinery/time.ts';
import { hostPort, type ProbeResult } from './result.ts';

const STATES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** HealthCheckRequest { string service = 1 } */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  if (name.length === 0) return Buffer.alloc(0);
  const head: number[] = [0x0a];
  let n = name.length;
  while (n > 0x7f) {
    head.push((n & 0x7f) | 0x80);
    n >>>= 7;
  }
  head.push(n);
  return Buffer.concat([Buffer.from(head), name]);
}

/** HealthCheckResponse { ServingStatus status = 1 } */
function decodeStatus(data: Buffer): number {
  return data.length >= 2 && data[0] === 0x08 ? (data[1] ?? 0) : 0;
}

export interface GrpcTarget {
  readonly host: string;
  readonly port: number;
  readonly service: string;
}

/** Loaded when the first probe wants it: few pods do, and it takes its time. */
type Grpc = typeof import('@grpc/grpc-js');

function failureOf(grpc: Grpc, error: ServiceError, target: GrpcTarget, timeoutMs: number): string {
  const address = hostPort(target.host, target.port);
  if (error.code === grpc.status.UNIMPLEMENTED) {
    return 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health)';
  }
  if (error.code === grpc.status.DEADLINE_EXCEEDED || error.code === grpc.status.UNAVAILABLE) {
    return `timeout: failed to connect service "${address}" within ${goDuration(timeoutMs)}: context deadline exceeded`;
  }
  return `error: health rpc probe failed: rpc error: code = ${grpc.status[error.code]} desc = ${error.details}`;
}

export async function probeGrpc(target: GrpcTarget, timeoutMs: number): Promise<ProbeResult> {
  const { default: grpc } = await import('@grpc/grpc-js');
  const client = new grpc.Client(hostPort(target.host, target.port), grpc.credentials.createInsecure(), {
    'grpc.primary_user_agent': 'kube-probe/1.36',
    'grpc.use_local_subchannel_pool': 1,
  });
  return new Promise((resolve) => {
    const done = (result: ProbeResult): void => {
      client.close();
      resolve(result);
    };
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (service: string) => encodeRequest(service),
      decodeStatus,
      target.service,
      { deadline: Date.now() + timeoutMs },
      (error, status) => {
        if (error !== null) return done({ outcome: 'failure', output: failureOf(grpc, error, target, timeoutMs) });
        if (status === 1) return done({ outcome: 'success', output: '' });
        const name = STATES[status ?? 0] ?? String(status);
        return done({ outcome: 'failure', output: `service unhealthy (responded with "${name}")` });
      },
    );
  });
}
