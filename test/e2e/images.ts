// The images that the end-to-end tests run, made once per run from Debian packages and pushed to a registry on loopback.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuiltImage, buildDebianImage, DEBIAN_IMAGES } from '../../src/cluster/index.ts';
import { run } from './cluster.ts';
import { type PushedImage, pushImage, type Registry } from './registry.ts';

async function runOrThrow(file: string, args: readonly string[], options: { timeoutMs?: number } = {}): Promise<void> {
  const ran = await run(file, args, options);
  if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}`);
}

export function buildImage(name: keyof typeof DEBIAN_IMAGES, dir: string): Promise<BuiltImage> {
  const work = join(dir, `image-${name}`);
  mkdirSync(work, { recursive: true });
  return buildDebianImage(DEBIAN_IMAGES[name], work, runOrThrow);
}

/** The built image as a registry takes it: one gzipped layer. */
export function pushable(image: BuiltImage): PushedImage {
  const { rootfs: _, ...config } = image.config;
  return {
    layers: [
      {
        data: gzipSync(readFileSync(image.layer), { level: 1 }),
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        diffId: image.diffId,
      },
    ],
    config,
  };
}

/** Docker Hub as the seed documents know it, on loopback. */
export async function fillRegistry(registry: Registry, dir: string): Promise<void> {
  const nginx = pushable(await buildImage('nginx', dir));
  for (const tag of ['latest', '1.25']) await pushImage(registry, 'library/nginx', tag, nginx);
  await pushImage(registry, 'alicek106/rr-test', 'curl', nginx);
  await pushImage(registry, 'library/busybox', 'latest', pushable(await buildImage('busybox', dir)));
}

/** registries.yaml that sends Docker Hub's names to the registry. */
export function mirrorConfig(registry: Registry): string {
  return `mirrors:\n  docker.io:\n    endpoint: ["http://${registry.address}"]\n`;
}
