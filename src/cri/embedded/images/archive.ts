// Reads image archives as `docker save` and OCI tools write them, plain or compressed, into files that can be looked up by name.
// Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { isJsonObject } from '../../../machinery/object.ts';
import { RuntimeError } from '../../port.ts';
import { compressionOf, decompressor } from './decompress.ts';
import { cleanParts } from './layer-tree.ts';
import { checkDigest, hexOf, type ImageConfigFile, readConfig, readManifest } from './oci.ts';

/** An image as an archive holds it; layers are files, lowest first. */
export interface ArchivedImage {
  readonly names: readonly string[];
  readonly id: string;
  readonly config: ImageConfigFile;
  readonly layers: readonly string[];
  /** Digest of the manifest, where the archive has one. */
  readonly manifestDigest: string | undefined;
}

const bad = (why: string) => new RuntimeError('internal', `this is no image archive: ${why}`);
const JSON_LIMIT = 16 * 1024 * 1024;

/** The archive's files under names that nobody but us chose. */
class ArchiveFiles {
  private readonly files = new Map<string, string>();
  private readonly links = new Map<string, string>();

  constructor(private readonly directory: string) {}

  async read(archive: string): Promise<void> {
    const handle = await open(archive, 'r');
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0).finally(() => handle.close());
    const inflate = decompressor(compressionOf(buffer)) ?? new PassThrough();
    const fed = pipeline(createReadStream(archive, { highWaterMark: 1 << 20 }), inflate);
    fed.catch(() => undefined); // Awaited below.
    const decoder = createTarDecoder({ strict: true });
    const entries = Readable.toWeb(inflate).pipeThrough(
      decoder as unknown as Parameters<ReturnType<typeof Readable.toWeb>['pipeThrough']>[0],
    );
    try {
      for await (const entry of entries as AsyncIterable<ParsedTarEntry>) await this.take(entry);
      await fed;
    } catch (error) {
      await fed.catch(() => undefined);
      throw error instanceof RuntimeError ? error : bad((error as Error).message);
    }
  }

  private async take(entry: ParsedTarEntry): Promise<void> {
    const { header } = entry;
    const name = cleanParts(header.name).join('/');
    if (header.type === 'file' || header.type === undefined) {
      const path = join(this.directory, createHash('sha256').update(name).digest('hex').slice(0, 32));
      await pipeline(Readable.fromWeb(entry.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(path));
      this.files.set(name, path);
      return;
    }
    await entry.body.cancel();
    if (header.type === 'symlink') this.links.set(name, cleanParts(`${name}/../${header.linkname ?? ''}`).join('/'));
    if (header.type === 'link') this.links.set(name, cleanParts(header.linkname ?? '').join('/'));
  }

  path(name: string): string | undefined {
    let at = cleanParts(name).join('/');
    for (let hops = 0; hops < 10; hops++) {
      const file = this.files.get(at);
      if (file !== undefined) return file;
      const next = this.links.get(at);
      if (next === undefined) return undefined;
      at = next;
    }
    return undefined;
  }

  need(name: string): string {
    const path = this.path(name);
    if (path === undefined) throw bad(`it lacks ${JSON.stringify(name)}`);
    return path;
  }

  async bytes(name: string): Promise<Buffer> {
    const data = await readFile(this.need(name));
    if (data.length > JSON_LIMIT) throw bad(`${name} is too large`);
    return data;
  }
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const blobName = (digest: string) => `blobs/sha256/${hexOf(checkDigest(digest))}`;

/** Unpacks the archive into `directory` and says which images it holds. */
export async function readArchive(archive: string, directory: string): Promise<ArchivedImage[]> {
  const files = new ArchiveFiles(directory);
  await files.read(archive);
  if (files.path('index.json') !== undefined && files.path('manifest.json') === undefined) return readLayout(files);
  if (files.path('manifest.json') !== undefined) return readDockerArchive(files);
  throw bad('it has neither manifest.json nor index.json');
}

async function readDockerArchive(files: ArchiveFiles): Promise<ArchivedImage[]> {
  const list: unknown = JSON.parse((await files.bytes('manifest.json')).toString('utf8'));
  if (!Array.isArray(list)) throw bad('manifest.json is no list');
  const images: ArchivedImage[] = [];
  for (const entry of list) {
    if (!isJsonObject(entry) || typeof entry.Config !== 'string' || !Array.isArray(entry.Layers))
      throw bad('manifest.json is malformed');
    const bytes = await files.bytes(entry.Config);
    images.push({
      names: Array.isArray(entry.RepoTags) ? entry.RepoTags.map(String) : [],
      id: digestOf(bytes),
      config: readConfig(bytes),
      layers: entry.Layers.map((name) => files.need(String(name))),
      manifestDigest: undefined,
    });
  }
  return images;
}

async function readLayout(files: ArchiveFiles): Promise<ArchivedImage[]> {
  const index: unknown = JSON.parse((await files.bytes('index.json')).toString('utf8'));
  if (!isJsonObject(index) || !Array.isArray(index.manifests)) throw bad('index.json names no manifests');
  const images: ArchivedImage[] = [];
  for (const entry of index.manifests) {
    if (!isJsonObject(entry)) throw bad('index.json is malformed');
    const annotations = isJsonObject(entry.annotations) ? entry.annotations : {};
    const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'];
    images.push(await readLayoutImage(files, checkDigest(entry.digest), typeof name === 'string' ? [name] : []));
  }
  return images;
}

async function readLayoutImage(files: ArchiveFiles, digest: string, names: readonly string[]): Promise<ArchivedImage> {
  const found = readManifest(await files.bytes(blobName(digest)));
  if ('choose' in found) return readLayoutImage(files, found.choose.digest, names);
  const { manifest } = found;
  const config = await files.bytes(blobName(manifest.config.digest));
  return {
    names,
    id: digestOf(config),
    config: readConfig(config),
    layers: manifest.layers.map((l) => files.need(blobName(l.digest))),
    manifestDigest: digest,
  };
}
