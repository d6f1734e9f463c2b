// What a container finds in its environment: ConfigMaps, Secrets, the downward API, Services, and variables made of others.
import { describe, expect, it } from 'vitest';
import { isRoot } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { type Lab, podOf, STAY, scriptPod, useLab } from './lab.ts';

/** The environment as NAME → value. */
function variables(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line): [string, string] => [line.split('=', 1)[0] ?? '', line.replace(/^[^=]*=/, '')]),
  );
}

describe.skipIf(!isRoot)('the environment of a container (needs root)', { concurrent: true }, () => {
  const lab = useLab({ namespace: 'environment' });
  const configMap = (name: string, data: Record<string, string>) =>
    lab().make('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  const secret = (name: string, data: Record<string, string>) =>
    lab().make('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
    });
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const resource = (name: string, of: string, divisor?: string) => ({
    name,
    valueFrom: { resourceFieldRef: { resource: of, ...(divisor === undefined ? {} : { divisor }) } },
  });

  it(covers('ConfigMap, from environment field'), async () => {
    await configMap('one-key', { 'data-1': 'value-1', 'data-2': 'value-2' });
    const valueFrom = { configMapKeyRef: { name: 'one-key', key: 'data-1' } };
    const env = [
      { name: 'CONFIG_DATA_1', valueFrom },
      { name: 'NO_KEY', valueFrom: { configMapKeyRef: { name: 'one-key', key: 'data-9', optional: true } } },
      { name: 'NO_MAP', valueFrom: { configMapKeyRef: { name: 'no-map', key: 'data-1', optional: true } } },
    ];
    const seen = variables(await lab().output(scriptPod('cm-field', 'env', { env })));
    expect(seen.get('CONFIG_DATA_1')).toBe('value-1');
    expect([...seen.keys()].filter((k) => k.startsWith('NO_'))).toEqual([]);
  });

  it(covers('ConfigMap, from environment variables'), async () => {
    await configMap('all-keys', { 'data-1': 'value-1', data_2: 'value-2', 'data.3': 'two\nlines', __proto__x: 'p' });
    const envFrom = [{ configMapRef: { name: 'all-keys' } }, { prefix: 'p-', configMapRef: { name: 'all-keys' } }];
    // A shell would leave out what it cannot name; kubelet and runtime pass every key on.
    const container = { command: ['env'], envFrom, env: [{ name: 'data_2', value: 'own wins' }] };
    const seen = variables(await lab().output(podOf('cm-env', container, { restartPolicy: 'Never' })));
    expect(Object.fromEntries(seen)).toMatchObject({
      'data-1': 'value-1',
      data_2: 'own wins',
      'p-data-1': 'value-1',
      'p-data_2': 'value-2',
      'data.3': 'two',
      __proto__x: 'p',
    });
  });

  it(covers('Secrets, pod environment field'), async () => {
    await secret('one-key', { 'data-1': 'value-1\n', bytes: 'ä' });
    const of = (key: string) => ({ secretKeyRef: { name: 'one-key', key } });
    const env = [
      { name: 'SECRET_DATA', valueFrom: of('data-1') },
      { name: 'BYTES', valueFrom: of('bytes') },
    ];
    expect(await lab().output(scriptPod('secret-field', 'printf "[%s][%s]" "$SECRET_DATA" "$BYTES"', { env }))).toBe(
      '[value-1\n][ä]',
    );
  });

  it(covers('Secrets, pod environment from source'), async () => {
    await secret('all-keys', { data_1: 'value-1', data_2: 'value-2' });
    const envFrom = [
      { secretRef: { name: 'all-keys' } },
      { prefix: 'p_', secretRef: { name: 'all-keys' } },
      { secretRef: { name: 'no-secret', optional: true } },
    ];
    const seen = variables(await lab().output(scriptPod('secret-env', 'env', { envFrom })));
    expect(['data_1', 'data_2', 'p_data_1', 'p_data_2'].map((k) => seen.get(k))).toEqual([
      'value-1',
      'value-2',
      'value-1',
      'value-2',
    ]);
  });

  it('waits with a container whose ConfigMap is missing, and says which; it runs when the map comes', async () => {
    const env = [{ name: 'LATE', valueFrom: { configMapKeyRef: { name: 'late', key: 'k' } } }];
    await lab().create(scriptPod('late', 'echo $LATE', { env }));
    const waiting = await lab().seen(
      'late',
      (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.message !== undefined,
    );
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "late" not found',
    });
    await configMap('late', { k: 'here' });
    await lab().seen('late', (p) => p.status?.phase === 'Succeeded');
    await lab().logged('late', 'here\n');
  });

  it(covers('DownwardAPI, environment for name, namespace and ip'), async () => {
    const env = [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('POD_IP', 'status.podIP'),
      field('POD_IPS', 'status.podIPs'),
      field('NODE', 'spec.nodeName'),
      field('ACCOUNT', 'spec.serviceAccountName'),
      field('LABEL', "metadata.labels['app']"),
      field('NOTE', "metadata.annotations['a.b/c']"),
    ];
    const parts = { labels: { app: 'downward' }, annotations: { 'a.b/c': 'note' } };
    const seen = variables(await lab().output(scriptPod('downward-names', 'env; hostname -i', { env }, parts)));
    const states = lab().history.of('downward-names');
    const ip = states.find((p) => p.status?.podIP !== undefined)?.status?.podIP;
    expect(Object.fromEntries(seen)).toMatchObject({
      POD_NAME: 'downward-names',
      POD_NAMESPACE: 'environment',
      POD_IP: ip,
      POD_IPS: ip,
      NODE: 'node-1',
      ACCOUNT: 'default',
      LABEL: 'downward',
      NOTE: 'note',
    });
    expect(seen.has(ip ?? '')).toBe(true);
  });

  it(covers('DownwardAPI, environment for host ip'), async () => {
    const env = [field('HOST_IP', 'status.hostIP'), field('HOST_IPS', 'status.hostIPs')];
    const seen = variables(await lab().output(scriptPod('downward-host', 'env', { env })));
    const hostIP = (await lab().get('downward-host')).status?.hostIP;
    expect(hostIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect([seen.get('HOST_IP'), seen.get('HOST_IPS')]).toEqual([hostIP, hostIP]);
  });

  it(covers('DownwardAPI, environment for Pod UID'), async () => {
    const log = await lab().output(scriptPod('downward-uid', 'echo $UID_', { env: [field('UID_', 'metadata.uid')] }));
    expect(log.trim()).toBe((await lab().get('downward-uid')).metadata.uid);
  });

  it(covers('DownwardAPI, environment for CPU and memory limits and requests'), async () => {
    const resources = {
      requests: { cpu: '250m', memory: '32Mi' },
      limits: { cpu: '1250m', memory: '64Mi' },
    };
    const env = [
      resource('CPU_LIMIT', 'limits.cpu'),
      resource('CPU_LIMIT_M', 'limits.cpu', '1m'),
      resource('MEMORY_LIMIT', 'limits.memory'),
      resource('CPU_REQUEST', 'requests.cpu'),
      resource('CPU_REQUEST_M', 'requests.cpu', '1m'),
      resource('MEMORY_REQUEST', 'requests.memory', '1Mi'),
    ];
    const seen = variables(await lab().output(scriptPod('downward-resources', 'env', { env, resources })));
    expect(Object.fromEntries(seen)).toMatchObject({
      CPU_LIMIT: '2',
      CPU_LIMIT_M: '1250',
      MEMORY_LIMIT: '67108864',
      CPU_REQUEST: '1',
      CPU_REQUEST_M: '250',
      MEMORY_REQUEST: '32',
    });
  });

  it(covers('DownwardAPI, environment for default CPU and memory limits and requests'), async () => {
    const env = [resource('CPU_LIMIT', 'limits.cpu'), resource('MEMORY_LIMIT', 'limits.memory')];
    const seen = variables(await lab().output(scriptPod('downward-defaults', 'env', { env })));
    const node = (await lab().client.raw('GET', '/api/v1/nodes/node-1')) as {
      status: { allocatable: { cpu: string; memory: string } };
    };
    const { cpu, memory } = node.status.allocatable;
    expect(seen.get('CPU_LIMIT')).toBe(
      String(Math.ceil(cpu.endsWith('m') ? Number.parseInt(cpu, 10) / 1000 : Number(cpu))),
    );
    expect(seen.get('MEMORY_LIMIT')).toBe(String(Number.parseInt(memory, 10) * (memory.endsWith('Ki') ? 1024 : 1)));
  });

  it(covers('Environment variables, expansion'), async () => {
    const env = [
      { name: 'FOO', value: 'foo-value' },
      { name: 'BAR', value: 'bar-value' },
      { name: 'FOOBAR', value: '$(FOO);;$(BAR)' },
      { name: 'EARLY', value: '$(LATE)' },
      { name: 'LATE', value: 'late' },
      { name: 'ESCAPED', value: '$$(FOO) $$ $(NOSUCH) $(' },
    ];
    const seen = variables(await lab().output(scriptPod('expand-env', 'env', { env })));
    expect(seen.get('FOOBAR')).toBe('foo-value;;bar-value');
    expect(seen.get('EARLY')).toBe('$(LATE)');
    expect(seen.get('ESCAPED')).toBe('$(FOO) $ $(NOSUCH) $(');
  });

  it(covers('Environment variables, command expansion'), async () => {
    const env = [{ name: 'TEST_VAR', value: 'test-value' }];
    const command = ['sh', '-c', 'exec 2>/dev/null; TEST_VAR=wrong; echo "$(TEST_VAR) $$(echo ran) $(NOSUCH_)"'];
    const pod = podOf('expand-command', { command, env }, { restartPolicy: 'Never' });
    // What no variable is called is left as it stands: the shell then runs it as a command, which is not found.
    expect(await lab().output(pod)).toBe('test-value ran \n');
  });

  it(covers('Environment variables, command argument expansion'), async () => {
    const env = [{ name: 'TEST_VAR', value: 'test value' }];
    const container = { command: ['printf', '[%s]'], args: ['$(TEST_VAR)', 'a$(TEST_VAR)b', '$$(TEST_VAR)'], env };
    expect(await lab().output(podOf('expand-args', container, { restartPolicy: 'Never' }))).toBe(
      '[test value][atest valueb][$(TEST_VAR)]',
    );
  });

  it(covers('Pods, service environment variables'), async () => {
    const server = podOf(
      'env-server',
      { command: ['httpd', '-f', '-p', '8080', '-h', '/www'] },
      { labels: { app: 'env-server' } },
    );
    await lab().ready(server);
    const service = (await lab().make('services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'fooservice' },
      spec: { selector: { app: 'env-server' }, ports: [{ port: 8765, targetPort: 8080 }] },
    })) as unknown as { spec: { clusterIP: string } };
    const ip = service.spec.clusterIP;
    const seen = variables(await lab().output(scriptPod('env-client', 'env')));
    expect(Object.fromEntries(seen)).toMatchObject({
      FOOSERVICE_SERVICE_HOST: ip,
      FOOSERVICE_SERVICE_PORT: '8765',
      FOOSERVICE_PORT: `tcp://${ip}:8765`,
      FOOSERVICE_PORT_8765_TCP_PORT: '8765',
      FOOSERVICE_PORT_8765_TCP_PROTO: 'tcp',
      FOOSERVICE_PORT_8765_TCP: `tcp://${ip}:8765`,
      FOOSERVICE_PORT_8765_TCP_ADDR: ip,
    });
    const without = variables(await lab().output(scriptPod('env-apart', 'env', {}, { enableServiceLinks: false })));
    expect(without.has('FOOSERVICE_SERVICE_HOST')).toBe(false);
    expect(without.has('KUBERNETES_SERVICE_HOST')).toBe(true);
  });

  describe('ConfigMaps and Secrets in the API', () => {
    const refuses = (plural: string, kind: string) =>
      expect(
        lab().make(plural, { apiVersion: 'v1', kind, metadata: { name: 'empty-key' }, data: { '': 'dmFsdWU=' } }),
      ).rejects.toMatchObject({ reason: 'Invalid' });

    it(covers('ConfigMap, with empty-key'), () => refuses('configmaps', 'ConfigMap'));
    it(covers('Secrets, with empty-key'), () => refuses('secrets', 'Secret'));

    const everywhere = async (plural: string, selector: string) =>
      ((await lab().client.raw('GET', `/api/v1/${plural}?labelSelector=${selector}`)) as { items: Named[] }).items;
    const patch = (ran: Awaited<ReturnType<Lab['kubectl']>>) => expect(ran, ran.stderr).toMatchObject({ code: 0 });

    it(covers('ConfigMap lifecycle'), async () => {
      await lab().make('configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'life', labels: { life: 'map' } },
        data: { valueName: 'value' },
      });
      const body = { metadata: { labels: { life: 'map', changed: 'yes' } }, data: { valueName: 'value1' } };
      patch(await lab().kubectl('patch', 'cm', 'life', '--patch', JSON.stringify(body)));
      expect(await lab().client.raw('GET', `${lab().path('configmaps')}/life`)).toMatchObject(body);
      expect(await everywhere('configmaps', 'life=map')).toMatchObject([body]);
      await lab().client.raw('DELETE', `${lab().path('configmaps')}?labelSelector=life=map`);
      expect(await everywhere('configmaps', 'life=map')).toEqual([]);
    });

    it(covers('Secret patching'), async () => {
      await lab().make('secrets', {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'life', labels: { life: 'secret' } },
        data: { key: Buffer.from('value').toString('base64') },
        type: 'Opaque',
      });
      expect(await everywhere('secrets', 'life=secret')).toHaveLength(1);
      const data = { key: Buffer.from('value1').toString('base64') };
      const body = { metadata: { labels: { life: 'patched' } }, data };
      patch(await lab().kubectl('patch', 'secret', 'life', '--patch', JSON.stringify(body)));
      expect(await lab().client.raw('GET', `${lab().path('secrets')}/life`)).toMatchObject(body);
      await lab().client.raw('DELETE', `${lab().path('secrets')}?labelSelector=life=patched`);
      expect((await everywhere('secrets', '')).map((s) => s.metadata.name)).not.toContain('life');
    });
  });

  it('keeps its Services, as they were when it started, when new ones come', async () => {
    await lab().ready(podOf('env-old', { command: ['sh', '-c', STAY] }));
    await lab().make('services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'younger' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    expect(await lab().sh('env-old', 'env')).not.toContain('YOUNGER');
    const seen = variables(await lab().output(scriptPod('env-new', 'env')));
    expect(seen.get('YOUNGER_SERVICE_PORT_HTTP')).toBe('80');
  });
});

interface Named {
  readonly metadata: { readonly name: string };
}
