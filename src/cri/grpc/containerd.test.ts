// The gRPC runtime against Debian's containerd, under the suite that all runtimes share.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detectCgroups, mendHybrid } from '../../host/cgroup-layout.ts';
import { Cgroups } from '../../host/cgroups.ts';
import { systemClock } from '../../host/clock.ts';
import { exists } from '../../host/files.ts';
import { goArchitecture } from '../../host/machine.ts';
import { unmountBelow } from '../../host/mounts.ts';
import { removeEmptyNatTables } from '../../host/nat-tables.ts';
import { findProgram, runProgram } from '../../host/programs.ts';
import { writeBusyboxArchive } from '../busybox-image.ts';
import { type RuntimeUnderTest, runtimeConformance } from '../conformance/index.ts';
import { pauseProgram } from '../embedded/pause.ts';
import { GrpcImages } from './images.ts';
import { GrpcRuntime } from './runtime.ts';
import { exitCodeOf } from './streaming.ts';
import { CriConnection } from './wire.ts';

const CNI = '/usr/lib/cni';
const BRIDGE = 'mkcdbr0';

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const name of ['containerd', 'ctr', 'crun', 'ip', 'busybox'])
    if (findProgram(name) === undefined) return `needs ${name}`;
  return undefined;
}

function configuration(root: string): string {
  return `version = 2
root = "${root}/root"
state = "${root}/state"
[grpc]
  address = "${root}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/minke-pause:1"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  drain_exec_sync_io_timeout = "1s"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI}"
    conf_dir = "${root}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "crun"
`;
}

function network(root: string): string {
  const ipam = {
    type: 'host-local',
    dataDir: `${root}/ipam`,
    ranges: [[{ subnet: '10.233.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const bridge = { type: 'bridge', bridge: BRIDGE, isGateway: true, ipMasq: false, ipam };
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'mkcd',
    plugins: [bridge, { type: 'portmap', capabilities: { portMappings: true } }],
  });
}

async function openContainerd(): Promise<RuntimeUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'minke-containerd-'));
  const { layout } = await mendHybrid(await detectCgroups());
  await mkdir(join(root, 'cni'));
  await writeFile(join(root, 'cni', '10-mkcd.conflist'), network(root));
  await writeFile(join(root, 'config.toml'), configuration(root));
  const daemon = spawn('containerd', ['--config', join(root, 'config.toml')], { stdio: 'ignore' });
  const socket = join(root, 'containerd.sock');
  for (let i = 0; i < 200 && !(await exists(socket)); i += 1) await systemClock.sleep(50);
  const program = new Uint8Array(pauseProgram(goArchitecture()));
  const extra = [{ header: { name: 'pause', size: program.length, mode: 0o755 }, body: program }];
  const load = async (name: string, command: readonly string[]) => {
    const archive = join(root, 'image.tar');
    await writeBusyboxArchive(archive, goArchitecture(), { name, command, extra });
    await runProgram('ctr', ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', archive]);
  };
  await load('docker.io/library/minke-pause:1', ['/pause']);
  await load('docker.io/library/busybox:latest', ['sh']);
  const connection = new CriConnection(`unix://${socket}`);
  const image = (await new GrpcImages(connection).imageStatus('busybox'))?.id ?? '';
  const runtime = new GrpcRuntime({ connection, clock: systemClock, cgroupRoot: '/mkcd', log: () => undefined });
  const close = async () => {
    runtime.close();
    connection.close();
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
    await new Cgroups(layout).remove('/mkcd');
    await unmountBelow(root);
    if ((await readdir('/sys/class/net')).includes(BRIDGE)) await runProgram('ip', ['link', 'del', BRIDGE]);
    await removeEmptyNatTables();
    await rm(root, { recursive: true, force: true });
  };
  return { runtime, image, close };
}

const skip = whyNot();

runtimeConformance({
  name: 'containerd over gRPC',
  ...(skip === undefined ? {} : { skip }),
  processes: true,
  forever: ['sleep', '100000'],
  exit: (code) => ['sh', '-c', `exit ${code}`],
  missing: ['/no/such/program'],
  // Before 1.7 it has none: what changes is found by looking again, which leaves out short lives.
  events: false,
  // It speaks the fourth channel protocol, which cannot close the input.
  closesInput: false,
  foreign: true,
  open: openContainerd,
});

test('the status of a remote command carries its exit code', () => {
  expect(exitCodeOf('{"metadata":{},"status":"Success"}')).toBe(0);
  const causes = [{ reason: 'ExitCode', message: '42' }];
  expect(exitCodeOf(JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes } }))).toBe(42);
  expect(() => exitCodeOf('{"status":"Failure","message":"no such container"}')).toThrow('no such container');
});
