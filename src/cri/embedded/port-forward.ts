// One forwarded connection into a pod's network namespace, to what listens on its localhost.
import { startProgram } from '../../host/programs.ts';
import type { PortStream } from '../../machinery/streams.ts';
import { RuntimeError } from '../port.ts';

/** Seconds for which socat keeps the other direction open after one side has ended. */
const HALF_CLOSE_SECONDS = 60;

export async function forwardPort(netns: string | undefined, port: number, stream: PortStream): Promise<void> {
  // `shut-down`: Node's pipes are sockets, and only so does the end of the pod's side show while the caller's is still open.
  const socat = ['socat', '-t', String(HALF_CLOSE_SECONDS), 'STDIO,shut-down', `TCP:localhost:${port}`];
  const [program = '', ...args] = netns === undefined ? socat : ['nsenter', `--net=${netns}`, '--', ...socat];
  const child = startProgram(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (said.length < 2000) said += chunk.toString('utf8');
  });
  let received = false;
  child.stdout?.on('data', () => {
    received = true;
  });
  if (child.stdin !== null) {
    child.stdin.on('error', () => undefined); // the other side closed
    stream.pipe(child.stdin);
  }
  child.stdout?.pipe(stream, { end: true });
  const end = () => child.kill('SIGKILL');
  // The pod's side has said all: what the caller would still send reaches nobody.
  child.stdout?.once('end', end);
  stream.once('close', end);
  stream.once('error', end);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(exitCode ?? 0));
  });
  stream.off('close', end);
  stream.off('error', end);
  if (code === 0 || received) return;
  const reason = /: (Connection refused|Connection timed out|No route to host)/.exec(said)?.[1]?.toLowerCase();
  const why = reason === undefined ? said.trim() : `connect: ${reason}`;
  throw new RuntimeError(
    'internal',
    `failed to connect to localhost:${port} inside namespace: dial tcp 127.0.0.1:${port}: ${why}`,
  );
}
