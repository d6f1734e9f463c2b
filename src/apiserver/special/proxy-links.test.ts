// Links of pages and redirects that come through a proxy.
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { pageThroughProxy, throughProxy } from './proxy-links.ts';

const place = { backend: '10.0.0.5:80', host: 'api:6443', prefix: '/api/v1/namespaces/n/pods/p/proxy' };

describe('a link', () => {
  test.each([
    ['/rewriteme', '/api/v1/namespaces/n/pods/p/proxy/rewriteme'],
    ['/a/b/?c=/d#e', '/api/v1/namespaces/n/pods/p/proxy/a/b/?c=/d#e'],
    ['/', '/api/v1/namespaces/n/pods/p/proxy/'],
    ['http://10.0.0.5:80/x', '/api/v1/namespaces/n/pods/p/proxy/x'],
    ['https://api:6443/x', 'https://api:6443/api/v1/namespaces/n/pods/p/proxy/x'],
    ['/a/../b', '/api/v1/namespaces/n/pods/p/proxy/b'],
  ])('%s that leads to the same server goes through the proxy', (link, led) => {
    expect(throughProxy(link, place)).toBe(led);
  });

  test.each(['relative/path', '?q', '#top', '', 'http://example.org/x', 'mailto:a@b.c', 'javascript:void(0)'])(
    '%s stays as it is',
    (link) => expect(throughProxy(link, place)).toBe(link),
  );

  test('that has the way through the proxy already stays as it is', () => {
    expect(throughProxy(`${place.prefix}/x`, place)).toBe(`${place.prefix}/x`);
  });
});

const PAGE =
  '<!doctype html><A HREF="/x&amp;y" class=b>t</A><img src=\'/i.png\'><a href="far">é</a><script>"/no"</script>';
const LED = `<!doctype html><a href="${place.prefix}/x&amp;y" class="b">t</A><img src="${place.prefix}/i.png"><a href="far">é</a><script>"/no"</script>`;
async function read(coming: Promise<Readable | undefined>): Promise<string> {
  const page = await coming;
  return page === undefined ? '' : text(page);
}

describe('a page', () => {
  test('has the links of its tags led through the proxy, and is otherwise as it was, however it comes in pieces', async () => {
    const bytes = Buffer.from(PAGE);
    for (const size of [1, 7, bytes.length]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      expect(await read(pageThroughProxy(Readable.from(pieces, { objectMode: false }), '', place))).toBe(LED);
    }
  });

  test('that is compressed is compressed again, and left alone where nobody knows how', async () => {
    const page = await pageThroughProxy(Readable.from([gzipSync(PAGE)], { objectMode: false }), 'gzip', place);
    const chunks: Buffer[] = [];
    for await (const chunk of page ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
    expect(gunzipSync(Buffer.concat(chunks)).toString('utf8')).toBe(LED);
    expect(await pageThroughProxy(Readable.from([]), 'br', place)).toBeUndefined();
  });
});
