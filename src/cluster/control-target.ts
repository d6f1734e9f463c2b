// What `minke status` and `minke image` get from the running server.
import { type Client, NODES, PODS, partClients } from '../client/index.ts';
import type { ImageInfo } from '../cri/index.ts';
import { type Assembly, need } from './assembly.ts';
import { dnsServiceIp } from './config.ts';
import type { ControlTarget, StatusReport } from './control.ts';
import { KUBERNETES_VERSION, VERSION } from './version.ts';

export function controlTarget(a: Assembly): ControlTarget {
  const images = () => need(a, 'images');
  return {
    status: () => statusOf(a),
    listImages: () => images().listImages(),
    pullImage: (name, onProgress) => images().pullImage(name, undefined, (p) => onProgress(p.doneBytes, p.totalBytes)),
    importImages: (path, name) => images().importArchive(path, name),
    removeImage: (name) => removeImage(a, name),
  };
}

/** It may read all, and write next to nothing. */
const readerOf = (a: Assembly): Client => partClients(need(a, 'transport')).manager;

/** Taking the files from under a container that runs would break it. */
async function removeImage(a: Assembly, name: string): Promise<void> {
  const images = need(a, 'images');
  const image = await images.imageStatus(name);
  if (image === undefined) throw new Error(`there is no image ${name}`);
  const user = image.repoTags.length > 1 ? undefined : await podThatUses(a, image);
  if (user !== undefined) throw new Error(`${name} is used by pod ${user}; delete the pod first`);
  await images.removeImage(name);
}

async function podThatUses(a: Assembly, image: ImageInfo): Promise<string | undefined> {
  const names = new Set([image.id, ...image.repoTags, ...image.repoDigests]);
  const pods = await readerOf(a).resource(PODS).list('');
  const user = pods.items.find(({ status }) =>
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
      (c) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed' && names.has(c.imageID ?? ''),
    ),
  );
  return user === undefined ? undefined : `${user.metadata.namespace ?? ''}/${user.metadata.name ?? ''}`;
}

function dnsOf({ config, dns }: Assembly): Pick<StatusReport, 'dns'> {
  if (dns === undefined) return {};
  const listens = `${dns.address}:${dns.server.port}`;
  return { dns: { service: dnsServiceIp(config.serviceCidr), listens, forward: config.dnsForward ?? 'host' } };
}

async function statusOf(a: Assembly): Promise<StatusReport> {
  const store = need(a, 'store');
  const client = readerOf(a);
  const [size, revision, images, nodes, pods] = await Promise.all([
    store.size(),
    store.revision(),
    need(a, 'images').listImages(),
    client.resource(NODES).list(''),
    client.resource(PODS).list(''),
  ]);
  const podsOn = (name: string) => pods.items.filter((p) => p.spec?.nodeName === name).length;
  return {
    name: a.config.name,
    version: VERSION,
    kubernetes: KUBERNETES_VERSION,
    server: `https://${a.config.bindAddress}:${a.config.port}`,
    startedAt: a.startedAt,
    pid: process.pid,
    memoryBytes: process.memoryUsage.rss(),
    database: { ...size, revision },
    nodes: nodes.items.map((node) => {
      const name = node.metadata.name ?? '';
      return {
        name,
        ready: (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True'),
        pods: podsOn(name),
        podCidr: node.spec?.podCIDR ?? a.nodes.find((n) => n.name === name)?.podCidr ?? '',
      };
    }),
    images: images.length,
    ...dnsOf(a),
  };
}
