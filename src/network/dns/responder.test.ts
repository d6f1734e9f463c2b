// Messages in, messages out: what the wire says, read back by another hand; and what is no message at all.
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Responder, shuffled } from './responder.ts';
import { edns, line, question, read, recordsOf, service, slice, ZONE } from './testbed.ts';

const MANY = Array.from({ length: 60 }, (_, i) => `10.244.1.${i + 1}`);
const RECORDS = recordsOf(
  [
    service('web', { clusterIP: '10.96.0.20' }),
    service('many', { clusterIP: 'None' }),
    service('twin', { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21', 'fd00::21', '2001:db8:0:1::'] }),
    service('far', { type: 'ExternalName', externalName: 'www.example.com' }),
  ],
  [slice('many', MANY)],
);
const responder = new Responder({ zone: ZONE, records: RECORDS, random: () => 0.5 });
const WEB = 'web.default.svc.cluster.local';
const MANY_NAME = 'many.default.svc.cluster.local';

function ask(message: Buffer, via: 'udp' | 'tcp' = 'udp'): Buffer | undefined {
  const reply = responder.handle(message, via);
  if (reply instanceof Promise) throw new Error('asked elsewhere');
  return reply;
}

describe('a reply', () => {
  test('has the number, the flags and the letters of its question', () => {
    const reply = read(ask(question('Web.Default.svc.CLUSTER.local', 'A', { flags: 0x110, id: 4711 })));
    expect(reply).toMatchObject({ id: 4711, type: 'response', rcode: 'NOERROR' });
    expect(reply).toMatchObject({ flag_aa: true, flag_rd: true, flag_cd: true, flag_ra: false, flag_tc: false });
    expect(reply.questions?.[0]?.name).toBe('Web.Default.svc.CLUSTER.local');
    expect(reply.answers).toMatchObject([{ name: 'Web.Default.svc.CLUSTER.local', ttl: 30, data: '10.96.0.20' }]);
    expect(reply.additionals).toEqual([]);
  });

  test('says the same of every kind of record as another program reads', () => {
    const lines = (name: string, type: string) => (read(ask(question(name, type))).answers ?? []).map(line);
    expect(lines('twin.default.svc.cluster.local', 'AAAA').sort()).toEqual(['AAAA 2001:db8:0:1::', 'AAAA fd00::21']);
    expect(lines(`_http._tcp.${WEB}`, 'SRV')).toEqual([`SRV 0 100 80 ${WEB}`]);
    expect(lines('20.0.96.10.in-addr.arpa', 'PTR')).toEqual([`PTR ${WEB}`]);
    expect(lines('dns-version.cluster.local', 'TXT')).toEqual(['TXT 1.1.0']);
    expect(lines('far.default.svc.cluster.local', 'A')).toEqual(['CNAME www.example.com']);
    expect(lines('cluster.local', 'NS')).toEqual(['NS kube-dns.kube-system.svc.cluster.local']);
    expect(read(ask(question('cluster.local', 'SOA'))).answers).toMatchObject([
      {
        data: { mname: 'ns.dns.cluster.local', rname: 'hostmaster.cluster.local', serial: 1_700_000_000, minimum: 30 },
      },
    ]);
  });

  test('tells names that are not there from those of which nothing is said, both with the authority', () => {
    for (const [name, type, rcode] of [
      ['gone.default.svc.cluster.local', 'A', 'NXDOMAIN'],
      [WEB, 'AAAA', 'NOERROR'],
    ] as const) {
      const reply = read(ask(question(name, type)));
      expect(reply).toMatchObject({ rcode, answers: [], flag_aa: true });
      expect(reply.authorities).toMatchObject([{ name: 'cluster.local', type: 'SOA', ttl: 30 }]);
    }
  });

  test('refuses names of elsewhere when nobody is to be asked for them', () => {
    expect(read(ask(question('example.com', 'A')))).toMatchObject({ rcode: 'REFUSED', flag_aa: false, answers: [] });
  });
});

describe('many addresses', () => {
  const sizeOf = (message: Buffer, via: 'udp' | 'tcp' = 'udp') => {
    const reply = ask(message, via);
    const { flag_tc, answers = [] } = read(reply);
    return { length: reply?.length ?? 0, truncated: flag_tc, answers: answers.length };
  };

  test('are cut to a datagram, and told to be', () => {
    const small = sizeOf(question(MANY_NAME, 'A'));
    // Each takes 16 bytes, since its name is written once.
    expect(small).toMatchObject({ truncated: true, answers: Math.floor((512 - 12 - MANY_NAME.length - 6) / 16) });
    expect(small.length).toBeLessThanOrEqual(512);
    const middling = sizeOf(question(MANY_NAME, 'A', edns(700)));
    expect(middling.length).toBeLessThanOrEqual(700);
    expect(middling).toMatchObject({ truncated: true });
  });

  test('are all there where there is room, over TCP too', () => {
    expect(sizeOf(question(MANY_NAME, 'A', edns(1232)))).toMatchObject({ truncated: false, answers: 60 });
    expect(sizeOf(question(MANY_NAME, 'A'), 'tcp')).toMatchObject({ truncated: false, answers: 60 });
  });

  test('leave out hints before they are said to be cut', () => {
    const records = recordsOf([service('few', { clusterIP: 'None' })], [slice('few', MANY.slice(0, 7))]);
    const few = new Responder({ zone: ZONE, records, random: () => 0 });
    const asked = question('_http._tcp.few.default.svc.cluster.local', 'SRV');
    const [short, long] = (['udp', 'tcp'] as const).map((via) => read(few.handle(asked, via) as Buffer));
    expect(long?.additionals).toHaveLength(7);
    expect(short?.answers).toHaveLength(7);
    expect(short?.additionals?.length).toBeLessThan(7);
    expect(short?.flag_tc).toBe(false);
  });

  test('come in every order, and what leads to them stays first', () => {
    let n = 0;
    const chance = () => [0.9, 0.1, 0.4, 0.7][n++ % 4] ?? 0;
    const alias = { name: 'a', type: 'CNAME', ttl: 1, data: 'b' } as const;
    const addresses = ['1', '2', '3', '4'].map((data) => ({ name: 'b', type: 'A', ttl: 1, data }) as const);
    const orders = Array.from({ length: 12 }, () => shuffled([alias, ...addresses], chance));
    expect(new Set(orders.map((order) => order.map(({ data }) => data).join())).size).toBeGreaterThan(1);
    for (const order of orders) {
      expect(order[0]).toBe(alias);
      expect([...order].sort((a, b) => (String(a.data) < String(b.data) ? -1 : 1)).slice(0, 4)).toEqual(addresses);
    }
  });
});

describe('what is no question', () => {
  const header = (flags: number, counts = [1, 0, 0, 0]) => {
    const message = Buffer.from(question(WEB, 'A'));
    for (const [i, value] of [flags, ...counts].entries()) message.writeUInt16BE(value, 2 + i * 2);
    return message;
  };

  test('gets no reply when it is too short or a reply itself', () => {
    for (const length of [0, 1, 11]) expect(ask(Buffer.alloc(length))).toBeUndefined();
    expect(ask(header(0x8000))).toBeUndefined();
  });

  test('is told what is wrong with it', () => {
    const rcodeOf = (message: Buffer) => (ask(message)?.readUInt16BE(2) ?? 0) & 15;
    const [FORMERR, NOTIMP, REFUSED] = [1, 4, 5];
    for (const opcode of [1, 2, 4, 5]) expect(rcodeOf(header(opcode << 11))).toBe(NOTIMP);
    for (const counts of [
      [0, 0, 0, 0],
      [2, 0, 0, 0],
      [1, 9, 0, 0],
      [1, 0, 0, 1],
      [65_535, 65_535, 65_535, 65_535],
    ])
      expect(rcodeOf(header(0x100, counts)), counts.join()).toBe(FORMERR);
    const pointer = Buffer.concat([header(0x100).subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
    expect(rcodeOf(pointer)).toBe(FORMERR);
    const chaos = Buffer.from(question(WEB, 'A'));
    chaos.writeUInt16BE(3, chaos.length - 2);
    expect(rcodeOf(chaos)).toBe(REFUSED);
  });

  test('of an unknown version of the extensions is told so', () => {
    const message = Buffer.from(question(WEB, 'A', edns(1232)));
    message.writeUInt8(1, message.length - 5);
    const reply = read(ask(message));
    expect(reply.rcode).toBe('NOERROR');
    expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });

  const sound = (message: Buffer, via: 'udp' | 'tcp') => {
    const reply = ask(message, via);
    if (reply === undefined) return;
    expect(reply.readUInt16BE(0)).toBe(message.readUInt16BE(0));
    expect(reply.readUInt16BE(2) & 0x8000).toBe(0x8000);
    expect(reply.length).toBeLessThanOrEqual(via === 'udp' ? 4096 : 65_535);
    decode(reply);
  };
  const VIA = fc.constantFrom('udp' as const, 'tcp' as const);

  test('of whatever bytes, does no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), VIA, (bytes, via) => sound(Buffer.from(bytes), via)),
      { numRuns: 3000 },
    );
  });

  test('but nearly one, does no harm', () => {
    const base = fc.record({
      name: fc.constantFrom(
        WEB,
        MANY_NAME,
        `_http._tcp.${WEB}`,
        'far.default.svc.cluster.local',
        '20.0.96.10.in-addr.arpa',
      ),
      type: fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'CNAME', 'ANY', 'TXT', 'AXFR', 'OPT'),
      size: fc.option(fc.nat(65_535)),
    });
    const edit = fc.tuple(fc.nat(200), fc.nat(255));
    fc.assert(
      fc.property(base, fc.array(edit, { maxLength: 6 }), VIA, ({ name, type, size }, edits, via) => {
        const message = Buffer.from(question(name, type, size === null ? {} : edns(size)));
        for (const [at, value] of edits) message[at % message.length] = value;
        sound(message, via);
      }),
      { numRuns: 5000 },
    );
  });

  test('or asks for names with dots, zeros and letters of no alphabet in their labels, does no harm', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
        const tail = Buffer.from(encode({ questions: [{ name: 'svc.cluster.local', type: 'A' }] })).subarray(12);
        const names = labels.map((bytes) => Buffer.concat([Buffer.from([bytes.length]), bytes]));
        const asked = Buffer.concat([question(WEB, 'A').subarray(0, 12), ...names, tail]);
        const reply = ask(asked);
        expect(reply?.subarray(12, asked.length)).toEqual(asked.subarray(12));
        decode(reply ?? Buffer.alloc(0));
      }),
      { numRuns: 1000 },
    );
  });
});
