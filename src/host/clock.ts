// Time and chance, handed in rather than reached for.
import { randomBytes, randomUUID } from 'node:crypto';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimer(ms: number, callback: () => void): Timer;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  uuid(): string;
  /** `n` characters of Kubernetes' safe alphabet (no vowels, no look-alikes). */
  suffix(n: number): string;
  /** In [0, 1). */
  float(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(ms, callback) {
    const t = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(t) };
  },
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(t);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const t = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  suffix(n) {
    let out = '';
    for (const b of randomBytes(n)) out += ALPHABET[b % ALPHABET.length];
    return out;
  },
  float: () => Math.random(),
};
