// The face of the image store.
export { type ImageStore, type ImageStoreOptions, type OpenedImage, openImageStore } from './image-store.ts';
export type { OciImageConfig } from './oci.ts';
