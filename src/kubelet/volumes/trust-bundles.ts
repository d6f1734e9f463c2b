// The trust anchors of ClusterTrustBundles, followed from the first pod that wants some (KEP-3257).
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#clustertrustbundle
import { CLUSTER_TRUST_BUNDLES, type Informer, type InformerFactory } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import { selectorFromObject } from '../../machinery/label-selector.ts';
import type { ClusterTrustBundle } from '../../resources/generated/certificates-v1beta1.ts';
import type { ClusterTrustBundleProjection } from '../../resources/generated/core-v1.ts';

const BLOCK = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;

/** Certificates alone, each once, in an order that stays the same. */
export function normalizedAnchors(bundles: readonly ClusterTrustBundle[]): string {
  const found = new Set<string>();
  for (const bundle of bundles) {
    for (const [, body = ''] of (bundle.spec?.trustBundle ?? '').matchAll(BLOCK)) found.add(body.replace(/\s+/g, ''));
  }
  const lines = (text: string): string => text.replace(/.{64}(?=.)/g, '$&\n');
  return [...found]
    .sort()
    .map((text) => `-----BEGIN CERTIFICATE-----\n${lines(text)}\n-----END CERTIFICATE-----\n`)
    .join('');
}

/** So long the first answer may take; the pod is looked at again later. */
const PATIENCE_MS = 5000;

export class TrustBundles {
  private informer: Informer<ClusterTrustBundle> | undefined;
  private readonly users = new Set<string>();

  constructor(
    private readonly informers: InformerFactory,
    private readonly clock: Pick<Clock, 'sleep'>,
    private readonly onChange: (podUid: string) => void,
  ) {}

  private follow(): Informer<ClusterTrustBundle> {
    if (this.informer !== undefined) return this.informer;
    const informer = this.informers.informer(CLUSTER_TRUST_BUNDLES);
    const changed = (): void => {
      for (const uid of this.users) this.onChange(uid);
    };
    informer.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    this.informer = informer;
    return informer;
  }

  /** The API server serves them only when it is told to. */
  private async synced(informer: Informer<ClusterTrustBundle>): Promise<void> {
    const patience = new AbortController();
    const late = this.clock.sleep(PATIENCE_MS, patience.signal).then(() => true);
    const isLate = await Promise.race([late, informer.synced.then(() => false)]);
    patience.abort();
    if (isLate)
      throw new Error(
        'ClusterTrustBundles cannot be read: has Minke been started with --runtime-config certificates.k8s.io/v1beta1?',
      );
  }

  async anchors(podUid: string, source: ClusterTrustBundleProjection): Promise<string> {
    const informer = this.follow();
    this.users.add(podUid);
    await this.synced(informer);
    const { name, signerName, labelSelector, optional } = source;
    if (name !== undefined) {
      const one = informer.get(name);
      if (one !== undefined) return normalizedAnchors([one]);
      if (optional === true) return '';
      throw new Error(`while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "${name}" not found`);
    }
    // No selector selects nothing, an empty one everything.
    const selector = selectorFromObject(labelSelector);
    const chosen = informer
      .list()
      .filter((one) => one.spec?.signerName === signerName && selector.matches(one.metadata.labels));
    if (chosen.length === 0 && optional !== true)
      throw new Error('combination of signerName and labelSelector matched zero ClusterTrustBundles');
    return normalizedAnchors(chosen);
  }

  release(podUid: string): void {
    this.users.delete(podUid);
  }
}
