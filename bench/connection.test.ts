// Whatever way the bytes of answers are cut, each is read once and whole.
import { expect, it } from 'vitest';
import { AnswerReader } from './connection.ts';

const answer = (status: number, body: string) =>
  `HTTP/1.1 ${status} X\r\nA: b\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

it('reads one answer after the other wherever the reads cut them', () => {
  const answers = [answer(200, '{"a":1}'), answer(404, ''), answer(201, 'x'.repeat(50))];
  for (let size = 1; size <= 120; size++) {
    const reader = new AnswerReader();
    const read: [number, string][] = [];
    for (const text of answers) {
      const bytes = Buffer.from(text);
      let body = '';
      for (let at = 0; at < bytes.length; at += size) {
        const status = reader.read(bytes.subarray(at, at + size), (b) => {
          body += b.toString();
        });
        if (status !== undefined) read.push([status, body]);
      }
    }
    expect(read).toEqual([
      [200, '{"a":1}'],
      [404, ''],
      [201, 'x'.repeat(50)],
    ]);
  }
});

it('refuses what tells no length and what is longer than it tells', () => {
  const none = () => undefined;
  expect(() => new AnswerReader().read(Buffer.from('HTTP/1.1 200 OK\r\na: b\r\n\r\n'), none)).toThrow('length');
  expect(() => new AnswerReader().read(Buffer.from(`${answer(200, 'ab')}c`), none)).toThrow('more bytes');
});
