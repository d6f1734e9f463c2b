// The face of the composition root.
export {
  type BuiltImage,
  buildDebianImage,
  DEBIAN_IMAGES,
  type DebianImageSpec,
  type RunProgram,
  writeDockerArchive,
} from './debian-image.ts';
export { ensurePki, type KeyPair, type Pki, type PkiRequest } from './pki.ts';
