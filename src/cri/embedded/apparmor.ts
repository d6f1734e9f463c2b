// AppArmor for containers: the default profile, which is loaded when the first container wants it, and profiles that the host has loaded.
// https://kubernetes.io/docs/tutorials/security/apparmor/
import { readFile } from 'node:fs/promises';
import { findProgram } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import type { LinuxSecurity } from '../port.ts';

const PARSER = 'apparmor_parser';
const LOADED = '/sys/kernel/security/apparmor/profiles';

/**
 * What container runtimes let their containers do by default: files, network and capabilities go by the other rules, but nothing of the
 * kernel's settings is written, nothing is mounted, and only processes of the same profile are traced.
 * It includes nothing, so that it loads where no profiles are installed. https://docs.docker.com/engine/security/apparmor/
 */
export function defaultProfile(name: string): string {
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  unix,
  signal (receive) peer=unconfined,
  signal (receive) peer={crun,runc,conmon},
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},
  deny mount,
  deny /proc/* w,
  deny /proc/sys/** wklx,
  deny /proc/{sysrq-trigger,kcore,mem,kmem} rwklx,
  deny /sys/{firmware,kernel/security}/** rwklx,
  # Everything else of /sys but /sys/fs/cgroup.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
}
`;
}

export interface AppArmorOptions {
  /** The name of the default profile. */
  readonly profile: string;
  /** Whether the kernel enforces AppArmor. */
  readonly enabled: boolean;
  readonly run: RunProgram;
  readonly log: (message: string) => void;
}

export class AppArmor {
  readonly #options: AppArmorOptions;
  #default: Promise<string> | undefined;

  constructor(options: AppArmorOptions) {
    this.#options = options;
  }

  /** The profile that a container runs under; undefined: none. */
  async profileOf(security: LinuxSecurity): Promise<string | undefined> {
    const { enabled } = this.#options;
    const type = security.apparmor?.type;
    if (type === 'Unconfined') return undefined;
    if (type === undefined && (!enabled || security.privileged || findProgram(PARSER) === undefined)) return undefined;
    if (!enabled) throw new Error('apparmor is not supported');
    if (type === 'Localhost') return this.#loaded(security.apparmor?.localhostProfile ?? '');
    this.#default ??= this.#load();
    try {
      return await this.#default;
    } catch (error) {
      // Nobody asked for it: a host whose parser does not work runs pods as one without a parser does.
      if (type === undefined) return this.#complain(error);
      this.#default = undefined;
      throw error;
    }
  }

  #complained = false;

  #complain(error: unknown): undefined {
    if (!this.#complained) this.#options.log(`containers run without an AppArmor profile: ${String(error)}`);
    this.#complained = true;
    return undefined;
  }

  async #loaded(name: string): Promise<string> {
    const list = await readFile(LOADED, 'utf8').catch(() => undefined);
    // One per line: `name (enforce)`. A host that does not show them is believed.
    const known = list?.split('\n').some((line) => line.slice(0, line.lastIndexOf(' (')) === name) ?? true;
    if (!known) throw new Error(`apparmor profile not found ${name}`);
    return name;
  }

  async #load(): Promise<string> {
    const { profile, run } = this.#options;
    if (findProgram(PARSER) === undefined)
      throw new Error(`apparmor is not supported: ${PARSER} is not on this host (apt-get install apparmor)`);
    await run(PARSER, ['-K', '-r'], { stdin: defaultProfile(profile) });
    return profile;
  }

  /** Takes the default profile out of the kernel. */
  async remove(): Promise<void> {
    const { profile, run, enabled, log } = this.#options;
    if (!enabled || findProgram(PARSER) === undefined) return;
    const list = await readFile(LOADED, 'utf8').catch(() => '');
    if (!list.includes(`${profile} (`)) return;
    await run(PARSER, ['-R'], { stdin: defaultProfile(profile) }).catch((error: unknown) => log(String(error)));
  }
}
