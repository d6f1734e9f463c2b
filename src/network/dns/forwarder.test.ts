// Names of elsewhere: whom they are asked of, how often, and for how long the answer is kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'dns-packet';
import { beforeEach, describe, expect, test } from 'vitest';
import { HandClock } from '../../client/index.ts';
import { ReplyCache } from './cache.ts';
import type { Exchange } from './exchange.ts';
import { type ForwardEvent, Forwarder } from './forwarder.ts';
import type { Transport } from './listen.ts';
import { type Query, readQuery } from './query.ts';
import { edns, question, read } from './testbed.ts';
import { parseForwardTo, serversOf, type Upstream, upstreamsOf } from './upstreams.ts';

const NAME = 'www.example.com';
const [A, B] = [
  { address: '192.0.2.1', port: 53 },
  { address: '192.0.2.2', port: 53 },
];

let clock: HandClock;
let sent: string[];
let events: ForwardEvent[];
let answers: (to: Upstream, via: Transport, message: Buffer) => Promise<Buffer>;

beforeEach(() => {
  clock = new HandClock(1_000_000);
  sent = [];
  events = [];
  answers = async (_to, _via, message) => reply(message, ['192.0.2.80'], 300);
});

function reply(message: Buffer, addresses: readonly string[], ttl: number, flags = 0x180): Buffer {
  const { id, questions } = read(message);
  const owner = questions?.[0]?.name ?? '';
  const more = addresses.map((data) => ({ name: owner, type: 'A', ttl, data }) as const);
  return encode({ type: 'response', id, flags, ...(questions === undefined ? {} : { questions }), answers: more });
}

function query(name = NAME, more: Parameters<typeof encode>[0] = {}): Query {
  const reading = readQuery(question(name, 'A', more));
  if (reading === undefined || !('query' in reading)) throw new Error('no question');
  return reading.query;
}

function forwarder(upstreams: readonly Upstream[] = [A, B]): Forwarder {
  const exchange: Exchange = (message, to, via) => {
    sent.push(`${via} ${to.address} ${message.readUInt16BE(0)}`);
    return answers(to, via, message);
  };
  let id = 100;
  const observe = (event: ForwardEvent) => void events.push(event);
  return new Forwarder({
    upstreams: async () => upstreams,
    exchange,
    clock,
    random: () => 0,
    identity: () => id++,
    observe,
  });
}

describe('a name of elsewhere', () => {
  test('is asked under a number of its own, and answered under that of the client', async () => {
    const answer = read(await forwarder().reply(query('WWW.Example.com'), 'udp'));
    expect(sent).toEqual(['udp 192.0.2.1 100']);
    expect(answer).toMatchObject({ id: 7, rcode: 'NOERROR', answers: [{ data: '192.0.2.80', ttl: 30 }] });
    expect(events).toEqual([
      { kind: 'cache', hit: false },
      { kind: 'sent', to: '192.0.2.1:53' },
      { kind: 'answered', to: '192.0.2.1:53', rcode: 0 },
    ]);
  });

  test('is known for as long as the answer holds, and for half a minute at most', async () => {
    const one = forwarder();
    await one.reply(query(), 'udp');
    await clock.advance(12_000);
    const again = read(await one.reply(query('wWw.example.COM'), 'tcp'));
    expect(again).toMatchObject({ questions: [{ name: 'wWw.example.COM' }], answers: [{ ttl: 18 }] });
    expect(sent).toHaveLength(1);
    await clock.advance(18_001);
    await one.reply(query(), 'udp');
    expect(sent).toHaveLength(2);
  });

  test('is asked of the next server when one does not answer, who then comes last', async () => {
    answers = async (to, _via, message) => {
      if (to === A) throw new Error('ECONNREFUSED');
      return reply(message, ['192.0.2.80'], 0);
    };
    const one = forwarder();
    for (let i = 0; i < 3; i++) expect(read(await one.reply(query(), 'udp')).rcode).toBe('NOERROR');
    expect(sent.map((text) => text.split(' ')[1])).toEqual([A, B, B, B].map(({ address }) => address));
    await clock.advance(10_001);
    await one.reply(query(), 'udp');
    expect(sent.at(-2)).toContain(A.address);
  });

  test('fails when nobody answers, when nobody is there to ask, and when the time is over', async () => {
    answers = async () => {
      await clock.advance(2000);
      throw new Error('no answer in time');
    };
    expect(read(await forwarder([A, B, A, B, A]).reply(query(), 'udp')).rcode).toBe('SERVFAIL');
    expect(sent).toHaveLength(3);
    expect(read(await forwarder([]).reply(query(), 'udp')).rcode).toBe('SERVFAIL');
  });

  test('is asked once, however many ask: were it ourselves, there would be an end', async () => {
    let answer: (reply: Buffer) => void = () => undefined;
    answers = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const one = forwarder();
    const all = [query('a.example'), query('A.example'), query('a.example')].map((each) => one.reply(each, 'udp'));
    await expect.poll(() => sent).toHaveLength(1);
    answer(reply(question('a.example', 'A'), ['192.0.2.80'], 0));
    const names = (await Promise.all(all)).map((each) => read(each).questions?.[0]?.name);
    expect(names).toEqual(['a.example', 'A.example', 'a.example']);
    expect(sent).toHaveLength(1);
  });

  test('is asked over the way the client came by, and cut to what the client takes', async () => {
    const long = Array.from({ length: 60 }, (_, i) => `192.0.2.${i}`);
    answers = async (_to, via, message) => (via === 'tcp' ? reply(message, long, 300) : reply(message, [], 300, 0x380));
    const one = forwarder();
    expect(read(await one.reply(query(), 'udp'))).toMatchObject({ flag_tc: true, answers: [] });
    expect(read(await one.reply(query(), 'tcp')).answers).toHaveLength(60);
    expect(sent.map((text) => text.slice(0, 3))).toEqual(['udp', 'tcp']);
    // Known by now, and too long for a datagram.
    const short = await one.reply(query(), 'udp');
    expect(short.length).toBeLessThanOrEqual(512);
    expect(read(short)).toMatchObject({ flag_tc: true, answers: [] });
  });

  test('of an alias is looked up over TCP where a datagram is too short', async () => {
    answers = async (_to, via, message) => reply(message, ['192.0.2.80'], 300, via === 'tcp' ? 0x180 : 0x380);
    const looked = await forwarder().lookup(query());
    expect(read(looked).flag_tc).toBe(false);
    expect(sent.map((text) => text.slice(0, 3))).toEqual(['udp', 'tcp']);
  });
});

