// TCP probes: whether a port takes a connection.
import net from 'node:net';
import { hostPort, networkError, type ProbeResult } from './result.ts';

export function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const done = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(
      () => done({ outcome: 'failure', output: `dial tcp ${hostPort(host, port)}: i/o timeout` }),
      timeoutMs,
    );
    socket.once('connect', () => done({ outcome: 'success', output: '' }));
    socket.once('error', (error) => done({ outcome: 'failure', output: networkError(error, host, port) }));
  });
}
