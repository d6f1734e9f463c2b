// Files of one volume that would be written to the same path, or one beneath the other.
// Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/api/pod/warnings.go
import type { Volume, VolumeProjection } from '../../generated/core-v1.ts';

interface Target {
  readonly path: string;
  /** Which source of a projected volume writes it; '' in other volumes. */
  readonly source: string;
}

function shown({ path, source }: Target): string {
  return source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;
}

function clashes(a: string, b: string): boolean {
  return a !== '' && b !== '' && (`${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`));
}

function overlaps(targets: readonly Target[]): string[] {
  const found: string[] = [];
  const before: Target[] = [];
  for (const { path, source } of targets) {
    const target = { path: path.replace(/\/+$/, ''), source };
    for (const other of before)
      if (clashes(target.path, other.path)) found.push(`${shown(target)} with ${shown(other)}`);
    before.push(target);
  }
  return found;
}

function targetsOf(items: readonly { path?: string }[] | undefined, source: string): Target[] {
  return (items ?? []).map(({ path }) => ({ path: path ?? '', source }));
}

/** The first kind of source that is given counts. */
function projectedTargets(source: VolumeProjection): Target[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  if (configMap?.items) return targetsOf(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`);
  if (secret?.items) return targetsOf(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`);
  if (downwardAPI?.items) return targetsOf(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) return targetsOf([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? '';
    return targetsOf([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(name)}`);
  }
  const files = [
    { path: podCertificate?.certificateChainPath ?? '', source: 'PodCertificate chain' },
    { path: podCertificate?.keyPath ?? '', source: 'PodCertificate key' },
    { path: podCertificate?.credentialBundlePath ?? '', source: 'PodCertificate credential bundle' },
  ];
  return files.filter(({ path }) => path !== '');
}

export function overlapWarnings(volumes: readonly Volume[]): string[] {
  const warnings: string[] = [];
  for (const { name, configMap, secret, downwardAPI, projected } of volumes) {
    const warn = (what: string, targets: readonly Target[]): void => {
      for (const overlap of overlaps(targets))
        warnings.push(`volume ${JSON.stringify(name ?? '')} (${what}): overlapping paths: ${overlap}`);
    };
    if (configMap?.items) warn(`ConfigMap ${JSON.stringify(configMap.name ?? '')}`, targetsOf(configMap.items, ''));
    if (secret?.items) warn(`Secret ${JSON.stringify(secret.secretName ?? '')}`, targetsOf(secret.items, ''));
    if (downwardAPI) warn('DownwardAPI', targetsOf(downwardAPI.items, ''));
    if (!projected?.sources) continue;
    for (const source of projected.sources)
      if (Object.keys(source).length === 0)
        warnings.push(`volume ${JSON.stringify(name ?? '')} (Projected) has no sources provided`);
    warn('Projected', projected.sources.flatMap(projectedTargets));
  }
  return warnings;
}
