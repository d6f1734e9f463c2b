// Links that a proxied page or redirect has to its own server, led through the proxy instead.
// Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
import path from 'node:path/posix';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import type { RewritingStream } from 'parse5-html-rewriting-stream';

/** Where a proxied answer came from, and how the client came there. */
export interface ProxyPlace {
  /** `address:port` of the backend. */
  readonly backend: string;
  /** The Host header of the client's request. */
  readonly host: string;
  /** What stands in the client's path before the backend's own. */
  readonly prefix: string;
}

/** Attributes that hold a link, by tag. Source: https://html.spec.whatwg.org/multipage/indices.html#attributes-3 */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** A link with an absolute path on the backend, or on the host the client asked, is led through the proxy; others stay as they are. */
export function throughProxy(link: string, { backend, host, prefix }: ProxyPlace): string {
  const [, start = '', authority, rest = ''] = /^((?:[a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?)(.*)$/is.exec(link) ?? [];
  const [, linkPath = '', after = ''] = /^([^?#]*)(.*)$/s.exec(rest) ?? [];
  const elsewhere = authority !== undefined && authority !== '' && authority !== backend && authority !== host;
  if (elsewhere || !linkPath.startsWith('/')) return link;
  const origin = authority === host ? start : '';
  if (linkPath.startsWith(prefix)) return `${origin}${linkPath}${after}`;
  const joined = path.join(prefix, linkPath);
  return `${origin}${linkPath.endsWith('/') && !joined.endsWith('/') ? `${joined}/` : joined}${after}`;
}

async function rewriter(place: ProxyPlace): Promise<RewritingStream> {
  // Few clusters ever need it, and none at its start.
  const { RewritingStream } = await import('parse5-html-rewriting-stream');
  const stream = new RewritingStream();
  stream.on('startTag', (tag, raw) => {
    const names = Object.hasOwn(LINKS, tag.tagName) ? (LINKS[tag.tagName] ?? []) : [];
    let isChanged = false;
    for (const attribute of tag.attrs) {
      if (!names.includes(attribute.name)) continue;
      const led = throughProxy(attribute.value, place);
      if (led === attribute.value) continue;
      attribute.value = led;
      isChanged = true;
    }
    if (isChanged) stream.emitStartTag(tag);
    else stream.emitRaw(raw);
  });
  return stream;
}

const CODINGS = {
  gzip: { decode: createGunzip, encode: createGzip },
  deflate: { decode: createInflate, encode: createDeflate },
};

/** The page with its links led through the proxy; undefined where it is compressed in a way that is not known here. */
export async function pageThroughProxy(
  page: Readable,
  encoding: string,
  place: ProxyPlace,
): Promise<Readable | undefined> {
  const ignore = (): void => undefined; // Whoever reads the last stream is told.
  if (encoding !== '' && encoding !== 'gzip' && encoding !== 'deflate') return undefined;
  const links = await rewriter(place);
  if (encoding === '') {
    page.setEncoding('utf8');
    // The rewriting stream does not wait for its reader.
    return pipeline(page, links, new PassThrough(), ignore);
  }
  const coding = CODINGS[encoding];
  const decoded = pipeline(page, coding.decode(), ignore);
  decoded.setEncoding('utf8');
  return pipeline(decoded, links, coding.encode(), ignore);
}
