// The face of the composition root.
export { clusterConfig, clusterPaths } from './config.ts';
export {
  type BuiltImage,
  buildDebianImage,
  DEBIAN_IMAGES,
  type DebianImageSpec,
  type RunProgram,
  writeDockerArchive,
} from './debian-image.ts';
export { destroyCluster } from './destroy.ts';
export { ensurePki, type KeyPair, type Pki, type PkiRequest } from './pki.ts';
export { type RunningCluster, startCluster } from './start.ts';
