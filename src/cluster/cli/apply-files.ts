// `minke up -f FILE`: applies the files' objects through the API and waits until the pods among them are Ready.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Client, ResourceRef } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { isJsonObject, type KubeObject } from '../../machinery/object.ts';
import { UserError } from './command.ts';

interface Applied {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The objects of a YAML or JSON file, or of those in a directory, `List`s taken apart. */
export function readManifest(path: string): ManifestObject[] {
  if (statSync(path).isDirectory()) {
    const names = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name));
    return names.sort().flatMap((name) => readManifest(join(path, name)));
  }
  const found: ManifestObject[] = [];
  for (const doc of parseAllDocuments(readFileSync(path, 'utf8'))) {
    const problem = doc.errors[0];
    if (problem !== undefined) throw new UserError(`error parsing ${path}: ${problem.message}`);
    collect(doc.toJS(), path, found);
  }
  return found;
}

function collect(value: unknown, path: string, into: ManifestObject[]): void {
  if (value === null || value === undefined) return;
  if (!isJsonObject(value)) throw new UserError(`${path}: a document is not an object`);
  if (value.kind === 'List' && Array.isArray(value.items)) {
    for (const item of value.items) collect(item, path, into);
    return;
  }
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string')
    throw new UserError(`${path}: apiVersion or kind is missing`);
  if (!isJsonObject(metadata) || typeof metadata.name !== 'string')
    throw new UserError(`${path}: metadata.name is missing`);
  into.push(value as unknown as ManifestObject);
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

async function findResource(client: Client, object: ManifestObject): Promise<ResourceRef<KubeObject>> {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  const version = object.apiVersion.slice(slash + 1);
  const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const answer = (await client.raw('GET', prefix).catch((error: unknown) => {
    if (isApiError(error, 'NotFound')) return {};
    throw error;
  })) as { resources?: ApiResource[] };
  const found = answer.resources?.find((r) => r.kind === object.kind && !r.name.includes('/'));
  if (found === undefined)
    throw new UserError(
      `no matches for kind "${object.kind}" in version "${object.apiVersion}"`,
      'kubectl api-resources lists the kinds and their versions',
    );
  return { group, version, plural: found.name, kind: object.kind, namespaced: found.namespaced };
}

async function applyOne(client: Client, object: ManifestObject): Promise<Applied> {
  const ref = await findResource(client, object);
  const namespace = ref.namespaced ? (object.metadata.namespace ?? 'default') : '';
  const { name } = object.metadata;
  await client
    .resource(ref)
    .patch(namespace, name, 'apply', object, { fieldManager: 'minke', force: true })
    .catch((error: unknown) => {
      throw isApiError(error) ? new UserError(error.message, `mend ${object.kind} ${name} in the file`) : error;
    });
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
}

interface PodView {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

const ready = (pod: PodView): boolean =>
  pod.status?.phase === 'Succeeded' ||
  (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

/** What a pod waits for, in its own words. */
function waitingFor(pod: PodView): string {
  for (const c of pod.status?.containerStatuses ?? []) {
    const waiting = c.state?.waiting;
    if (waiting?.reason !== undefined)
      return waiting.message === undefined ? waiting.reason : `${waiting.reason}: ${waiting.message}`;
  }
  const condition = pod.status?.conditions?.find((c) => c.status === 'False' && c.message !== undefined);
  return condition?.message ?? pod.status?.phase ?? 'Pending';
}

const why = ({ namespace, name }: Applied) =>
  `minke why ${name}${namespace === 'default' ? '' : ` -n ${namespace}`} tells what to do`;

async function waitReady(client: Client, pod: Applied, until: number, say: (text: string) => void): Promise<void> {
  for (;;) {
    const now = (await client.raw('GET', `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`)) as PodView;
    if (ready(now)) return;
    if (now.status?.phase === 'Failed') throw new UserError(`pod ${pod.name} failed: ${waitingFor(now)}`, why(pod));
    if (Date.now() > until) throw new UserError(`pod ${pod.name} is not Ready: ${waitingFor(now)}`, why(pod));
    say(waitingFor(now));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Applies every object of the files in order, then waits for their pods. Throws a UserError that says what is wrong. */
export async function applyFiles(
  client: Client,
  files: readonly string[],
  options: { readonly timeoutMs: number; readonly say: (text: string) => void },
): Promise<void> {
  const applied: Applied[] = [];
  for (const file of files) for (const object of readManifest(file)) applied.push(await applyOne(client, object));
  const until = Date.now() + options.timeoutMs;
  for (const pod of applied) {
    if (pod.kind !== 'Pod' || pod.apiVersion !== 'v1') continue;
    await waitReady(client, pod, until, (text) => options.say(`pod ${pod.name}: ${text}`));
  }
}
