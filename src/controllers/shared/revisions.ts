// ControllerRevisions: the past templates of DaemonSets and StatefulSets, for roll-outs and roll-backs.

import { type Client, CONTROLLER_REVISIONS, type Informer, type ResourceRef } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { parseExact } from '../../machinery/exact-json.ts';
import { fnv32a, safeEncode } from '../../machinery/hash.ts';
import { compareInt64, greatestOf, type Int64, plus } from '../../machinery/int64.ts';
import { canonicalJson, deepEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ControllerRevision } from '../../resources/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { createdAt, ownerReference } from './pods.ts';

interface Templated extends KubeObject {
  spec?: { template?: PodTemplateSpec; revisionHistoryLimit?: number };
  status?: { collisionCount?: number };
}

type Data = Record<string, unknown>;

/** The form in which clients compare it, byte by byte: keys in order, and no time of creation, which a template has not. */
function dataOfTemplate(template: object | undefined): Data {
  const { metadata, ...rest } = (template ?? {}) as { metadata?: Record<string, unknown> };
  const { creationTimestamp: _none, ...named } = metadata ?? {};
  const plain = { ...rest, ...(metadata === undefined ? {} : { metadata: named }), $patch: 'replace' };
  return parseExact(canonicalJson({ spec: { template: plain } })) as Data;
}

/** What a roll-back puts in: the template replaces the one that is there. */
const dataOf = (owner: Templated): Data => dataOfTemplate(owner.spec?.template);

/** Revisions that were made when the null time was kept are the same still. */
function holds(one: ControllerRevision, data: Data): boolean {
  const { spec } = (one.data ?? {}) as { spec?: { template?: object } };
  return deepEqual(one.data, data) || (spec !== undefined && deepEqual(dataOfTemplate(spec.template), data));
}

export function hashOf(owner: Templated): string {
  const collisions = owner.status?.collisionCount;
  return safeEncode(
    String(fnv32a(canonicalJson(dataOf(owner)) + (collisions === undefined ? '' : String(collisions)))),
  );
}

export interface Revisions {
  /** The revision of the present template. */
  readonly update: ControllerRevision;
  /** All, oldest first, the present one last. */
  readonly all: readonly ControllerRevision[];
}

export interface RevisionOptions<T extends Templated> {
  readonly client: Client;
  readonly ref: ResourceRef<T>;
  readonly owner: T;
  readonly revisions: Informer<ControllerRevision>;
  /** The label that holds the hash on the revision: not the same for both kinds. */
  readonly hashLabel: string;
  /** A DaemonSet's revisions have its annotations. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const byAge = (a: ControllerRevision, b: ControllerRevision): number =>
  compareInt64(a.revision, b.revision) ||
  createdAt(a) - createdAt(b) ||
  ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

/** Finds or makes the revision of the present template; one that was used before gets the newest number. */
export async function syncRevisions<T extends Templated>(options: RevisionOptions<T>): Promise<Revisions> {
  const { client, owner, revisions } = options;
  const namespace = owner.metadata.namespace ?? '';
  const own = revisions
    .byIndex('controller', owner.metadata.uid ?? '')
    .filter((one) => one.metadata.deletionTimestamp === undefined)
    .sort(byAge);
  const data = dataOf(owner);
  const same = own.filter((one) => holds(one, data)).at(-1);
  const newest = greatestOf(0, ...own.map((one) => one.revision));
  if (same !== undefined) {
    if (same.revision === newest) return { update: same, all: own };
    const body = { revision: plus(newest, 1) };
    const { name = '' } = same.metadata;
    const raised = await client.resource(CONTROLLER_REVISIONS).patch(namespace, name, 'merge', body);
    return { update: raised, all: [...own.filter((one) => one !== same), raised] };
  }
  const made = await make(options, data, plus(newest, 1));
  return { update: made, all: [...own.filter((one) => one.metadata.uid !== made.metadata.uid), made] };
}

async function make<T extends Templated>(
  { client, owner, ref, hashLabel, annotations }: RevisionOptions<T>,
  data: Data,
  revision: Int64,
): Promise<ControllerRevision> {
  const hash = hashOf(owner);
  const { namespace = '', name = '' } = owner.metadata;
  const wanted: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...owner.spec?.template?.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [ownerReference({ ...owner, kind: ref.kind })],
    },
    data,
    revision,
  };
  const target = client.resource(CONTROLLER_REVISIONS);
  try {
    return await target.create(namespace, wanted);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    const there = await target.get(namespace, wanted.metadata.name ?? '');
    if (holds(there, data)) return there;
    // Two templates with one hash: the count goes into the next one.
    const status = { ...owner.status, collisionCount: (owner.status?.collisionCount ?? 0) + 1 };
    await client.resource(ref).updateStatus({ ...owner, status });
    throw error;
  }
}

/** Forgets revisions that nothing uses beyond the limit, oldest first. */
export async function trimRevisions(
  client: Client,
  options: { readonly all: readonly ControllerRevision[]; readonly inUse: ReadonlySet<string>; readonly limit: number },
): Promise<void> {
  const idle = options.all.filter((one) => !options.inUse.has(one.metadata.name ?? ''));
  for (const one of idle.slice(0, Math.max(0, idle.length - options.limit))) {
    try {
      await client.resource(CONTROLLER_REVISIONS).delete(one.metadata.namespace ?? '', one.metadata.name ?? '');
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
