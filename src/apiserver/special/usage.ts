// What nodes and pods use, read from the summaries of their kubelets.
// Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/
import type { NodeConnector } from '../../client/node-api.ts';
import type { Clock } from '../../host/clock.ts';
import { nodeApiOf } from './nodes.ts';

interface Use {
  readonly cpu?: { readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

export interface NodeSummary {
  readonly node: Use;
  readonly pods: readonly {
    readonly podRef: { readonly uid: string };
    readonly containers: readonly (Use & { readonly name: string })[];
  }[];
}

export interface Look {
  readonly summary: NodeSummary;
  /** Over how long the rates were taken. */
  readonly windowMs: number;
}

/** Rates need two looks: after so long without one, another is taken first. */
const STALE_MS = 60_000;
const APART_MS = 1_100;
const AT_ONCE = 16;

/** A quantity of CPU and one of memory, as metrics servers write them. */
export function usageOf(use: Use): Record<string, string> {
  return {
    cpu: `${Math.round(use.cpu?.usageNanoCores ?? 0)}n`,
    memory: `${Math.round((use.memory?.workingSetBytes ?? 0) / 1024)}Ki`,
  };
}

export class NodeUsage {
  private readonly lastLook = new Map<string, number>();

  constructor(
    private readonly connector: NodeConnector | undefined,
    private readonly clock: Clock,
  ) {}

  /** Nodes that cannot be reached are left out, as a metrics server does. */
  async look(nodes: readonly string[]): Promise<Map<string, Look>> {
    const now = this.clock.now();
    const stale = nodes.filter((name) => now - (this.lastLook.get(name) ?? 0) > STALE_MS);
    if (stale.length > 0) {
      await this.read(stale);
      await this.clock.sleep(APART_MS);
    }
    return this.read(nodes);
  }

  private async read(nodes: readonly string[]): Promise<Map<string, Look>> {
    const found = new Map<string, Look>();
    for (let i = 0; i < nodes.length; i += AT_ONCE) {
      const some = nodes.slice(i, i + AT_ONCE);
      const looks = await Promise.allSettled(some.map((name) => this.readOne(name)));
      looks.forEach((look, j) => {
        if (look.status === 'fulfilled') found.set(some[j] ?? '', look.value);
      });
    }
    return found;
  }

  private async readOne(name: string): Promise<Look> {
    const api = await nodeApiOf(this.connector, name);
    const response = await api.request({
      method: 'GET',
      path: '/stats/summary',
      query: new URLSearchParams(),
      headers: {},
    });
    if (response.status !== 200 || !(response.body instanceof Uint8Array)) throw new Error(`${name} gave no summary`);
    const summary: NodeSummary = JSON.parse(Buffer.from(response.body).toString('utf8'));
    const now = this.clock.now();
    const windowMs = now - (this.lastLook.get(name) ?? now);
    this.lastLook.set(name, now);
    return { summary, windowMs };
  }
}
