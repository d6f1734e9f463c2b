// Lifecycle hooks: what a container does when it has started and before it ends, and how long it may take.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { LifecycleHandler } from '../../../src/resources/generated/core-v1.ts';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { busybox, containerStatus, isReady, podOf, restarts, STAY, useLab } from './lab.ts';
import { type SeenRequest, seenBy, serverPod } from './node-server.ts';

describe.skipIf(!isRoot)('a hook (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'hooks' });
  let ip = '';

  beforeAll(async () => {
    // Any certificate will do: hooks do not ask who answers.
    const pki = (name: string) => readFileSync(join(lab().cluster.dir, 'pki', name), 'utf8');
    await lab().make('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tls' },
      ...{ stringData: { 'tls.crt': pki('apiserver.crt'), 'tls.key': pki('apiserver.key') } },
    });
    ip = (await lab().ready(serverPod('server', {}, 'tls'))).status?.podIP ?? '';
  });

  const stay = { command: ['sh', '-c', STAY] };
  /** The request that carried `?from=NAME`, once the server has it. */
  const asked = (from: string): Promise<SeenRequest> =>
    vi.waitFor(
      async () => {
        const found = (await seenBy(lab(), 'server')).find((r) => r.url.endsWith(`from=${from}`));
        if (found === undefined) throw new Error(`nothing came from ${from}`);
        return found;
      },
      { timeout: 15_000, interval: 200 },
    );
  const wget = (from: string): LifecycleHandler => ({
    exec: { command: ['wget', '-qO-', '--post-data', '{"status":"hook"}', `http://${ip}:8080/write?from=${from}`] },
  });
  const get = (from: string, scheme?: string): LifecycleHandler => ({
    httpGet: {
      host: ip,
      port: scheme === 'HTTPS' ? 8443 : 8080,
      path: `/hook?from=${from}`,
      ...(scheme === undefined ? {} : { scheme }),
      httpHeaders: [{ name: 'X-Hook', value: from }],
    },
  });

  it(covers('Pod Lifecycle, post start exec hook'), async () => {
    await lab().ready(podOf('start-exec', { ...stay, lifecycle: { postStart: wget('start-exec') } }));
    expect(await asked('start-exec')).toMatchObject({ method: 'POST', body: '{"status":"hook"}' });
  });

  it(covers('Pod Lifecycle, post start http hook'), async () => {
    await lab().ready(podOf('start-http', { ...stay, lifecycle: { postStart: get('start-http') } }));
    expect(await asked('start-http')).toMatchObject({ method: 'GET', headers: { 'x-hook': 'start-http' }, tls: false });
  });

  it('asks over HTTPS without asking who answers', async () => {
    await lab().ready(podOf('start-https', { ...stay, lifecycle: { postStart: get('start-https', 'HTTPS') } }));
    expect(await asked('start-https')).toMatchObject({ tls: true, headers: { 'x-hook': 'start-https' } });
  });

  it(covers('Pod Lifecycle, prestop exec hook'), async () => {
    await lab().ready(
      podOf('stop-exec', { ...stay, lifecycle: { preStop: wget('stop-exec') } }, { terminationGracePeriodSeconds: 15 }),
    );
    await lab().remove('stop-exec');
    expect(await asked('stop-exec')).toMatchObject({ method: 'POST' });
  });

  it(covers('Pod Lifecycle, prestop http hook'), async () => {
    const parts = { terminationGracePeriodSeconds: 15 };
    await lab().ready(podOf('stop-http', { ...stay, lifecycle: { preStop: get('stop-http') } }, parts));
    expect((await seenBy(lab(), 'server')).some((r) => r.url.includes('from=stop-http'))).toBe(false);
    await lab().remove('stop-http');
    expect(await asked('stop-http')).toMatchObject({ headers: { 'x-hook': 'stop-http' } });
  });

  it(covers('Pods, prestop hook'), async () => {
    // The hook comes before the signal: what the container says at its end comes after it.
    const said = (what: string) => `wget -qO- http://${ip}:8080/write?from=order-${what}`;
    const command = ['sh', '-c', `trap '${said('signal')}; exit 0' TERM; while true; do sleep 0.1; done`];
    const preStop = { exec: { command: ['sh', '-c', said('hook')] } };
    await lab().ready(podOf('order', { command, lifecycle: { preStop } }, { terminationGracePeriodSeconds: 15 }));
    await lab().remove('order');
    const requests = (await seenBy(lab(), 'server')).map((r) => r.url).filter((url) => url.includes('from=order-'));
    expect(requests).toEqual(['/write?from=order-hook', '/write?from=order-signal']);
  });

  it('that sleeps holds the end of the container up for as long', async () => {
    const lifecycle = { preStop: { sleep: { seconds: 2 } } };
    await lab().ready(podOf('stop-sleep', { ...stay, lifecycle }, { terminationGracePeriodSeconds: 30 }));
    const began = Date.now();
    await lab().remove('stop-sleep');
    expect(Date.now() - began).toBeGreaterThanOrEqual(1_900);
  });

  it('holds the container back from being ready, and readiness is asked only then', async () => {
    const lifecycle = { postStart: { exec: { command: ['sh', '-c', 'sleep 2; touch /tmp/hooked'] } } };
    const readinessProbe = { exec: { command: ['cat', '/tmp/hooked'] }, periodSeconds: 1 };
    const pod = await lab().ready(podOf('start-slow', { ...stay, lifecycle, readinessProbe }));
    expect(restarts(pod)).toBe(0);
    const early = lab()
      .history.of('start-slow')
      .filter((p) => !isReady(p));
    expect(
      early.some(
        (p) =>
          containerStatus(p)?.state?.waiting?.reason === 'ContainerCreating' ||
          containerStatus(p)?.state?.waiting?.reason === 'PodInitializing',
      ),
    ).toBe(true);
  });

  it('that fails after the start kills the container, which is started again', async () => {
    const lifecycle = { postStart: { exec: { command: ['sh', '-c', 'echo bad; exit 3'] } } };
    await lab().create(podOf('start-fails', { ...stay, lifecycle }));
    const { message } = await lab().event('start-fails', (e) => e.reason === 'FailedPostStartHook');
    expect(message).toBe('PostStartHook failed');
    await lab().seen('start-fails', (p) => restarts(p) >= 1);
  });

  it('that fails before the end is told, and the container ends all the same', async () => {
    const lifecycle = { preStop: { exec: { command: ['/bin/false'] } } };
    await lab().ready(podOf('stop-fails', { ...stay, lifecycle }, { terminationGracePeriodSeconds: 15 }));
    await lab().remove('stop-fails');
    await lab().event('stop-fails', (e) => e.reason === 'FailedPreStopHook');
  });

  it('that never comes to its end is cut off with the grace period', async () => {
    const lifecycle = { preStop: { exec: { command: ['sleep', '1000'] } } };
    await lab().ready(podOf('stop-hangs', { ...stay, lifecycle }, { terminationGracePeriodSeconds: 2 }));
    const began = Date.now();
    await lab().remove('stop-hangs');
    expect(Date.now() - began).toBeGreaterThanOrEqual(1_900);
    expect(Date.now() - began).toBeLessThan(15_000);
  });

  it('runs before the end of a container that a probe found ill, too', async () => {
    const livenessProbe = { exec: { command: ['cat', '/tmp/well'] }, periodSeconds: 1, failureThreshold: 1 };
    const lifecycle = { preStop: wget('ill') };
    await lab().create(podOf('ill', { ...stay, lifecycle, livenessProbe }, { terminationGracePeriodSeconds: 15 }));
    await asked('ill');
    await lab().seen('ill', (p) => restarts(p) >= 1);
  });

  it('of a sidecar runs with those of the others; then they are told to end one after the other, the first started last', async () => {
    const said = (what: string) => `wget -qO- "http://${ip}:8080/write?from=sidecar-${what}"`;
    const part = (name: string) => ({
      name,
      ...busybox,
      command: ['sh', '-c', `trap 'sleep 0.3; ${said(`signal-${name}`)}; exit 0' TERM; while true; do sleep 0.1; done`],
      lifecycle: { preStop: { exec: { command: ['sh', '-c', said(`hook-${name}`)] } } },
    });
    const initContainers = ['first', 'second'].map((name) => ({ ...part(name), restartPolicy: 'Always' }));
    await lab().ready(podOf('sidecar', part('main'), { terminationGracePeriodSeconds: 20, initContainers }));
    await lab().remove('sidecar');
    const requests = (await seenBy(lab(), 'server')).map((r) => r.url.split('from=sidecar-')[1] ?? '');
    const hooks = requests.filter((r) => r.startsWith('hook-'));
    expect(hooks.sort()).toEqual(['hook-first', 'hook-main', 'hook-second']);
    const signals = requests.filter((r) => r.startsWith('signal-'));
    expect(signals).toEqual(['signal-main', 'signal-second', 'signal-first']);
  });
});
