// Requests that a busy server puts off.
import { describe, expect, it } from 'vitest';
import type { Transport, WireRequest } from '../machinery/http.ts';
import { HandClock } from './fake/hand-clock.ts';
import { patient } from './patience.ts';

const request: WireRequest = { method: 'GET', path: '/api', query: new URLSearchParams(), headers: {} };

/** Answers with these statuses in turn, the last one for ever. */
function busy(statuses: readonly number[], headers: Record<string, string>): { transport: Transport; seen: number[] } {
  const seen: number[] = [];
  const transport: Transport = async () => {
    const status = statuses[Math.min(seen.length, statuses.length - 1)] ?? 200;
    seen.push(status);
    return { status, headers: status === 200 ? {} : headers, body: new Uint8Array() };
  };
  return { transport, seen };
}

describe('a patient transport', () => {
  it('sends again after the time that the server asked for', async () => {
    const clock = new HandClock();
    const { transport, seen } = busy([429, 503, 200], { 'retry-after': '2' });
    const answer = patient(transport, clock)(request);
    await clock.advance(1999);
    expect(seen).toEqual([429]);
    await clock.advance(1);
    await clock.advance(2000);
    expect((await answer).status).toBe(200);
    expect(seen).toEqual([429, 503, 200]);
  });

  it('takes an answer without Retry-After as it is', async () => {
    const { transport, seen } = busy([429], {});
    expect((await patient(transport, new HandClock())(request)).status).toBe(429);
    expect(seen).toEqual([429]);
  });

  it('gives up in the end', async () => {
    const { transport, seen } = busy([429], { 'retry-after': '0' });
    expect((await patient(transport)(request)).status).toBe(429);
    expect(seen).toHaveLength(11);
  });
});
