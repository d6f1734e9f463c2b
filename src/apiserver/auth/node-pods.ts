// Which pods are bound to which node, for the node authorizer; read when a node first asks.
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Store, StoredValue } from '../../store/index.ts';
import type { Catalog } from '../registry/catalog.ts';
import { readObject } from '../registry/objects.ts';
import type { NodePods } from './node-authorizer.ts';

export class NodePodIndex implements NodePods {
  private readonly byNode = new Map<string, Map<string, Pod>>();
  private readonly nodeOf = new Map<string, string>();
  /** Pods that were not looked at yet: only clusters whose nodes have users of their own ever look. */
  private readonly unread = new Map<string, StoredValue>();
  private stop: (() => void) | undefined;

  constructor(
    private readonly store: Store,
    private readonly catalog: Catalog,
  ) {}

  async start(): Promise<void> {
    const entry = this.catalog.find('', 'v1', 'pods');
    if (entry === undefined) return;
    const found = await this.store.list({ prefix: entry.prefix });
    for (const value of found.items) this.unread.set(value.key, value);
    this.stop = await this.store.watch({
      prefix: entry.prefix,
      afterRevision: found.revision,
      onEvents: (events) => {
        for (const event of events) {
          if (event.type === 'put') this.unread.set(event.current.key, event.current);
          else {
            this.unread.delete(event.current.key);
            this.remove(event.current.key);
          }
        }
      },
    });
  }

  private set(key: string, object: KubeObject): void {
    const pod = object as Pod;
    const node = pod.spec?.nodeName ?? '';
    if (this.nodeOf.get(key) !== node) this.remove(key);
    if (node === '') return;
    this.nodeOf.set(key, node);
    let pods = this.byNode.get(node);
    if (pods === undefined) {
      pods = new Map();
      this.byNode.set(node, pods);
    }
    pods.set(key, pod);
  }

  private remove(key: string): void {
    const node = this.nodeOf.get(key);
    if (node === undefined) return;
    this.nodeOf.delete(key);
    const pods = this.byNode.get(node);
    pods?.delete(key);
    if (pods?.size === 0) this.byNode.delete(node);
  }

  private readAll(): void {
    const entry = this.catalog.find('', 'v1', 'pods');
    if (entry === undefined) return;
    for (const [key, value] of this.unread) this.set(key, readObject(entry, value));
    this.unread.clear();
  }

  podsOf(nodeName: string): Iterable<Pod> {
    this.readAll();
    return this.byNode.get(nodeName)?.values() ?? [];
  }

  close(): void {
    this.stop?.();
  }
}
