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

/** The longest that Node waits, 24.8 days; what is longer it calls at once. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Waits as long as it is told to, whatever that is. */
function setTimer(ms: number, callback: () => void): Timer {
  const due = Date.now() + ms;
  const wait = (left: number) =>
    left <= LONGEST_WAIT_MS
      ? setTimeout(callback, left)
      : setTimeout(() => {
          timer = wait(due - Date.now());
        }, LONGEST_WAIT_MS);
  let timer = wait(ms);
  return { cancel: () => clearTimeout(timer) };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer,
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimer(ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Random bytes are fetched in bulk: a call for each name costs more than all the rest of making it. */
let pool = new Uint8Array(0);
let used = 0;

function randomByte(): number {
  if (used >= pool.length) {
    pool = randomBytes(4096);
    used = 0;
  }
  return pool[used++] ?? 0;
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  suffix(n) {
    let out = '';
    for (let i = 0; i < n; i++) out += ALPHABET[randomByte() % ALPHABET.length];
    return out;
  },
  float: () => Math.random(),
};
