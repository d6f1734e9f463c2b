// What can be set about a kubelet, with the values that Kubernetes takes when nothing is said.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/

export interface EvictionThresholds {
  /** Bytes of memory that must be free. */
  readonly memoryAvailable: number;
  /** Shares of the file system, 0 to 1. */
  readonly nodefsAvailable: number;
  readonly nodefsInodesFree: number;
  readonly imagefsAvailable: number;
  readonly imagefsInodesFree: number;
  readonly pidAvailable: number;
}

export interface KubeletConfig {
  readonly maxPods: number;
  readonly podPidsLimit: number;
  readonly maxParallelImagePulls: number;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly containerLogMaxSize: number;
  readonly containerLogMaxFiles: number;
  readonly imageGcHighPercent: number;
  readonly imageGcLowPercent: number;
  readonly imageMinimumAgeMs: number;
  /** Images that nobody has used for so long go, however much room there is; 0: they stay. */
  readonly imageMaximumAgeMs: number;
  readonly evictionHard: EvictionThresholds;
  readonly evictionLookMs: number;
  readonly systemReserved: { readonly cpuMilli: number; readonly memoryBytes: number };
  readonly shutdownGraceSeconds: number;
  readonly shutdownGraceCriticalSeconds: number;
  readonly registerWithTaints: readonly { key: string; value?: string; effect: string }[];
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** Where static pods lie; nothing is looked for when absent. */
  readonly staticPodPath?: string;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly resolvConf: string;
}

const MIB = 1024 * 1024;

export const DEFAULT_CONFIG: KubeletConfig = {
  maxPods: 110,
  podPidsLimit: -1,
  maxParallelImagePulls: 4,
  allowedUnsafeSysctls: [],
  containerLogMaxSize: 10 * MIB,
  containerLogMaxFiles: 5,
  imageGcHighPercent: 85,
  imageGcLowPercent: 80,
  imageMinimumAgeMs: 120_000,
  imageMaximumAgeMs: 0,
  evictionHard: {
    memoryAvailable: 100 * MIB,
    nodefsAvailable: 0.1,
    nodefsInodesFree: 0.05,
    imagefsAvailable: 0.15,
    imagefsInodesFree: 0.05,
    // Kubernetes says nothing of processes; here a pod that forks without end must not take the host with it.
    pidAvailable: 0.02,
  },
  evictionLookMs: 10_000,
  systemReserved: { cpuMilli: 0, memoryBytes: 100 * MIB },
  shutdownGraceSeconds: 30,
  shutdownGraceCriticalSeconds: 10,
  registerWithTaints: [],
  nodeLabels: {},
  clusterDns: [],
  clusterDomain: 'cluster.local',
  resolvConf: '/etc/resolv.conf',
};
