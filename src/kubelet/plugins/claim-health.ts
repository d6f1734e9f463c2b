// How the devices of claims are, as their drivers tell it all the time: what is not told again grows stale.
// https://kep.k8s.io/4680
import type { Clock, Timer } from '../../host/clock.ts';
import type { ResourceHealth } from '../../resources/generated/core-v1.ts';

/** Of a driver that does not say how long its word holds. */
const HOLDS_SECONDS = 30;
const MAX_MESSAGE = 1024;

/** As a driver tells it: 1 is healthy, 2 is not, all else is unknown. */
export interface ToldHealth {
  readonly devices: readonly {
    readonly device: { readonly pool_name: string; readonly device_name: string } | null;
    readonly health: number;
    readonly health_check_timeout_seconds: number;
    readonly message: string;
  }[];
}

interface Known {
  readonly health: string;
  readonly message: string;
  readonly until: number;
}

const WORDS = ['Unknown', 'Healthy', 'Unhealthy'];

function shortened(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 3)}...` : message;
}

export class ClaimHealth {
  private readonly drivers = new Map<string, Map<string, Known>>();
  private readonly timers = new Map<string, Timer>();

  constructor(
    private readonly clock: Clock,
    /** What was known of a driver's devices is another now. */
    private readonly onChange: (driver: string) => void,
  ) {}

  told(driver: string, { devices }: ToldHealth): void {
    const known = this.drivers.get(driver) ?? new Map<string, Known>();
    this.drivers.set(driver, known);
    let changed = false;
    for (const { device, health, message, health_check_timeout_seconds: seconds } of devices) {
      const key = `${device?.pool_name ?? ''}/${device?.device_name ?? ''}`;
      const next = {
        health: WORDS[health] ?? 'Unknown',
        message: shortened(message),
        until: this.clock.now() + (seconds > 0 ? seconds : HOLDS_SECONDS) * 1000,
      };
      const before = this.current(driver, key);
      if (before?.health !== next.health || before.message !== next.message) changed = true;
      known.set(key, next);
    }
    if (changed) this.onChange(driver);
    this.expect(driver);
  }

  /** Looks again when the first word has grown stale. */
  private expect(driver: string): void {
    this.timers.get(driver)?.cancel();
    this.timers.delete(driver);
    const now = this.clock.now();
    const ends = [...(this.drivers.get(driver)?.values() ?? [])].map((k) => k.until).filter((until) => until > now);
    if (ends.length === 0) return;
    const again = (): void => {
      this.onChange(driver);
      this.expect(driver);
    };
    this.timers.set(driver, this.clock.setTimer(Math.min(...ends) - now + 1, again));
  }

  private current(driver: string, key: string): Known | undefined {
    const known = this.drivers.get(driver)?.get(key);
    return known !== undefined && known.until > this.clock.now() ? known : undefined;
  }

  of(driver: string, pool: string, device: string): Omit<ResourceHealth, 'resourceID'> {
    const known = this.current(driver, `${pool}/${device}`);
    if (known === undefined) return { health: 'Unknown' };
    return { health: known.health, ...(known.message === '' ? {} : { message: known.message }) };
  }

  /** Nobody tells of its devices any more. */
  forget(driver: string): void {
    this.timers.get(driver)?.cancel();
    this.timers.delete(driver);
    if (this.drivers.delete(driver)) this.onChange(driver);
  }

  stop(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}
