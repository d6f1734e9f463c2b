// Probes of every kind against containers that are well, ill, slow, or silent.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Container, Pod, Probe } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { containerStatus, isReady, podOf, restarts, STAY, useLab } from './lab.ts';
import { seenBy, serverPod } from './node-server.ts';

/** How long a container that is well is watched. */
const WATCHED_MS = 6_000;

describe.skipIf(!isRoot)('a probe (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'probes' });
  const often = { periodSeconds: 1, failureThreshold: 1 };
  /** Servers have a startup probe: how slow the machine is plays no part. */
  const http = (path: string, more: Partial<Probe> = {}): Probe => ({
    httpGet: { path, port: 8080 },
    ...often,
    timeoutSeconds: 5,
    ...more,
  });
  const cat = { exec: { command: ['cat', '/tmp/health'] }, ...often, timeoutSeconds: 10, initialDelaySeconds: 1 };
  const shell = (script: string, container: Partial<Container>) => ({ command: ['sh', '-c', script], ...container });
  const restarted = (name: string, times = 1, ms = 60_000): Promise<Pod> =>
    lab().seen(name, (p) => restarts(p) >= times && containerStatus(p)?.state?.running !== undefined, ms);
  const staysWell = async (pod: Pod): Promise<void> => {
    const name = pod.metadata.name ?? '';
    await lab().ready(pod);
    await sleep(WATCHED_MS);
    const now = await lab().get(name);
    expect(restarts(now)).toBe(0);
    expect(isReady(now)).toBe(true);
  };

  it(covers('Pod liveness probe, using http endpoint, failure'), async () => {
    await staysWell(serverPod('http-well', { livenessProbe: http('/') }));
    const [first] = (await seenBy(lab(), 'http-well')).filter((r) => r.url === '/');
    expect(first?.headers['user-agent']).toMatch(/^kube-probe\/1\.36/);
    expect(first?.headers.connection).toBe('close');
  });

  it(covers('Pod liveness probe, using http endpoint, restart'), async () => {
    const livenessProbe = http('/healthz');
    const env = [{ name: 'FAIL_AFTER_MS', value: '3000' }];
    await lab().create(serverPod('http-ill', { livenessProbe, env }));
    const pod = await restarted('http-ill');
    expect(restarts(pod)).toBe(1);
    const { message } = await lab().event('http-ill', (e) => e.message?.includes('statuscode') === true);
    expect(message).toMatch(/probe failed: HTTP probe failed with statuscode: 500$/);
    const killing = await lab().event('http-ill', (e) => e.reason === 'Killing');
    expect(killing.message).toBe('Container main failed liveness probe, will be restarted');
  });

  it(covers('Pod liveness probe, using http endpoint, multiple restarts (slow)'), async () => {
    // Ten seconds and more lie between the later restarts: that five are counted shows on a clock by hand (src/kubelet/restarts.test.ts).
    const livenessProbe = { ...cat, initialDelaySeconds: 0 };
    await lab().create(podOf('ill-again', shell(STAY, { livenessProbe })));
    await restarted('ill-again', 2, 55_000);
    const counts = lab()
      .history.of('ill-again')
      .map((p) => restarts(p));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect([...new Set(counts)]).toEqual([0, 1, 2]);
  });

  it(covers('Pod liveness probe, using local file, no restart'), () =>
    staysWell(podOf('exec-well', shell(`touch /tmp/health; ${STAY}`, { livenessProbe: cat }))),
  );

  it(covers('Pod liveness probe, using local file, restart'), async () => {
    const script = `touch /tmp/health; sleep 2; rm /tmp/health; ${STAY}`;
    await lab().create(podOf('exec-ill', shell(script, { livenessProbe: cat })));
    expect(restarts(await restarted('exec-ill'))).toBe(1);
    const { message } = await lab().event('exec-ill', (e) => e.reason === 'Unhealthy');
    expect(message).toBe("Liveness probe failed: cat: can't open '/tmp/health': No such file or directory\n");
  });

  it(covers('Pod liveness probe, using tcp socket, no restart'), async () => {
    const livenessProbe = { tcpSocket: { port: 8080 }, ...often, timeoutSeconds: 5 };
    // Its HTTP answers are errors soon; the socket stays open.
    const env = [{ name: 'FAIL_AFTER_MS', value: '1000' }];
    await lab().create(serverPod('tcp-well', { livenessProbe, env }));
    await lab().event('tcp-well', (e) => e.message?.includes('statuscode: 500') === true);
    await sleep(WATCHED_MS);
    expect(restarts(await lab().get('tcp-well'))).toBe(0);
  });

  it('of a TCP port that nothing listens on restarts the container', async () => {
    const livenessProbe = { tcpSocket: { port: 9 }, ...often, initialDelaySeconds: 1 };
    await lab().create(podOf('tcp-ill', shell(STAY, { livenessProbe })));
    await restarted('tcp-ill');
    const { message } = await lab().event('tcp-ill', (e) => e.reason === 'Unhealthy');
    expect(message).toMatch(/^Liveness probe failed: dial tcp 10\..*:9: connect: connection refused$/);
  });

  it(covers('Pod liveness probe, using grpc call, success'), () =>
    staysWell(
      serverPod('grpc-well', {
        livenessProbe: { grpc: { port: 5000 }, ...often, timeoutSeconds: 5 },
        readinessProbe: { grpc: { port: 5000, service: 'a-service' }, periodSeconds: 1, timeoutSeconds: 5 },
      }),
    ),
  );

  it(covers('Pod liveness probe, using grpc call, failure'), async () => {
    const livenessProbe = { grpc: { port: 2333 }, ...often, initialDelaySeconds: 1 };
    await lab().create(serverPod('grpc-ill', { livenessProbe }));
    expect(restarts(await restarted('grpc-ill'))).toBe(1);
    const { message } = await lab().event('grpc-ill', (e) => e.message?.startsWith('Liveness probe failed') === true);
    expect(message).toMatch(
      /timeout: failed to connect service "10\.[\d.]+:2333" within 1s: context deadline exceeded/,
    );
  });

  it('over gRPC tells a service that does not serve from one that is not there', async () => {
    const probe = (service: string) => ({ grpc: { port: 5000, service }, periodSeconds: 1, timeoutSeconds: 5 });
    await Promise.all([
      lab().create(serverPod('grpc-sick', { readinessProbe: probe('sick') })),
      lab().create(serverPod('grpc-nosuch', { readinessProbe: probe('nosuch') })),
    ]);
    const says = (name: string, text: string) => lab().event(name, (e) => e.message?.includes(text) === true);
    await says('grpc-sick', 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")');
    await says('grpc-nosuch', 'Readiness probe failed: error: health rpc probe failed: rpc error: code = NOT_FOUND');
    expect(isReady(await lab().get('grpc-sick'))).toBe(false);
  });

  it(covers('Pod readiness probe, with initial delay'), async () => {
    const readinessProbe = http('/healthz', { initialDelaySeconds: 3, failureThreshold: 3 });
    const pod = await lab().ready(serverPod('delayed', { readinessProbe }));
    const ready = pod.status?.conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime ?? '';
    const started = containerStatus(pod)?.state?.running?.startedAt ?? '';
    // Times are to the second.
    expect(Date.parse(ready) - Date.parse(started)).toBeGreaterThanOrEqual(2_000);
    expect(restarts(pod)).toBe(0);
  });

  it(covers('Pod readiness probe, failure'), async () => {
    const readinessProbe = { exec: { command: ['/bin/false'] }, periodSeconds: 1 };
    await lab().create(podOf('never-ready', shell(STAY, { readinessProbe })));
    await lab().seen('never-ready', (p) => containerStatus(p)?.state?.running !== undefined);
    await sleep(WATCHED_MS);
    const states = lab().history.of('never-ready');
    expect(states.filter(isReady)).toEqual([]);
    expect(states.filter((p) => containerStatus(p)?.ready === true)).toEqual([]);
    expect(restarts(await lab().get('never-ready'))).toBe(0);
  });

  it('of the start holds the others back until it has succeeded', async () => {
    const script = `sleep 3; touch /tmp/started; ${STAY}`;
    const startupProbe = { exec: { command: ['cat', '/tmp/started'] }, periodSeconds: 1, failureThreshold: 60 };
    const livenessProbe = { exec: { command: ['cat', '/tmp/started'] }, ...often };
    const pod = await lab().ready(podOf('slow-start', shell(script, { startupProbe, livenessProbe })));
    expect(restarts(pod)).toBe(0);
    const states = lab()
      .history.of('slow-start')
      .map((p) => containerStatus(p));
    expect(states.some((s) => s?.state?.running !== undefined && s.started === false && !s.ready)).toBe(true);
    expect(containerStatus(pod)).toMatchObject({ started: true, ready: true });
  });

  it('of the start that fails for good restarts the container', async () => {
    const startupProbe = { exec: { command: ['/bin/false'] }, periodSeconds: 1, failureThreshold: 2 };
    await lab().create(podOf('no-start', shell(STAY, { startupProbe })));
    await restarted('no-start');
    await lab().event('no-start', (e) => e.message === 'Container main failed startup probe, will be restarted');
  });

  it('of the health may have a grace period of its own', async () => {
    const script = 'trap "" TERM; while true; do sleep 0.1; done';
    const livenessProbe = { ...cat, initialDelaySeconds: 0, terminationGracePeriodSeconds: 1 };
    const pod = podOf('own-grace', shell(script, { livenessProbe }), { terminationGracePeriodSeconds: 600 });
    await lab().create(pod);
    const after = await restarted('own-grace');
    expect(containerStatus(after)?.lastState?.terminated?.exitCode).toBe(137);
    await lab().delete('own-grace', 1);
  });

  it('may name the port, send headers, and take the place of the usual ones', async () => {
    const httpHeaders = [
      { name: 'X-Custom', value: 'Awesome' },
      { name: 'User-Agent', value: 'own' },
      { name: 'Host', value: 'example.test' },
      { name: 'Accept', value: '' },
    ];
    const readinessProbe = { httpGet: { path: '/wants-header?x=1', port: 'web', httpHeaders }, periodSeconds: 1 };
    const ports = [{ name: 'web', containerPort: 8080 }];
    await lab().ready(serverPod('headers', { readinessProbe, ports }));
    const [request] = (await seenBy(lab(), 'headers')).filter((r) => r.url.startsWith('/wants'));
    expect(request).toMatchObject({
      url: '/wants-header?x=1',
      headers: { 'user-agent': 'own', host: 'example.test', 'x-custom': 'Awesome' },
    });
    expect(request?.headers.accept).toBeUndefined();
  });

  it('follows a redirect on the same host, to success or to failure', async () => {
    await lab().create(serverPod('redirect-ill', { livenessProbe: http('/redirect-to-failure') }));
    await staysWell(serverPod('redirect-well', { livenessProbe: http('/redirect-here') }));
    expect((await seenBy(lab(), 'redirect-well')).some((r) => r.url === '/healthz?redirected')).toBe(true);
    await restarted('redirect-ill');
  });

  it('counts a redirect to another host as success, with a warning', async () => {
    await staysWell(serverPod('redirect-away', { livenessProbe: http('/redirect-away') }));
    const { message, type } = await lab().event('redirect-away', (e) => e.reason === 'ProbeWarning');
    expect(type).toBe('Warning');
    expect(message).toMatch(/^Liveness probe warning: Probe terminated redirects/);
  });

  it('that hangs has failed when its time is over, and leaves no process behind', async () => {
    const hanging = { exec: { command: ['sleep', '1000'] }, ...often, timeoutSeconds: 1 };
    await Promise.all([
      lab().create(podOf('exec-hangs', shell(STAY, { readinessProbe: hanging }))),
      lab().create(serverPod('http-hangs', { livenessProbe: http('/silence', { timeoutSeconds: 1 }) })),
    ]);
    const { message } = await lab().event('exec-hangs', (e) => e.reason === 'Unhealthy' && (e.count ?? 1) >= 1);
    expect(message).toContain('Readiness probe failed: command timed out: "sleep 1000" timed out after 1s');
    await restarted('http-hangs');
    await lab().event('http-hangs', (e) => e.message?.includes('/silence": context deadline exceeded') === true);
    await sleep(3_000);
    // At most the one that is under way.
    const processes = await lab().sh('exec-hangs', 'ps | grep "[s]leep 1000" | wc -l');
    expect(Number(processes)).toBeLessThanOrEqual(1);
  });
});
