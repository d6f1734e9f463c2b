// One forwarded connection into a pod's network namespace, to what listens on its localhost.
import type { Socket } from 'node:net';
import { SystemError } from '../../host/native.ts';
import { connectLocalhost } from '../../host/netns.ts';
import type { PortStream } from '../../machinery/streams.ts';
import { RuntimeError } from '../port.ts';

/** How long the pod's side may be silent after the caller has said all. */
const HALF_CLOSE_MS = 60_000;

/** As Go words them, in whose words clients know them. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
};

function refused(port: number, error: unknown): RuntimeError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const why = code === undefined ? String(error) : `connect: ${REASONS[code] ?? code}`;
  const head = `failed to connect to localhost:${port} inside namespace: dial tcp 127.0.0.1:${port}`;
  return new RuntimeError('internal', `${head}: ${why}`, error);
}

async function connect(netns: string | undefined, port: number): Promise<Socket> {
  try {
    return await connectLocalhost(netns, port);
  } catch (error) {
    if (error instanceof SystemError) throw refused(port, error);
    throw error;
  }
}

/** Resolves when one side has closed. Throws when nothing listens there. */
export async function forwardPort(netns: string | undefined, port: number, stream: PortStream): Promise<void> {
  const pod = await connect(netns, port);
  let failure: unknown;
  pod.on('error', (error) => {
    failure = error;
  });
  stream.pipe(pod);
  stream.once('end', () => pod.setTimeout(HALF_CLOSE_MS, () => pod.destroy()));
  pod.pipe(stream, { end: true });
  const end = () => pod.destroy();
  // The pod's side has said all: what the caller would still send reaches nobody.
  pod.once('end', end);
  stream.once('close', end);
  stream.once('error', end);
  await new Promise<void>((resolve) => pod.once('close', () => resolve()));
  stream.off('close', end);
  stream.off('error', end);
  if (failure !== undefined && pod.bytesRead === 0) throw refused(port, failure);
}
