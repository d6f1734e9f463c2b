// What a container is put together from: root file system, devices, seccomp profile, image volumes, places on the host.
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { exists, isMissing, resolveInRoot } from '../../host/files.ts';
import { isShared, listMounts, type MountEntry, mountOf } from '../../host/mounts.ts';
import { type ContainerConfig, type Mount, RuntimeError } from '../port.ts';
import type { RuntimeContext } from './context.ts';
import { deviceAt, hostDevices } from './host-facts.ts';
import type { OpenedImage } from './images/index.ts';
import type { SandboxRecord } from './records.ts';
import { imageVolume, mountImage, mountRoot } from './root-mounts.ts';
import type { SeccompProfile } from './spec/seccomp.ts';
import type { OciDevice, OciMount } from './spec/types.ts';

/** The container's root file system, as its pod's ids have it. */
export async function containerRoot(
  context: RuntimeContext,
  sandbox: SandboxRecord,
  root: { readonly directory: string; readonly image: OpenedImage },
): Promise<string> {
  const { userNamespaces } = context;
  const layers = await userNamespaces.layers(sandbox, root.image.layers);
  return mountRoot(root.directory, layers, {
    own: (upper) => userNamespaces.own(sandbox, upper),
  });
}

export async function containerDevices(config: ContainerConfig): Promise<OciDevice[]> {
  const devices = config.security.privileged ? await hostDevices() : [];
  for (const wanted of config.devices) {
    const device = await deviceAt(wanted.hostPath, wanted.containerPath).catch(() => undefined);
    if (device === undefined)
      throw new Error(
        `error gathering device information while adding custom device "${wanted.hostPath}": not a device node`,
      );
    devices.push(device);
  }
  return devices;
}

export async function localSeccomp(config: ContainerConfig): Promise<SeccompProfile | undefined> {
  const seccomp = config.security.seccomp;
  if (seccomp?.type !== 'Localhost' || seccomp.localhostPath === undefined || config.security.privileged)
    return undefined;
  const { localhostPath } = seccomp;
  const text = await readFile(localhostPath, 'utf8').catch((error: unknown) => {
    const why = isMissing(error) ? `open ${localhostPath}: no such file or directory` : String(error);
    const head = `failed to create containerd container: cannot load seccomp profile "${localhostPath}"`;
    throw new RuntimeError('create-container', `${head}: ${why}`, error);
  });
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('defaultAction' in value))
    throw new Error(`cannot load seccomp profile "${seccomp.localhostPath}": no defaultAction`);
  return value as SeccompProfile;
}

/** Image volumes; one of which only a part is wanted needs a mount on the host to find that part in. */
export async function imageMounts(
  context: RuntimeContext,
  sandbox: SandboxRecord,
  container: { readonly id: string; readonly config: ContainerConfig },
): Promise<{ mounts: Map<string, OciMount>; onHost: string[] }> {
  const { images, containers, emptyDirectory, userNamespaces } = context;
  const { id, config } = container;
  const mounts = new Map<string, OciMount>();
  const onHost: string[] = [];
  for (const m of config.mounts) {
    if (m.image === undefined || m.image === '') continue;
    const image = await images.open(m.image);
    if (image === undefined) throw new Error(`image volume ${m.image}: not found`);
    const layers = await userNamespaces.layers(sandbox, image.layers);
    const whole = m.imageSubPath === undefined || m.imageSubPath === '';
    if (whole && layers === image.layers) {
      mounts.set(m.containerPath, imageVolume(m.containerPath, layers, emptyDirectory));
      continue;
    }
    const root = containers.path(id, `volume${onHost.length}`);
    onHost.push(root);
    await mountImage(root, layers, emptyDirectory);
    const source = whole ? root : await resolveInRoot(root, m.imageSubPath ?? '');
    if (!(await exists(source)))
      throw new Error(`image volume ${m.image}: ${m.imageSubPath}: no such file or directory`);
    mounts.set(m.containerPath, {
      destination: m.containerPath,
      type: 'bind',
      source,
      options: ['rbind', 'rprivate', 'ro'],
    });
  }
  return { mounts, onHost };
}

/** Makes what is not there, and refuses to propagate what cannot. */
export async function prepareMounts(mounts: readonly Mount[]): Promise<void> {
  let table: MountEntry[] | undefined;
  for (const m of mounts) {
    if (m.image !== undefined && m.image !== '') continue;
    if (!existsSync(m.hostPath)) await mkdir(m.hostPath, { recursive: true });
    if (m.propagation === 'private') continue;
    table ??= await listMounts();
    requirePropagation({ path: await realpath(m.hostPath), propagation: m.propagation }, table);
  }
}

/** https://kubernetes.io/docs/concepts/storage/volumes/#mount-propagation : the host's mount must itself propagate. */
function requirePropagation(
  { path, propagation }: { readonly path: string; readonly propagation: Mount['propagation'] },
  table: readonly MountEntry[],
): void {
  const over = mountOf(path, table);
  if (over === undefined || isShared(over)) return;
  const slave = over.propagation.some((p) => p.startsWith('master:'));
  if (propagation === 'hostToContainer' && slave) return;
  const wanted = propagation === 'bidirectional' ? 'shared' : 'shared or slave';
  throw new Error(
    `failed to generate spec: path "${path}" is mounted on "${over.mountPoint}" but it is not a ${wanted} mount`,
  );
}
