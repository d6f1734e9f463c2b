// Files below /var/log, as `kubectl get --raw /api/v1/nodes/N/proxy/logs/` shows them. Links are not followed: a pod may have put them there.
import { constants } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { openInRoot } from '../../host/files.ts';
import type { StreamBody, WireResponse } from '../../machinery/http.ts';
import { TEXT, text } from './answers.ts';

const HOST_LOGS = '/var/log';
const MISSING = '404 page not found\n';

/** What the path is, if no part of it is a link. */
async function kindOf(root: string, parts: readonly string[]): Promise<'directory' | 'file' | undefined> {
  for (let n = 1; n <= parts.length; n++) {
    const info = await lstat(path.join(root, ...parts.slice(0, n))).catch(() => undefined);
    if (info === undefined || !(info.isDirectory() || info.isFile())) return undefined;
    if (n === parts.length) return info.isDirectory() ? 'directory' : 'file';
  }
  return 'directory';
}

function shown(name: string): string {
  const escaped = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return `<a href="${encodeURI(name)}">${escaped}</a>\n`;
}

export async function hostLogs(parts: readonly string[], root = HOST_LOGS): Promise<WireResponse> {
  if (parts.some((p) => p === '..' || p === '.' || p.includes('/') || p.includes('\0')))
    return text(400, 'invalid path');
  const kind = await kindOf(root, parts);
  if (kind === undefined) return text(404, MISSING);
  if (kind === 'directory') {
    const entries = await readdir(path.join(root, ...parts), { withFileTypes: true });
    const names = entries.map((e) => e.name + (e.isDirectory() ? '/' : '')).sort();
    return text(200, `<pre>\n${names.map(shown).join('')}</pre>\n`, { 'content-type': 'text/html; charset=utf-8' });
  }
  const handle = await openInRoot(root, parts.join('/'), constants.O_RDONLY | constants.O_NONBLOCK);
  const stream = handle.createReadStream();
  const body: StreamBody = {
    start(sink) {
      stream.on('data', (chunk) => {
        if (sink.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)) return;
        stream.pause();
        sink.onDrain(() => stream.resume());
      });
      sink.onClose(() => stream.destroy());
      stream.on('end', () => sink.end());
      stream.on('error', () => sink.end());
    },
  };
  return { status: 200, headers: TEXT, body };
}
