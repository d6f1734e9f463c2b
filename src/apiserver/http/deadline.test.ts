// How long a client waits: what `?timeout=` takes, and what happens when it is over.
import { describe, expect, test } from 'vitest';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import { answerInTime, checkDeadline, deadlineOf } from './deadline.ts';
import { parseRequestInfo } from './request-info.ts';

const asked = (url: string): number | undefined => {
  const [path = '', text = ''] = url.split('?');
  const query = new URLSearchParams(text);
  return deadlineOf(query, parseRequestInfo({ method: 'GET', path, query, headers: {} }));
};

describe('a timeout', () => {
  test.each([
    ['/api/v1/pods', undefined],
    ['/api/v1/pods?timeout=', undefined],
    ['/api/v1/pods?timeout=1.5s', 1500],
    ['/api/v1/pods?timeout=0', undefined],
    ['/api/v1/pods?timeout=-1s', undefined],
    ['/api/v1/pods?timeout=1h', undefined],
    ['/api/v1/pods?timeout=x&watch=1', undefined],
    ['/api/v1/namespaces/a/pods/p/log?timeout=x', undefined],
    ['/version?timeout=2m', undefined],
    ['/version?timeout=300ms', 300],
  ])('%s gives %s', (url, expected) => {
    expect(asked(url)).toBe(expected);
  });

  test.each([
    ['5', 'missing unit in duration "5"'],
    ['x', 'invalid duration "x"'],
    ['1x', 'unknown unit "x" in duration "1x"'],
    ['1h2', 'missing unit in duration "1h2"'],
    ['.s', 'invalid duration ".s"'],
    ['9999999999h', 'invalid duration "9999999999h"'],
  ])('of %s is refused', (text, problem) => {
    expect(() => asked(`/api/v1/pods?timeout=${text}`)).toThrow(
      `invalid timeout specified in the request URL - time: ${problem}`,
    );
  });
});

describe('a request', () => {
  const request: WireRequest = { method: 'POST', path: '/', query: new URLSearchParams(), headers: {} };
  const good: WireResponse = { status: 200, headers: {}, body: new Uint8Array(0) };

  test('is answered when it is quick enough', async () => {
    const deadline = new AbortController().signal;
    await expect(answerInTime(request, deadline, () => Promise.resolve(good))).resolves.toBe(good);
  });

  test('is told that it was too slow, and writes nothing after that', async () => {
    const over = new AbortController();
    let seen: WireRequest | undefined;
    const answer = answerInTime(request, over.signal, (limited) => {
      seen = limited;
      return new Promise(() => undefined);
    });
    expect(() => checkDeadline(seen ?? request)).not.toThrow();
    over.abort();
    expect((await answer).status).toBe(504);
    expect(() => checkDeadline(seen ?? request)).toThrow(/did not complete within requested timeout/);
  });
});
