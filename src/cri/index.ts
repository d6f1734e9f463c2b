// The face of the container runtimes: the port, and what implements it.

export { type ImageStore, type ImageStoreOptions, type OpenedImage, openImageStore } from './embedded/images/index.ts';
export { createEmbeddedRuntime, type EmbeddedRuntime, type EmbeddedRuntimeOptions } from './embedded/runtime.ts';
export { GrpcImages } from './grpc/images.ts';
export { GrpcRuntime, type GrpcRuntimeOptions } from './grpc/runtime.ts';
export { CriConnection } from './grpc/wire.ts';
export {
  type ContainerConfig,
  type ContainerStats,
  type ContainerStatus,
  type Device,
  type ExecSyncResult,
  type ImageInfo,
  type ImageService,
  type LinuxResources,
  type LinuxSecurity,
  type Mount,
  type NamespaceMode,
  type PodSandboxConfig,
  type PodSandboxStats,
  type PodSandboxStatus,
  type PortMapping,
  type PullProgress,
  type RegistryAuth,
  RUNS_TO_COMPLETION,
  RuntimeError,
  type RuntimeErrorKind,
  type RuntimeEvent,
  type RuntimeFeatures,
  type RuntimeService,
  type RuntimeVersion,
  type UserNamespace,
} from './port.ts';
export { SimulatedImages, type SimulatedImagesOptions } from './simulated/images.ts';
export type { Behaviour, Rule } from './simulated/rules.ts';
export { SimulatedRuntime, type SimulatedRuntimeOptions } from './simulated/runtime.ts';
