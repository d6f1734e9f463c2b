// The documents of an image: manifests, indexes, configurations. Shapes of the OCI image specification and of Docker's schema 2.
// Source: https://github.com/opencontainers/image-spec
import { isJsonObject } from '../../../machinery/object.ts';
import { RuntimeError } from '../../port.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture?: string; readonly os?: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** What a container takes from its image. */
export interface OciImageConfig {
  readonly Env?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Volumes?: Readonly<Record<string, unknown>>;
}

export interface ImageConfigFile {
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: OciImageConfig;
  readonly rootfs: { readonly type?: string; readonly diff_ids: readonly string[] };
}

export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function checkDigest(digest: unknown): string {
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw new RuntimeError('registry-unavailable', `unsupported or malformed digest ${JSON.stringify(digest)}`);
  }
  return digest;
}

export function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

function parse(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new RuntimeError('registry-unavailable', `the ${what} is not JSON`, cause);
  }
  if (!isJsonObject(value)) throw new RuntimeError('registry-unavailable', `the ${what} is not an object`);
  return value;
}

function descriptor(value: unknown, what: string): Descriptor {
  if (!isJsonObject(value) || typeof value.size !== 'number' || value.size < 0) {
    throw new RuntimeError('registry-unavailable', `a descriptor of the ${what} is malformed`);
  }
  checkDigest(value.digest);
  return { mediaType: '', ...value } as unknown as Descriptor;
}

/** Takes a manifest or an index apart; of an index, the entry for this platform. */
export function readManifest(bytes: Uint8Array): { manifest: ImageManifest } | { choose: Descriptor } {
  const doc = parse(bytes, 'manifest');
  if (Array.isArray(doc.manifests))
    return { choose: forThisPlatform(doc.manifests.map((m) => descriptor(m, 'index'))) };
  if (doc.schemaVersion !== 2 || !Array.isArray(doc.layers)) {
    throw new RuntimeError(
      'registry-unavailable',
      'unsupported manifest: only schema version 2 and OCI manifests are known',
    );
  }
  return {
    manifest: { config: descriptor(doc.config, 'manifest'), layers: doc.layers.map((l) => descriptor(l, 'manifest')) },
  };
}

/** The architecture as images name it. */
export const PLATFORM_ARCH = process.arch === 'x64' ? 'amd64' : process.arch === 'ia32' ? '386' : process.arch;

function forThisPlatform(entries: readonly Descriptor[]): Descriptor {
  const fits = entries.filter(
    (e) => (e.platform?.os ?? 'linux') === 'linux' && (e.platform?.architecture ?? PLATFORM_ARCH) === PLATFORM_ARCH,
  );
  const chosen = fits.find((e) => e.platform !== undefined) ?? fits[0];
  if (chosen === undefined) throw new RuntimeError('image-not-found', `no match for platform in manifest: not found`);
  return chosen;
}

export function readConfig(bytes: Uint8Array): ImageConfigFile {
  const doc = parse(bytes, 'image configuration');
  const rootfs = doc.rootfs;
  if (!isJsonObject(rootfs) || !Array.isArray(rootfs.diff_ids)) {
    throw new RuntimeError('registry-unavailable', 'the image configuration names no layers');
  }
  for (const id of rootfs.diff_ids) checkDigest(id);
  return doc as unknown as ImageConfigFile;
}
