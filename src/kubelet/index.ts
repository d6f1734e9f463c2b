// The face of the kubelet.
export { DEFAULT_CONFIG, type EvictionThresholds, type KubeletConfig } from './config.ts';
export { type NodeCredentials, openNodeCredentials } from './images/node-credentials.ts';
export { createKubelet } from './kubelet.ts';
export type { Kubelet, KubeletOptions, LogSink } from './options.ts';
export { networkReach, noReach, type PodReach } from './probes/reach.ts';
export { NodeAccess } from './server/access.ts';
export { type GuardedNodeApi, guardNodeApi, type NodeStream } from './server/guarded.ts';
export { hostMounts, type MountPort, noMounts } from './volumes/mounts.ts';
