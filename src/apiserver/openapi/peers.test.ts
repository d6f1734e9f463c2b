// What other servers say: asked once a minute, and let go of when they do not answer.
import { expect, test } from 'vitest';
import { joined } from './merge.ts';
import { PeerDocuments } from './peers.ts';

const AT = { group: 'sea.example.com', version: 'v1' };

test('a server is asked again after a minute, and what it says again is the same object', async () => {
  let now = 0;
  let asked = 0;
  let description = 'a';
  const read = (): Promise<Buffer> => {
    asked++;
    const paths = { '/apis/sea.example.com/v1/whales': { description } };
    return Promise.resolve(Buffer.from(JSON.stringify({ paths })));
  };
  const documents = new PeerDocuments({ available: () => [AT], read }, () => now);
  const first = await documents.second();
  now = 59_000;
  expect(await documents.second()).toEqual(first);
  expect(asked).toBe(1);
  now = 61_000;
  expect((await documents.second())[0]).toBe(first[0]);
  expect(asked).toBe(2);
  description = 'b';
  now = 130_000;
  expect((await documents.second())[0]).not.toBe(first[0]);
});

test('a server that does not answer, or with no JSON, is not told of', async () => {
  const answers = [
    (): Promise<Buffer> => Promise.reject(new Error('gone')),
    () => Promise.resolve(Buffer.from('<html>')),
  ];
  for (const read of answers) {
    const documents = new PeerDocuments({ available: () => [AT], read }, () => 0);
    expect(await documents.index()).toEqual({});
    expect(await documents.third('apis/sea.example.com/v1')).toBeUndefined();
    expect(await documents.second()).toEqual([]);
  }
});

test('types that both describe alike are one, with the kinds of both', () => {
  const kind = (group: string) => ({ group, kind: 'DeleteOptions', version: 'v1' });
  const document = (group: string) => ({
    paths: { [`/apis/${group}/v1/x`]: { $ref: '#/definitions/Options' } },
    definitions: { Options: { type: 'object', 'x-kubernetes-group-version-kind': [kind(group)] } },
    parameters: {},
  });
  expect(joined(document('a'), document('b'))).toMatchObject({
    paths: { '/apis/a/v1/x': {}, '/apis/b/v1/x': { $ref: '#/definitions/Options' } },
    definitions: { Options: { 'x-kubernetes-group-version-kind': [kind('a'), kind('b')] } },
  });
});