describe('the cache', () => {
  const message = question(NAME, 'A');
  const negative = (rcode: number, minimum: number) => {
    const data = {
      mname: 'ns.example.com',
      rname: 'h.example.com',
      serial: 1,
      refresh: 1,
      retry: 1,
      expire: 1,
      minimum,
    };
    const authorities = [{ name: 'example.com', type: 'SOA', ttl: 3600, data } as const];
    return encode({ type: 'response', flags: 0x180 | rcode, questions: [{ name: NAME, type: 'A' }], authorities });
  };

  test('keeps that there is nothing for as long as its authority says', async () => {
    const cache = new ReplyCache(clock);
    cache.put('n', negative(3, 5));
    await clock.advance(4000);
    expect(read(cache.get('n')).authorities).toMatchObject([{ ttl: 1 }]);
    await clock.advance(1001);
    expect(cache.get('n')).toBeUndefined();
  });

  test('does not keep failures, what is cut, or what does not say how long it holds', () => {
    const cache = new ReplyCache(clock);
    for (const one of [negative(2, 60), negative(5, 60), reply(message, ['192.0.2.1'], 0), reply(message, [], 60)])
      cache.put('x', one);
    cache.put('x', reply(message, ['192.0.2.1'], 60, 0x380));
    expect(cache.size).toBe(0);
  });

  test('forgets first what was not used for longest', () => {
    const cache = new ReplyCache(clock, 2);
    cache.put('a', reply(message, ['192.0.2.1'], 60));
    cache.put('b', reply(message, ['192.0.2.1'], 60));
    cache.get('a');
    cache.put('c', reply(message, ['192.0.2.1'], 60));
    expect(['a', 'b', 'c'].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
  });

  test('tells those who know of the extensions from those who do not', async () => {
    const one = forwarder();
    await one.reply(query(), 'udp');
    await one.reply(query(NAME, edns(1232)), 'udp');
    expect(sent).toHaveLength(2);
  });
});

describe('whom to ask', () => {
  test('is the host, nobody, or addresses with or without a port', () => {
    expect(parseForwardTo('host')).toBe('host');
    expect(parseForwardTo('none')).toBe('none');
    expect(parseForwardTo('192.0.2.1, 192.0.2.2:5353,fd00::1,[fd00::2]:54')).toEqual([
      { address: '192.0.2.1', port: 53 },
      { address: '192.0.2.2', port: 5353 },
      { address: 'fd00::1', port: 53 },
      { address: 'fd00::2', port: 54 },
    ]);
    for (const text of ['', 'dns.example', '192.0.2.1:0', '192.0.2.1:70000', '192.0.2.1,,', '[192.0.2.1', 'hosts'])
      expect(() => parseForwardTo(text), text).toThrow('takes host, none, or addresses');
  });

  test('is what resolv.conf names', () => {
    const text =
      '# nameserver 192.0.2.9\nnameserver 192.0.2.1\n search x\n  nameserver fd00::1 \nnameserver x\nnameserver\n';
    expect(serversOf(text).map(({ address }) => address)).toEqual(['192.0.2.1', 'fd00::1']);
  });

  test('is read again when the file changes, and never ourselves', async () => {
    const work = mkdtempSync(join(tmpdir(), 'minke-dns-'));
    const resolvConf = join(work, 'resolv.conf');
    const isSelf = ({ address }: Upstream) => address === '10.96.0.10';
    const upstreams = upstreamsOf({ to: 'host', resolvConf, clock, isSelf });
    const now = async () => (await upstreams()).map(({ address }) => address);
    try {
      expect(await now()).toEqual([]);
      writeFileSync(resolvConf, 'nameserver 10.96.0.10\nnameserver 192.0.2.1\n');
      await clock.advance(2001);
      expect(await now()).toEqual(['192.0.2.1']);
      writeFileSync(resolvConf, 'nameserver 192.0.2.22\n');
      expect(await now()).toEqual(['192.0.2.1']);
      await clock.advance(2001);
      expect(await now()).toEqual(['192.0.2.22']);
    } finally {
      rmSync(work, { recursive: true });
    }
  });
});
