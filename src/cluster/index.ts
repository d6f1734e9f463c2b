// The face of the composition root.

export {
  type BuiltImage,
  buildDebianImage,
  DEBIAN_IMAGES,
  type DebianImageSpec,
  type RunProgram,
  writeDockerArchive,
} from '../host/debian-image.ts';
export { clusterConfig, clusterPaths } from './config.ts';
export { destroyCluster } from './destroy.ts';
export { ensurePki, type KeyPair, type Pki, type PkiRequest } from './pki.ts';
export { type RunningCluster, startCluster } from './start.ts';
