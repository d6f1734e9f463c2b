// What the zone of a cluster answers, question by question: https://github.com/kubernetes/dns/blob/master/docs/specification.md
import { describe, expect, test } from 'vitest';
import type { DnsRecord } from './records.ts';
import { recordsOf, service, slice, ZONE } from './testbed.ts';
import { answerInCluster } from './zone.ts';

const SERVICES = [
  service('web', { clusterIP: '10.96.0.20' }),
  service('headless', { clusterIP: 'None' }),
  service('nobody', { clusterIP: 'None' }),
  service('portless', { clusterIP: 'None', ports: [] }),
  service('twin', { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21', 'fd00::21'] }),
  service('inside', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local.' }),
  service('far', { type: 'ExternalName', externalName: 'www.example.com' }),
  service('lost', { type: 'ExternalName', externalName: 'gone.default.svc.cluster.local' }),
  service('ring', { type: 'ExternalName', externalName: 'gnir.default.svc.cluster.local' }),
  service('gnir', { type: 'ExternalName', externalName: 'ring.default.svc.cluster.local' }),
  service('number', { type: 'ExternalName', externalName: '192.0.2.1' }),
];
const SLICES = [
  slice('web', ['10.244.0.9']),
  slice('headless', ['db-0=10.244.0.2', '10.244.0.3', '!db-9=10.244.0.4']),
  slice('portless', ['10.244.0.5'], { ports: [] }),
];
const RECORDS = recordsOf(SERVICES, SLICES);

function show({ name, type, data }: DnsRecord): string {
  if (type === 'SOA') return `${name} SOA ${data.mname} ${data.serial}`;
  if (type === 'SRV') return `${name} SRV ${data.priority} ${data.weight} ${data.port} ${data.target}`;
  return `${name} ${type} ${data}`;
}

function ask(type: string, name: string) {
  const answer = answerInCluster({ name, type }, ZONE, RECORDS);
  if (answer === undefined) return undefined;
  const { rcode, answers, authorities, additionals, follow } = answer;
  return {
    rcode,
    answers: answers.map(show),
    ...(additionals.length === 0 ? {} : { additionals: additionals.map(show) }),
    ...(authorities.length === 0 ? {} : { authorities: authorities.map(show) }),
    ...(follow === undefined ? {} : { follow }),
  };
}

const SOA = ['cluster.local SOA ns.dns.cluster.local 1700000000'];
const found = (...answers: string[]) => ({ rcode: 'NOERROR', answers });
const NODATA = { rcode: 'NOERROR', answers: [], authorities: SOA };
const NXDOMAIN = { rcode: 'NXDOMAIN', answers: [], authorities: SOA };

describe('addresses', () => {
  test('a Service with an address has it, whatever is behind it', () => {
    const name = 'web.default.svc.cluster.local';
    expect(ask('A', name)).toEqual(found(`${name} A 10.96.0.20`));
    expect(ask('AAAA', name)).toEqual(NODATA);
    expect(ask('AAAA', 'twin.default.svc.cluster.local')).toEqual(
      found('twin.default.svc.cluster.local AAAA fd00::21'),
    );
  });

  test('letters are large or small, and come back as they were asked', () => {
    expect(ask('A', 'WeB.Default.SVC.cluster.LOCAL')).toEqual(found('WeB.Default.SVC.cluster.LOCAL A 10.96.0.20'));
  });

  test('a headless Service has those of its endpoints that are ready', () => {
    const name = 'headless.default.svc.cluster.local';
    expect(ask('A', name)).toEqual(found(`${name} A 10.244.0.2`, `${name} A 10.244.0.3`));
    expect(ask('A', 'portless.default.svc.cluster.local')?.answers).toHaveLength(1);
    expect(ask('A', 'nobody.default.svc.cluster.local')).toEqual(NXDOMAIN);
  });

  test('an endpoint is found by its name, or by its address where it has none', () => {
    const at = (host: string) => ask('A', `${host}.default.svc.cluster.local`);
    expect(at('db-0.headless')?.answers).toEqual(['db-0.headless.default.svc.cluster.local A 10.244.0.2']);
    expect(at('10-244-0-3.headless')?.rcode).toBe('NOERROR');
    expect(at('10-244-0-9.web')?.answers).toEqual(['10-244-0-9.web.default.svc.cluster.local A 10.244.0.9']);
    for (const host of ['10-244-0-2.headless', 'db-9.headless', 'db-1.headless', 'db-0.web'])
      expect(at(host), host).toEqual(NXDOMAIN);
  });

  test('pods are taken at their word where their namespace is', () => {
    const at = (name: string, type = 'A') => ask(type, `${name}.pod.cluster.local`);
    expect(at('10-1-2-3.default')?.answers).toEqual(['10-1-2-3.default.pod.cluster.local A 10.1.2.3']);
    expect(at('fd00--7.default', 'AAAA')?.answers).toEqual(['fd00--7.default.pod.cluster.local AAAA fd00::7']);
    expect(at('10-1-2-3.default', 'AAAA')).toEqual(NODATA);
    for (const name of ['10-1-2-3.nowhere', '10-1-2.default', '10-1-2-300.default', 'x.10-1-2-3.default'])
      expect(at(name), name).toEqual(NXDOMAIN);
  });
});

describe('ports', () => {
  test('a named port of a Service is served by the Service, whose address comes along', () => {
    expect(ask('SRV', '_http._tcp.web.default.svc.cluster.local')).toEqual({
      ...found('_http._tcp.web.default.svc.cluster.local SRV 0 100 80 web.default.svc.cluster.local'),
      additionals: ['web.default.svc.cluster.local A 10.96.0.20'],
    });
  });

  test('one of a headless Service by each endpoint, under its own name', () => {
    expect(ask('SRV', '_http._tcp.headless.default.svc.cluster.local')).toEqual({
      ...found(
        '_http._tcp.headless.default.svc.cluster.local SRV 0 50 8080 db-0.headless.default.svc.cluster.local',
        '_http._tcp.headless.default.svc.cluster.local SRV 0 50 8080 10-244-0-3.headless.default.svc.cluster.local',
      ),
      additionals: [
        'db-0.headless.default.svc.cluster.local A 10.244.0.2',
        '10-244-0-3.headless.default.svc.cluster.local A 10.244.0.3',
      ],
    });
  });

  test('without a port they are all of them, and none where none is declared', () => {
    expect(ask('SRV', 'web.default.svc.cluster.local')?.answers).toHaveLength(1);
    expect(ask('SRV', 'portless.default.svc.cluster.local')).toEqual(NODATA);
  });

  test('others are not there', () => {
    for (const port of ['_https._tcp', '_http._udp', 'http.tcp', '_http.tcp', '_x._http._tcp'])
      expect(ask('SRV', `${port}.web.default.svc.cluster.local`), port).toEqual(NXDOMAIN);
  });
});

describe('aliases', () => {
  test('lead to a Service of the cluster and on to its address', () => {
    const alias = 'inside.default.svc.cluster.local';
    expect(ask('A', alias)).toEqual(
      found(`${alias} CNAME web.default.svc.cluster.local`, 'web.default.svc.cluster.local A 10.96.0.20'),
    );
    expect(ask('CNAME', alias)).toEqual(found(`${alias} CNAME web.default.svc.cluster.local`));
    expect(ask('AAAA', alias)).toEqual(NODATA);
  });

  test('lead elsewhere, where somebody else is to be asked', () => {
    const alias = 'far.default.svc.cluster.local';
    expect(ask('A', alias)).toEqual({ ...found(`${alias} CNAME www.example.com`), follow: 'www.example.com' });
    expect(ask('SRV', alias)).toEqual(NODATA);
    expect(ask('A', `_http._tcp.${alias}`)).toEqual(NXDOMAIN);
  });

  test('lead nowhere in a circle, to what is gone, or to an address', () => {
    expect(ask('A', 'ring.default.svc.cluster.local')).toEqual(NODATA);
    expect(ask('A', 'lost.default.svc.cluster.local')).toEqual(NODATA);
    expect(ask('A', 'number.default.svc.cluster.local')).toEqual(NXDOMAIN);
  });
});

describe('names of addresses', () => {
  test('an address of a Service has the name of the Service', () => {
    expect(ask('PTR', '20.0.96.10.in-addr.arpa')).toEqual(
      found('20.0.96.10.in-addr.arpa PTR web.default.svc.cluster.local'),
    );
    const v6 = '1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa';
    expect(ask('PTR', v6)?.answers).toEqual([`${v6} PTR twin.default.svc.cluster.local`]);
  });

  test('one of an endpoint has its name below its Service', () => {
    expect(ask('PTR', '2.0.244.10.in-addr.arpa')?.answers).toEqual([
      '2.0.244.10.in-addr.arpa PTR db-0.headless.default.svc.cluster.local',
    ]);
    expect(ask('PTR', '9.0.244.10.in-addr.arpa')?.answers).toEqual([
      '9.0.244.10.in-addr.arpa PTR 10-244-0-9.web.default.svc.cluster.local',
    ]);
  });

  test('others are not ours to answer', () => {
    for (const name of ['4.0.244.10.in-addr.arpa', '1.0.0.127.in-addr.arpa', '10.in-addr.arpa', 'x.ip6.arpa'])
      expect(ask('PTR', name), name).toBeUndefined();
    expect(ask('A', '20.0.96.10.in-addr.arpa')).toBeUndefined();
  });
});

describe('the zone itself', () => {
  test('says who it is', () => {
    expect(ask('SOA', 'cluster.local')).toEqual(found(...SOA));
    expect(ask('NS', 'cluster.local.')).toEqual({
      ...found('cluster.local NS kube-dns.kube-system.svc.cluster.local'),
      additionals: ['kube-dns.kube-system.svc.cluster.local A 10.96.0.10'],
    });
    expect(ask('A', 'ns.dns.cluster.local')).toEqual(found('ns.dns.cluster.local A 10.96.0.10'));
    expect(ask('TXT', 'dns-version.cluster.local')).toEqual(found('dns-version.cluster.local TXT 1.1.0'));
  });

  test('has names of which there is nothing to say', () => {
    for (const name of ['', 'svc.', 'pod.', 'dns.', 'default.svc.', 'other.pod.', 'dns-version.'])
      expect(ask('A', `${name}cluster.local`), name).toEqual(NODATA);
    expect(ask('UNKNOWN_65', 'web.default.svc.cluster.local')).toEqual(NODATA);
    expect(ask('SOA', 'web.default.svc.cluster.local')).toEqual(NODATA);
  });

  test('has no others', () => {
    for (const name of [
      'web.other.svc',
      'web.nowhere.svc',
      'nowhere.svc',
      'nowhere.pod',
      'web',
      'x.dns',
      'x.dns-version',
    ])
      for (const type of ['A', 'TXT', 'SRV', 'SOA'])
        expect(ask(type, `${name}.cluster.local`), `${type} ${name}`).toEqual(NXDOMAIN);
  });

  test('is not handed over as a whole', () => {
    expect(ask('AXFR', 'cluster.local')?.rcode).toBe('REFUSED');
  });

  test('is not that of names which only end alike', () => {
    for (const name of ['mycluster.local', 'cluster.local.example.com', 'local', ''])
      expect(ask('A', name), name).toBeUndefined();
  });
});
