// Debian's docker-registry on loopback, and a small pusher for the images that the tests make.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './cluster.ts';

export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  close(): Promise<void>;
}

export async function startRegistry(dir: string): Promise<Registry> {
  const port = await freePort();
  mkdirSync(join(dir, 'registry'), { recursive: true });
  const config = join(dir, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: ${join(dir, 'registry')}}\n  delete: {enabled: true}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const child: ChildProcess = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const address = `127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    try {
      if ((await fetch(`http://${address}/v2/`)).ok) break;
    } catch {
      if (i > 200) throw new Error('docker-registry does not answer');
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

export interface PushedImage {
  /** Uncompressed or gzipped layer tars. */
  readonly layers: readonly { readonly data: Uint8Array; readonly mediaType: string; readonly diffId: string }[];
  /** OCI image configuration without `rootfs`. */
  readonly config: Record<string, unknown>;
}

const sha256 = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

async function pushBlob(base: string, data: Uint8Array): Promise<string> {
  const digest = sha256(data);
  if ((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) return digest;
  const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
  const where = begun.headers.get('location') ?? '';
  const url = new URL(where, base);
  url.searchParams.set('digest', digest);
  const done = await fetch(url, { method: 'PUT', body: data, headers: { 'content-type': 'application/octet-stream' } });
  if (done.status !== 201) throw new Error(`the registry refused a blob: ${done.status} ${await done.text()}`);
  return digest;
}

/** Pushes an image under `repository:tag`. */
export async function pushImage(
  registry: Registry,
  repository: string,
  tag: string,
  image: PushedImage,
): Promise<void> {
  const base = `http://${registry.address}/v2/${repository}`;
  const layers = [];
  for (const layer of image.layers) {
    layers.push({ mediaType: layer.mediaType, size: layer.data.length, digest: await pushBlob(base, layer.data) });
  }
  const config = Buffer.from(
    JSON.stringify({ ...image.config, rootfs: { type: 'layers', diff_ids: image.layers.map((l) => l.diffId) } }),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      size: config.length,
      digest: await pushBlob(base, config),
    },
    layers,
  };
  const put = await fetch(`${base}/manifests/${tag}`, {
    method: 'PUT',
    body: JSON.stringify(manifest),
    headers: { 'content-type': manifest.mediaType },
  });
  if (put.status !== 201) throw new Error(`the registry refused a manifest: ${put.status} ${await put.text()}`);
}
