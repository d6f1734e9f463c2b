// Which resources the server has, custom ones included: for those controllers that treat all kinds alike.
import type { Client, ResourceRef } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/object.ts';

export interface DiscoveredResource {
  readonly ref: ResourceRef<KubeObject>;
  readonly verbs: ReadonlySet<string>;
}

export interface Discovery {
  readonly resources: readonly DiscoveredResource[];
  /** Group versions that could not be asked, with the reason. */
  readonly failures: readonly { readonly groupVersion: string; readonly message: string }[];
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs?: readonly string[];
  }[];
}

interface GroupList {
  readonly groups?: readonly { readonly preferredVersion?: { readonly groupVersion?: string } }[];
}

/** The preferred version of every group. */
export async function discover(client: Client): Promise<Discovery> {
  const groups = (await client.raw('GET', '/apis')) as GroupList;
  const preferred = (groups.groups ?? []).flatMap((group) => group.preferredVersion?.groupVersion ?? []);
  const resources: DiscoveredResource[] = [];
  const failures: { groupVersion: string; message: string }[] = [];
  await Promise.all(
    ['v1', ...preferred].map(async (groupVersion) => {
      try {
        resources.push(...(await resourcesOf(client, groupVersion)));
      } catch (error) {
        failures.push({ groupVersion, message: error instanceof Error ? error.message : String(error) });
      }
    }),
  );
  return { resources, failures };
}

async function resourcesOf(client: Client, groupVersion: string): Promise<DiscoveredResource[]> {
  const slash = groupVersion.indexOf('/');
  const group = slash < 0 ? '' : groupVersion.slice(0, slash);
  const version = groupVersion.slice(slash + 1);
  const list = (await client.raw('GET', slash < 0 ? `/api/${version}` : `/apis/${groupVersion}`)) as ResourceList;
  return (list.resources ?? [])
    .filter((resource) => !resource.name.includes('/'))
    .map((resource) => ({
      ref: { group, version, plural: resource.name, kind: resource.kind, namespaced: resource.namespaced },
      verbs: new Set(resource.verbs ?? []),
    }));
}

/** `pods.` or `deployments.apps`, as conditions of namespaces name resources. */
export function resourceText(ref: ResourceRef<KubeObject>): string {
  return `${ref.plural}.${ref.group}`;
}
