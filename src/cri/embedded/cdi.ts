// Devices by the Container Device Interface: what their vendors' files say is put into a container's specification.
// https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { parse } from 'yaml';
import { deviceAt } from './host-facts.ts';
import type { OciDevice, OciHook, OciMount, OciSpec } from './spec/types.ts';

/** A device described in both is the last one's. */
export const CDI_DIRECTORIES = ['/etc/cdi', '/var/run/cdi'];

interface DeviceNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly fileMode?: number;
}

interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceNode[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly type?: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly (OciHook & { readonly hookName: string })[];
  readonly additionalGids?: readonly number[];
}

interface CdiFile {
  readonly kind: string;
  readonly containerEdits?: Edits;
  readonly devices: readonly { readonly name: string; readonly containerEdits?: Edits }[];
}

interface Found {
  readonly file: CdiFile;
  readonly edits: Edits;
}

function isCdiFile(value: unknown): value is CdiFile {
  if (typeof value !== 'object' || value === null) return false;
  return 'kind' in value && typeof value.kind === 'string' && 'devices' in value && Array.isArray(value.devices);
}

async function filesIn(directory: string): Promise<CdiFile[]> {
  const files: CdiFile[] = [];
  for (const name of (await readdir(directory).catch(() => [])).sort()) {
    if (!['.json', '.yaml'].includes(extname(name))) continue;
    try {
      // JSON is YAML too.
      const value: unknown = parse(await readFile(join(directory, name), 'utf8'));
      if (isCdiFile(value)) files.push(value);
    } catch {} // a broken file describes nothing; its devices are not found
  }
  return files;
}

/** All devices by their full names. Two descriptions in one directory leave it open which is meant, so neither is. */
async function knownDevices(directories: readonly string[]): Promise<Map<string, Found>> {
  const known = new Map<string, Found>();
  for (const directory of directories) {
    const here = new Map<string, Found | undefined>();
    for (const file of await filesIn(directory)) {
      for (const device of file.devices) {
        const name = `${file.kind}=${device.name}`;
        here.set(name, here.has(name) ? undefined : { file, edits: device.containerEdits ?? {} });
      }
    }
    for (const [name, found] of here) {
      if (found === undefined) known.delete(name);
      else known.set(name, found);
    }
  }
  return known;
}

interface Node {
  readonly device: OciDevice;
  readonly access: string;
}

async function nodesOf(edits: Edits): Promise<Node[]> {
  const nodes: Node[] = [];
  for (const node of edits.deviceNodes ?? []) {
    const hostPath = node.hostPath ?? node.path;
    const device = await deviceAt(hostPath, node.path);
    if (device === undefined) throw new Error(`${hostPath} is no device`);
    const { uid = device.uid, gid = device.gid, fileMode = device.fileMode } = node;
    nodes.push({ device: { ...device, uid, gid, fileMode }, access: node.permissions ?? 'rwm' });
  }
  return nodes;
}

function mountsOf(edits: Edits): OciMount[] {
  return (edits.mounts ?? []).map((m) => ({
    destination: m.containerPath,
    type: m.type ?? 'bind',
    source: m.hostPath,
    options: m.options ?? ['rbind', 'ro'],
  }));
}

function hooksWith(spec: OciSpec, edits: Edits): OciSpec['hooks'] {
  const hooks: Record<string, readonly OciHook[]> = { ...spec.hooks };
  for (const { hookName, ...hook } of edits.hooks ?? []) hooks[hookName] = [...(hooks[hookName] ?? []), hook];
  return hooks;
}

function envWith(env: readonly string[], more: readonly string[]): string[] {
  const key = (line: string): string => line.split('=', 1)[0] ?? '';
  const replaced = new Set(more.map(key));
  return [...env.filter((line) => !replaced.has(key(line))), ...more];
}

async function apply(spec: OciSpec, edits: Edits): Promise<OciSpec> {
  const { process, linux } = spec;
  const nodes = await nodesOf(edits);
  const paths = new Set(nodes.map((n) => n.device.path));
  const mounts = mountsOf(edits);
  const destinations = new Set(mounts.map((m) => m.destination));
  const { user } = process;
  const groups = new Set([...user.additionalGids, ...(edits.additionalGids ?? []).filter((gid) => gid !== 0)]);
  const rules = nodes.map(({ device: { type, major, minor }, access }) => ({
    allow: true,
    type,
    major,
    minor,
    access,
  }));
  return {
    ...spec,
    process: {
      ...process,
      user: { ...user, additionalGids: [...groups] },
      env: envWith(process.env, edits.env ?? []),
    },
    mounts: [...spec.mounts.filter((m) => !destinations.has(m.destination)), ...mounts],
    ...(edits.hooks === undefined ? {} : { hooks: hooksWith(spec, edits) }),
    linux: {
      ...linux,
      devices: [...linux.devices.filter((d) => !paths.has(d.path)), ...nodes.map((n) => n.device)],
      resources: { ...linux.resources, devices: [...linux.resources.devices, ...rules] },
    },
  };
}

/** The specification with the devices in it; throws, naming them, when some are described nowhere. */
export async function injectCdiDevices(
  spec: OciSpec,
  names: readonly string[],
  directories: readonly string[],
): Promise<OciSpec> {
  const known = await knownDevices(directories);
  const lost = names.filter((name) => !known.has(name));
  if (lost.length > 0) throw new Error(`CDI device injection failed: unresolvable CDI devices ${lost.join(', ')}`);
  let out = spec;
  const general = new Set<CdiFile>();
  for (const name of new Set(names)) {
    const found = known.get(name);
    if (found === undefined) continue;
    if (!general.has(found.file)) out = await apply(out, found.file.containerEdits ?? {});
    general.add(found.file);
    out = await apply(out, found.edits);
  }
  return out;
}
