// The DNS of clusters that come and go: two side by side, a Service that somebody deletes, and a restart.
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectls, isRoot, type TestCluster, testCluster } from './cluster.ts';

const SOON = { timeout: 30_000, interval: 200 };
const API = 'kubernetes.default.svc.cluster.local';

describe.skipIf(!isRoot || findKubectls().size === 0)(
  'the DNS of a cluster (needs root and kubectl)',
  { timeout: 120_000 },
  () => {
    let clusters: TestCluster[] = [];
    const good = async (cluster: TestCluster, ...args: string[]): Promise<string> => {
      const ran = await cluster.kubectl(args);
      expect(ran, `kubectl ${args.join(' ')}`).toMatchObject({ code: 0 });
      return ran.stdout.trim();
    };
    const addressOf = (cluster: TestCluster, namespace: string, name: string) =>
      good(cluster, '-n', namespace, 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}');
    const serverOf = (cluster: TestCluster) => addressOf(cluster, 'kube-system', 'kube-dns');
    /** What a server says, or the code of why it says nothing. */
    const ask = (server: string, name: string): Promise<string> => {
      const resolver = new Resolver({ timeout: 2000, tries: 1 });
      resolver.setServers([server]);
      return resolver.resolve4(name).then(String, (error: NodeJS.ErrnoException) => error.code ?? String(error));
    };

    beforeAll(async () => {
      clusters = await Promise.all([testCluster(), testCluster()]);
      for (const cluster of clusters) expect(await cluster.up()).toMatchObject({ code: 0 });
    }, 120_000);

    afterAll(async () => {
      for (const cluster of clusters) await cluster.remove();
    }, 120_000);

    const both = (): [TestCluster, TestCluster] => {
      const [one, other] = clusters;
      if (one === undefined || other === undefined) throw new Error('there are no clusters');
      return [one, other];
    };

    it('answers of its own cluster alone', async () => {
      const [one, other] = both();
      await good(one, 'create', 'service', 'clusterip', 'mine', '--tcp=80');
      const mine = 'mine.default.svc.cluster.local';
      for (const cluster of [one, other])
        expect(await ask(await serverOf(cluster), API)).toBe(await addressOf(cluster, 'default', 'kubernetes'));
      const address = await addressOf(one, 'default', 'mine');
      await expect.poll(async () => ask(await serverOf(one), mine), SOON).toBe(address);
      expect(await ask(await serverOf(other), mine)).toBe('ENOTFOUND');
      expect(await ask(await serverOf(one), 'example.com')).toBe('EREFUSED');
    });

    it('is told of by status and measured by metrics', async () => {
      const [one] = both();
      const server = await serverOf(one);
      expect((await one.minke('status')).stdout).toMatch(
        new RegExp(`dns +${server}, on 10\\.\\d+\\.0\\.1:\\d+; names of elsewhere are asked of nobody\n`),
      );
      const metrics = await good(one, 'get', '--raw', '/metrics');
      expect(metrics).toMatch(/\ncoredns_dns_requests_total\{.*proto="udp".*type="A"\} \d+\n/);
      expect(metrics).toMatch(/\ncoredns_dns_responses_total\{.*rcode="REFUSED".*\} 1\n/);
    });

    it('comes back when somebody deletes its Service, which deletes where it leads too', async () => {
      const [one] = both();
      const server = await serverOf(one);
      await good(one, '-n', 'kube-system', 'delete', 'service/kube-dns', 'endpointslice/kube-dns');
      await expect.poll(() => ask(server, API), SOON).toBe(await addressOf(one, 'default', 'kubernetes'));
      expect(await serverOf(one)).toBe(server);
    });

    it('is where it was after a restart, with what was made before', async () => {
      const [one] = both();
      const before = [await serverOf(one), await addressOf(one, 'default', 'mine')];
      expect(await one.minke('down')).toMatchObject({ code: 0 });
      expect(await one.minke('up')).toMatchObject({ code: 0 });
      expect([await serverOf(one), await addressOf(one, 'default', 'mine')]).toEqual(before);
      expect(await ask(before[0] ?? '', 'mine.default.svc.cluster.local')).toBe(before[1]);
    });

    it('says what it takes', async () => {
      const [one] = both();
      const asked = await one.minke('up', '--dns-forward', 'dns.example');
      expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining('--dns-forward takes host, none, or') });
    });
  },
);
