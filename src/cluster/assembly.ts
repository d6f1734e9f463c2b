// What the parts of a cluster hand on to one another as they start.
import type { ApiServer } from '../apiserver/index.ts';
import type { InformerFactory } from '../client/index.ts';
import type { ImageStore } from '../cri/index.ts';
import type { Transport } from '../machinery/http.ts';
import type { DnsServer } from '../network/index.ts';
import type { Store } from '../store/index.ts';
import type { ClusterConfig, ClusterPaths } from './config.ts';
import type { Logger } from './log.ts';
import type { RunningNode } from './node.ts';
import type { Pki } from './pki.ts';

export interface Assembly {
  readonly config: ClusterConfig;
  readonly paths: ClusterPaths;
  readonly log: Logger;
  readonly startedAt: number;
  readonly nodes: RunningNode[];
  /** What parts of the cluster were refused, each once. */
  readonly refusals: Set<string>;
  store?: Store;
  pki?: Pki;
  api?: ApiServer;
  transport?: Transport;
  /** The uids of the parts' service accounts in kube-system. */
  accounts?: ReadonlyMap<string, string>;
  /** Shared by all that run on the control plane. */
  informers?: InformerFactory;
  images?: ImageStore;
  /** Where the cluster's DNS answers; absent where pods have no address in common with this host. */
  dns?: { readonly address: string; readonly server: DnsServer };
  /** Resolves when Services have led somewhere for the first time. */
  servicesBegun?: Promise<void>;
}

/** The value of a part that has started before; its absence is a mistake in the order of the table. */
export function need<K extends 'store' | 'pki' | 'api' | 'transport' | 'informers' | 'images'>(
  assembly: Assembly,
  key: K,
): NonNullable<Assembly[K]> {
  const value = assembly[key];
  if (value === undefined) throw new Error(`${key} is not there yet`);
  return value;
}
