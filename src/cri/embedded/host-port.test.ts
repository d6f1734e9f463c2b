// Published ports, from the host by either address, from another pod, and from the pod itself.
import { rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodSandboxConfig } from '../port.ts';
import { containerConfig, podConfig } from '../test-configs.ts';
import type { EmbeddedRuntime } from './runtime.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const OCTET = 236;
const PORT = 28_431;
const LOGS = join(tmpdir(), `minke-host-port-${process.pid}`);
const sandbox = (name: string, hostPort: number) =>
  podConfig(name, {
    logDirectory: join(LOGS, name),
    portMappings: hostPort === 0 ? [] : [{ protocol: 'TCP', containerPort: 8080, hostPort, hostIp: '' }],
  });

describe.skipIf(skip !== undefined)(`host ports${skip === undefined ? '' : ` (${skip})`}`, () => {
  let bed: Testbed;
  let opened: EmbeddedRuntime;
  let server = '';
  let client = '';
  let serverPod = '';
  beforeAll(async () => {
    bed = await openTestbed({ name: 'mkport', octet: OCTET });
    opened = await bed.open();
    const start = async (config: PodSandboxConfig, command: string[]) => {
      const pod = await opened.runtime.runPodSandbox(config);
      const id = await opened.runtime.createContainer(pod, containerConfig(bed.image, command), config);
      await opened.runtime.startContainer(id);
      return { pod, id };
    };
    ({ pod: serverPod, id: server } = await start(sandbox('server', PORT), [
      'httpd',
      '-f',
      '-p',
      '8080',
      '-h',
      '/etc',
    ]));
    ({ id: client } = await start(sandbox('client', 0), ['sleep', '1000']));
  });
  afterAll(async () => {
    await opened.destroy();
    expect(await leftovers(bed, OCTET)).toEqual([]);
    await bed.remove();
    await rm(LOGS, { recursive: true, force: true });
  });

  const hostAddress = () =>
    Object.values(networkInterfaces())
      .flat()
      .find((a) => a !== undefined && a.family === 'IPv4' && !a.internal && !a.address.startsWith('10.'))?.address;
  const get = async (address: string) => (await fetch(`http://${address}:${PORT}/passwd`)).text();
  const fromInside = async (id: string, address: string) => {
    const result = await opened.runtime.execSync(
      id,
      ['wget', '-q', '-O', '-', `http://${address}:${PORT}/passwd`],
      5000,
    );
    return `${result.exitCode} ${Buffer.from(result.stdout).toString()}${Buffer.from(result.stderr).toString()}`;
  };

  test('from the host, by localhost and by its own address', async () => {
    await expect.poll(() => get('127.0.0.1').catch(String), { timeout: 5000 }).toContain('root:x:0:0');
    const own = hostAddress();
    if (own !== undefined) expect(await get(own)).toContain('root:x:0:0');
  });

  test('from another pod and from the pod itself, by the address of the bridge', async () => {
    const bridge = `10.${OCTET}.0.1`;
    expect(await fromInside(client, bridge)).toContain('root:x:0:0');
    expect(await fromInside(server, bridge)).toContain('root:x:0:0');
  });

  test('not any more once the pod has stopped', async () => {
    await opened.runtime.stopPodSandbox(serverPod);
    await expect(get('127.0.0.1')).rejects.toThrow();
  });
});
