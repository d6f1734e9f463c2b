// Pods over the API: made, waited for, deleted; one watch tells what becomes of them.
import { type LoadClient, measure } from './load.ts';

const NAMESPACE = '/api/v1/namespaces/default';
export const PODS = `${NAMESPACE}/pods`;

interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

interface WatchLine {
  readonly type: string;
  readonly object: { readonly metadata: { readonly name: string }; readonly status?: PodStatus };
}

type Wish = (status: PodStatus | 'gone') => boolean;

export function isReady(status: PodStatus | 'gone'): boolean {
  return status !== 'gone' && status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
}

export function hasPhase(phase: string): Wish {
  return (status) => status !== 'gone' && status.phase === phase;
}

const VOLUMES = [
  { name: 'scratch', emptyDir: {} },
  { name: 'settings', configMap: { name: 'bench' } },
];

export interface PodShape {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  /** An emptyDir and a ConfigMap beside the service account's token, which every pod has. */
  readonly volumes?: boolean;
}

function podOf(shape: PodShape): Buffer {
  const { name, image, command = ['/bin/sleep', '100000'] } = shape;
  const mounts = shape.volumes === true ? VOLUMES.map((v) => ({ name: v.name, mountPath: `/${v.name}` })) : [];
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image, imagePullPolicy: 'IfNotPresent', command, volumeMounts: mounts }],
        ...(shape.volumes === true ? { volumes: VOLUMES } : {}),
      },
    }),
  );
}

export class PodClient {
  private readonly wishes = new Map<string, { wish: Wish; granted: () => void }>();
  private end: () => void = () => undefined;

  private constructor(private readonly client: LoadClient) {}

  static async open(client: LoadClient): Promise<PodClient> {
    const pods = new PodClient(client);
    const list = JSON.parse((await client.send('GET', `${PODS}?limit=1`)).toString()) as {
      metadata: { resourceVersion: string };
    };
    const path = `${PODS}?watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    pods.end = await client.watch(path, (text) => {
      const line: WatchLine = JSON.parse(text);
      const { name } = line.object.metadata;
      const waiting = pods.wishes.get(name);
      if (waiting?.wish(line.type === 'DELETED' ? 'gone' : (line.object.status ?? {})) !== true) return;
      pods.wishes.delete(name);
      waiting.granted();
    });
    return pods;
  }

  /** Resolves when the watch says so; a wish is made before what grants it. */
  until(name: string, wish: Wish): Promise<void> {
    return new Promise((resolve) => this.wishes.set(name, { wish, granted: resolve }));
  }

  async start(shape: PodShape): Promise<void> {
    const ready = this.until(shape.name, isReady);
    await this.client.send('POST', PODS, podOf(shape));
    await ready;
  }

  async delete(name: string): Promise<void> {
    const gone = this.until(name, (status) => status === 'gone');
    await this.client.send('DELETE', `${PODS}/${name}`);
    await gone;
  }

  deleteAll(names: readonly string[]): Promise<unknown> {
    return measure(names.length, 4, (i) => this.delete(names[i] ?? ''));
  }

  /** What the volumes of pods are made of. */
  async makeSettings(): Promise<void> {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bench' }, data: { a: '1', b: '2' } };
    await this.client.send('POST', `${NAMESPACE}/configmaps`, Buffer.from(JSON.stringify(map)));
  }

  close(): void {
    this.end();
  }
}
