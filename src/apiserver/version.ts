// The version of Kubernetes whose API is served.
import { arch, platform } from 'node:process';
import type { JsonObject } from '../machinery/object.ts';

export const KUBERNETES_MAJOR = '1';
export const KUBERNETES_MINOR = '36';

export interface VersionOptions {
  /** `v1.36.0+minke0.1.0` */
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly buildDate: string;
}

export const DEFAULT_VERSION: VersionOptions = {
  gitVersion: 'v1.36.0+minke',
  gitCommit: '',
  buildDate: '1970-01-01T00:00:00Z',
};

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export function versionInfo(options: VersionOptions): JsonObject {
  return {
    major: KUBERNETES_MAJOR,
    minor: KUBERNETES_MINOR,
    emulationMajor: KUBERNETES_MAJOR,
    emulationMinor: KUBERNETES_MINOR,
    minCompatibilityMajor: KUBERNETES_MAJOR,
    minCompatibilityMinor: String(Number(KUBERNETES_MINOR) - 1),
    gitVersion: options.gitVersion,
    gitCommit: options.gitCommit,
    gitTreeState: 'clean',
    buildDate: options.buildDate,
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform: `${platform}/${ARCHITECTURES[arch] ?? arch}`,
  };
}
