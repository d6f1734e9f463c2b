// The servers that names of elsewhere are asked of: those that were named, or those of the host's resolv.conf, read again when it changes.
import { readFile, stat } from 'node:fs/promises';
import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../../host/clock.ts';

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

/** Names of elsewhere are asked of the host's servers, of nobody, or of these. */
export type ForwardTo = 'host' | 'none' | readonly Upstream[];

const PORT = 53;
export const upstreamText = ({ address, port }: Upstream): string =>
  isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;

function parseUpstream(text: string): Upstream {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = isIP(text) === 6 ? text : (bracketed ?? plain ?? '');
  const number = port === undefined ? PORT : Number(port);
  if (isIP(address) === 0 || number < 1 || number > 65_535)
    throw new Error(
      `takes host, none, or addresses such as 192.0.2.53 or 192.0.2.53:5353, not ${JSON.stringify(text)}`,
    );
  return { address, port: number };
}

/** Throws with what it takes, for texts that are none of that. */
export function parseForwardTo(text: string): ForwardTo {
  if (text === 'host' || text === 'none') return text;
  return text.split(',').map((one) => parseUpstream(one.trim()));
}

/** The servers that a resolv.conf names. https://man7.org/linux/man-pages/man5/resolv.conf.5.html */
export function serversOf(resolvConf: string): Upstream[] {
  return resolvConf.split('\n').flatMap((line) => {
    const [word, address = ''] = line.trim().split(/\s+/);
    return word === 'nameserver' && isIP(address) !== 0 ? [{ address, port: PORT }] : [];
  });
}

export interface UpstreamOptions {
  readonly to: ForwardTo;
  readonly resolvConf: string;
  readonly clock: Clock;
  /** Where we ourselves answer: to ask there would have no end. */
  readonly isSelf: (upstream: Upstream) => boolean;
}

const LOOK_MS = 2000;

/** Answers which servers there are now. */
export function upstreamsOf(options: UpstreamOptions): () => Promise<readonly Upstream[]> {
  const { to, resolvConf, clock, isSelf } = options;
  if (to !== 'host') {
    const named = to === 'none' ? [] : to.filter((one) => !isSelf(one));
    return async () => named;
  }
  let [found, version, looked]: [readonly Upstream[], string, number] = [[], '', Number.NEGATIVE_INFINITY];
  return async () => {
    if (clock.now() - looked < LOOK_MS) return found;
    looked = clock.now();
    const now = await stat(resolvConf).then(
      ({ mtimeMs, ino, size }) => `${mtimeMs} ${ino} ${size}`,
      () => 'absent',
    );
    if (now === version) return found;
    version = now;
    found = serversOf(await readFile(resolvConf, 'utf8').catch(() => '')).filter((one) => !isSelf(one));
    return found;
  };
}
