// Tests of the limit on what a client asks at a time.
import { expect, it } from 'vitest';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { limited } from './limited.ts';

const request = (path: string): WireRequest => ({ method: 'GET', path, query: new URLSearchParams(), headers: {} });
const ANSWER: WireResponse = { status: 200, headers: {}, body: new Uint8Array(0) };

it('lets so many go at a time, the others in their order, and those after a failure too', async () => {
  let running = 0;
  let most = 0;
  const begun: string[] = [];
  const transport = limited(async ({ path }) => {
    begun.push(path);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (path === '/3') throw new Error('broken');
    return ANSWER;
  }, 4);
  const paths = Array.from({ length: 3000 }, (_, i) => `/${i}`);
  const results = await Promise.allSettled(paths.map((path) => transport(request(path))));
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect(begun).toEqual(paths);
  expect(most).toBe(4);
  await transport(request('/again'));
  expect(begun.at(-1)).toBe('/again');
});
