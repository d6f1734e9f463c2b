// Whatever way the bytes of a watch are cut, its events are counted once.
import { expect, it } from 'vitest';
import { LineCounter, splitHead } from './lines.ts';

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

it('splits the head of an answer from what follows', () => {
  const { status, body } = splitHead(Buffer.from('HTTP/1.1 200 OK\r\na: b\r\n\r\n2\r\n{'));
  expect([status, body.toString()]).toEqual([200, '2\r\n{']);
});

it('counts the events of a chunked answer wherever the reads cut it', () => {
  const bytes = Buffer.from(chunk('{"a":{}}\n') + chunk('{"b":"}"}\n{"c":1}\n') + chunk('{"d":2}\n'));
  for (let size = 1; size <= bytes.length; size++) {
    const counter = new LineCounter();
    let events = 0;
    for (let at = 0; at < bytes.length; at += size) events += counter.take(bytes.subarray(at, at + size));
    expect(events).toBe(4);
  }
});
