// Stop signals as images and pods write them: SIGTERM, TERM, 15, RTMIN+3.
import { constants } from 'node:os';

const SIGRTMIN = 34;
const SIGRTMAX = 64;

function lookUp(name: string): number | undefined {
  const real = /^SIGRT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (real !== null) {
    const value = (real[1] === 'MIN' ? SIGRTMIN : SIGRTMAX) + Number(real[2] ?? 0);
    return value >= SIGRTMIN && value <= SIGRTMAX ? value : undefined;
  }
  return Object.entries(constants.signals).find(([key]) => key === name)?.[1];
}

/** `SIGTERM` for `term`, `TERM`, `15`; throws when there is no such signal. */
export function signalName(text: string): string {
  if (/^\d+$/.test(text)) {
    const value = Number(text);
    const name = Object.entries(constants.signals).find(([, number]) => number === value)?.[0];
    if (name === undefined && (value < SIGRTMIN || value > SIGRTMAX))
      throw new Error(`failed to parse stop signal "${text}"`);
    return name ?? `SIGRTMIN+${value - SIGRTMIN}`;
  }
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  if (lookUp(name) === undefined) throw new Error(`failed to parse stop signal "${text}"`);
  return name;
}

export function signalNumber(name: string): number {
  return lookUp(name) ?? constants.signals.SIGTERM;
}
