// Pulls one image: resolves its name at the registry or its mirrors, fetches the layers side by side, and unpacks them in order.

import { readFile } from 'node:fs/promises';
import { type ImageReference, imageNameOf, imageReferenceText } from '../../../machinery/image-reference.ts';
import { type PullProgress, type RegistryAuth, RuntimeError } from '../../port.ts';
import type { BlobStore } from './blobs.ts';
import type { StoredImage } from './catalog.ts';
import { chainIds, type LayerStore } from './layers.ts';
import { type Descriptor, type ImageConfigFile, type ImageManifest, readConfig, readManifest } from './oci.ts';
import { endpointsFor, readRegistries } from './registries.ts';
import { RegistryClient } from './registry-client.ts';
import type { Patience } from './registry-http.ts';

const PARALLEL_LAYERS = 3;
const MAX_CONFIG = 8 * 1024 * 1024;

export interface PullTools {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly patience: Patience;
  readonly registriesFile: string | undefined;
  readonly onlyMirrors: boolean;
}

export interface PullOptions {
  readonly auth: RegistryAuth | undefined;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
}

interface Resolved {
  readonly client: RegistryClient;
  readonly manifest: ImageManifest;
  /** Digest that the name stands for: of the index where there is one. */
  readonly digest: string;
}

const prefixed = (error: unknown, before: string): RuntimeError =>
  error instanceof RuntimeError
    ? new RuntimeError(error.kind, `${before}: ${error.message}`, error)
    : new RuntimeError('internal', `${before}: ${error instanceof Error ? error.message : String(error)}`, error);

/** Returns the image to be put into the catalog. Its layers are all unpacked then. */
export async function pull(reference: ImageReference, tools: PullTools, options: PullOptions): Promise<StoredImage> {
  const text = imageReferenceText(reference);
  const fail = (error: unknown) => prefixed(error, `failed to pull and unpack image "${text}"`);
  const resolved = await resolve(reference, tools, options).catch((error: unknown) => {
    const why =
      error instanceof RuntimeError && error.kind === 'image-not-found'
        ? new RuntimeError(error.kind, `${text}: ${error.message}`)
        : error;
    throw fail(prefixed(why, `failed to resolve reference "${text}"`));
  });
  try {
    return await fetchImage(reference, resolved, tools, options);
  } catch (error) {
    throw fail(error);
  }
}

async function resolve(reference: ImageReference, tools: PullTools, options: PullOptions): Promise<Resolved> {
  const endpoints = endpointsFor(readRegistries(tools.registriesFile), {
    registry: reference.registry,
    repository: reference.repository,
    auth: options.auth,
    onlyMirrors: tools.onlyMirrors,
  });
  let last: unknown;
  for (const endpoint of endpoints) {
    const client = new RegistryClient(endpoint, tools.patience, options.signal);
    try {
      const first = await client.manifest(reference.digest ?? reference.tag ?? 'latest');
      let found = readManifest(first.bytes);
      if ('choose' in found) found = readManifest((await client.manifest(found.choose.digest)).bytes);
      if ('choose' in found) throw new RuntimeError('registry-unavailable', 'an index in an index is not supported');
      return { client, manifest: found.manifest, digest: first.digest };
    } catch (error) {
      // A mirror that answered with something is to be believed over "the registry itself cannot be reached".
      if (last === undefined || endpoint.mirror || !isUnreachable(error)) last = error;
    }
  }
  throw last;
}

const isUnreachable = (error: unknown) =>
  error instanceof RuntimeError &&
  error.kind === 'registry-unavailable' &&
  error.message.startsWith('failed to do request');

async function fetchImage(
  reference: ImageReference,
  resolved: Resolved,
  tools: PullTools,
  options: PullOptions,
): Promise<StoredImage> {
  const { client, manifest, digest } = resolved;
  if (manifest.config.size > MAX_CONFIG)
    throw new RuntimeError('registry-unavailable', 'the image configuration is too large');
  const configFile = await tools.blobs.fetch(client, manifest.config, () => undefined);
  const config = readConfig(await readFile(configFile));
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length)
    throw new RuntimeError('registry-unavailable', 'mismatched image rootfs and manifest layers');
  await fetchLayers(resolved, config, tools, options);
  await tools.blobs.remove(manifest.config.digest);
  const name = imageNameOf(reference);
  return {
    id: manifest.config.digest,
    tags: reference.digest === undefined ? [`${name}:${reference.tag ?? 'latest'}`] : [],
    digests: [`${name}@${digest}`],
    size: manifest.layers.reduce((n, l) => n + l.size, manifest.config.size),
    config: config.config ?? {},
    chain: chainIds(diffIds),
    pinned: false,
  };
}

/** Downloads several layers at a time; each is unpacked once it and all below it are there. */
async function fetchLayers(
  resolved: Resolved,
  config: ImageConfigFile,
  tools: PullTools,
  options: PullOptions,
): Promise<void> {
  const { layers } = resolved.manifest;
  const diffIds = config.rootfs.diff_ids;
  const chain = chainIds(diffIds);
  const total = layers.reduce((n, l) => n + l.size, 0);
  let doneBytes = 0;
  const onBytes = (count: number) => {
    doneBytes += count;
    options.onProgress?.({ doneBytes, totalBytes: total });
  };
  const download = limited(PARALLEL_LAYERS, async (layer: Descriptor, i: number) => {
    if (await tools.layers.has(chain[i] ?? '')) {
      onBytes(layer.size);
      return undefined;
    }
    return tools.blobs.fetch(resolved.client, layer, onBytes);
  });
  const files = layers.map((layer, i) => download(layer, i));
  for (const file of files) file.catch(() => undefined); // Each is awaited below, in order.
  for (const [i, layer] of layers.entries()) {
    const file = await files[i];
    if (file === undefined) continue;
    await tools.layers.add(
      { file, diffId: diffIds[i] ?? '', chainId: chain[i] ?? '', below: chain.slice(0, i) },
      options.signal,
    );
    await tools.blobs.remove(layer.digest);
  }
}

/** At most `width` calls at a time; the others wait their turn. */
function limited<A, R>(width: number, work: (item: A, i: number) => Promise<R>): (item: A, i: number) => Promise<R> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (item, i) => {
    if (running >= width) await new Promise<void>((go) => waiting.push(go));
    running++;
    try {
      return await work(item, i);
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}
