// What this host lacks to run containers, each with the command that mends it.
import { readFile } from 'node:fs/promises';
import { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
import { missingControllers } from './cgroup-root.ts';
import { appArmorEnabled, hasCapability } from './machine.ts';
import { findProgram } from './programs.ts';
import { missingForShutdown, runsSystemd } from './shutdown-watch.ts';

export interface DoctorFinding {
  readonly subject: string;
  readonly ok: boolean;
  /** Without it nothing runs; otherwise something works less well. */
  readonly required: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

interface ProgramFact {
  readonly name: string;
  readonly debianPackage: string;
  readonly required: boolean;
  readonly purpose: string;
}

const PROGRAMS: readonly ProgramFact[] = [
  { name: 'crun', debianPackage: 'crun', required: true, purpose: 'starts containers' },
  {
    name: 'conmon',
    debianPackage: 'conmon',
    required: true,
    purpose: 'holds the output of containers and records their ends',
  },
  { name: 'nft', debianPackage: 'nftables', required: true, purpose: 'publishes host ports and Services' },
  { name: 'mount', debianPackage: 'mount', required: true, purpose: 'mounts root file systems' },
  {
    name: 'conntrack',
    debianPackage: 'conntrack',
    required: false,
    purpose: 'UDP clients of Services leave an endpoint that went at once',
  },
];

const BOOT_WITH_MEMORY =
  'boot the kernel with cgroup_enable=memory cgroup_memory=1; inside a container, delegate them to it';

async function controllerFinding(layout: CgroupLayout): Promise<DoctorFinding> {
  const missing = await missingControllers(layout);
  const ok = missing.length === 0;
  return {
    subject: 'cgroup controllers',
    ok,
    required: true,
    detail: ok ? 'cpu, memory and pids are there' : `missing: ${missing.join(', ')}`,
    ...(ok ? {} : { remedy: BOOT_WITH_MEMORY }),
  };
}

/** Only where systemd ends the host: elsewhere nothing tells of it. */
function shutdownFindings(): DoctorFinding[] {
  if (!runsSystemd()) return [];
  const missing = missingForShutdown();
  const ok = missing.length === 0;
  return [
    {
      subject: 'shutdown of the host',
      ok,
      required: false,
      detail: ok
        ? 'pods are ended in order first, within InhibitDelayMaxSec of logind.conf (5 s when nothing is said)'
        : `not found: ${missing.join(', ')}: pods are not ended in order first`,
      ...(ok ? {} : { remedy: 'apt-get install -y systemd util-linux' }),
    },
  ];
}

/** What isolates pods better where it is there. */
async function isolationFindings(): Promise<DoctorFinding[]> {
  const most = Number(await readFile('/proc/sys/user/max_user_namespaces', 'utf8').catch(() => '0'));
  const findings: DoctorFinding[] = [
    {
      subject: 'user namespaces',
      ok: most > 0,
      required: false,
      detail: most > 0 ? 'allowed' : 'forbidden: pods with hostUsers: false do not start',
      ...(most > 0 ? {} : { remedy: 'sysctl -w user.max_user_namespaces=15000' }),
    },
  ];
  if (!(await appArmorEnabled())) return findings;
  const parser = findProgram('apparmor_parser');
  findings.push({
    subject: 'AppArmor',
    ok: parser !== undefined,
    required: false,
    detail: parser ?? 'enforced by the kernel, but without apparmor_parser containers run unconfined',
    ...(parser === undefined ? { remedy: 'apt-get install -y apparmor' } : {}),
  });
  return findings;
}

export async function examineHost(): Promise<DoctorFinding[]> {
  const findings: DoctorFinding[] = [];
  const root = process.getuid?.() === 0;
  findings.push({
    subject: 'root',
    ok: root,
    required: true,
    detail: root ? 'running as root' : 'containers need root',
    ...(root ? {} : { remedy: 'sudo minke up' }),
  });
  for (const program of PROGRAMS) {
    const path = findProgram(program.name);
    findings.push({
      subject: program.name,
      ok: path !== undefined,
      required: program.required,
      detail: path ?? `not found: ${program.purpose}`,
      ...(path === undefined ? { remedy: `apt-get install -y ${program.debianPackage}` } : {}),
    });
  }
  const layout = await detectCgroups();
  findings.push({
    subject: 'cgroups',
    ok: layout.mode !== 'none',
    required: true,
    detail: `layout: ${layout.mode}`,
    ...(layout.mode === 'none' ? { remedy: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' } : {}),
  });
  findings.push(await controllerFinding(layout));
  findings.push(...(await isolationFindings()));
  const filesystems = await readFile('/proc/filesystems', 'utf8').catch(() => '');
  const overlay = /\boverlay$/m.test(filesystems);
  findings.push({
    subject: 'overlayfs',
    ok: overlay,
    required: true,
    detail: overlay ? 'known to the kernel' : 'the kernel has no overlayfs loaded',
    ...(overlay ? {} : { remedy: 'modprobe overlay' }),
  });
  for (const [name, required, detail] of [
    ['CAP_SYS_ADMIN', true, 'needed for mounts and namespaces'],
    ['CAP_NET_ADMIN', true, 'needed for the pod network'],
    ['CAP_SYS_RESOURCE', false, 'without it containers cannot get a negative oom_score_adj'],
  ] as const) {
    const ok = await hasCapability(name);
    findings.push({ subject: name, ok, required, detail: ok ? 'held' : detail });
  }
  findings.push(...shutdownFindings());
  return findings;
}
