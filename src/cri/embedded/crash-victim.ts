// A process for the crash test: runs pods in a loop until it is killed in the middle of it.
import { containerConfig, podConfig } from '../test-configs.ts';
import { openTestbed } from './testbed.ts';

const [directory = '', name = '', octet = '0', rounds = '0'] = process.argv.slice(2);

const sandbox = (uid: string) =>
  podConfig(uid, {
    hostname: 'h',
    logDirectory: `${directory}/logs/${uid}`,
    portMappings: [
      { protocol: 'TCP', containerPort: 80, hostPort: 20_000 + Math.floor(Math.random() * 10_000), hostIp: '' },
    ],
    resources: { cpuShares: 2 },
  });

const bed = await openTestbed({ name, octet: Number(octet), directory });
const { runtime } = await bed.open();
// Pods begin once there is a process that starts programs.
await runtime.version();
process.stdout.write('open\n');
const kept: string[] = [];

async function startPod(uid: string): Promise<void> {
  const config = sandbox(uid);
  const pod = await runtime.runPodSandbox(config);
  kept.push(pod);
  const id = await runtime.createContainer(pod, containerConfig(bed.image, ['sleep', '100000']), config);
  await runtime.startContainer(id);
  process.stdout.write(`running ${pod} ${id}\n`);
}

for (let i = 0; i < Number(rounds); i += 1) {
  // Whoever kills what this runtime starts makes pods fail; that is no reason to end.
  await startPod(`${process.pid}-${i}`).catch((error: unknown) => process.stdout.write(`failed ${String(error)}\n`));
  if (i % 3 === 2) {
    const victim = kept.shift() ?? '';
    process.stdout.write(`removing ${victim}\n`);
    await runtime.removePodSandbox(victim).catch((error: unknown) => process.stdout.write(`kept ${String(error)}\n`));
  }
}
await new Promise(() => setInterval(() => undefined, 1000));
