// Custom resources: follows the CustomResourceDefinitions, serves what they define from the moment they are written, and cleans up after them.
import type { Clock, Random } from '../../host/clock.ts';
import type { Transport, UserInfo } from '../../machinery/http.ts';
import { encodeJson } from '../../machinery/json.ts';
import type { CustomResourceDefinition } from '../../resources/generated/apiextensions-v1.ts';
import type { Store } from '../../store/index.ts';
import type { ServiceResolver } from '../admission/webhooks/index.ts';
import type { Catalog, CatalogEntry } from '../registry/catalog.ts';
import { followCollection } from '../registry/follow.ts';
import { cloneObject, parseStored, writeOf } from '../registry/objects.ts';
import { webhookConverter } from './converter.ts';
import { CLEANUP_FINALIZER } from './deletion.ts';
import { isSettled, judgeNames } from './names.ts';
import { rowsOf, type ViewMaker } from './rows.ts';
import { VersionView } from './version-view.ts';

export { isDefinition, markDefinition } from './deletion.ts';
export { type ReadObject, readCustom } from './wire.ts';

const SERVER: UserInfo = { username: 'system:apiserver', groups: ['system:masters'], uid: '', extra: {} };
const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** How often objects are looked for that still hold a definition that is being deleted. */
const CLEANUP_RETRY_MS = 200;

export interface CustomResourcesOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly handle: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the Services of conversion webhooks are reached. */
  readonly resolveService: ServiceResolver;
  readonly onError: (error: unknown) => void;
}

export class CustomResources {
  private readonly definitions = new Map<string, CustomResourceDefinition>();
  private readonly busy = new Map<string, Promise<void>>();
  private stop: (() => void) | undefined;
  private closed = false;

  constructor(private readonly options: CustomResourcesOptions) {}

  private get entry(): CatalogEntry | undefined {
    return this.options.catalog.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  }

  private get prefix(): string | undefined {
    return this.entry?.prefix;
  }

  async start(): Promise<void> {
    const { prefix } = this;
    if (prefix === undefined) return;
    const { store } = this.options;
    this.stop = await followCollection(store, prefix, {
      put: (_name, value) => this.take(parseStored(value, this.entry) as unknown as CustomResourceDefinition),
      gone: (name) => this.drop(name),
    });
  }

  /** Resolves when the status of a definition says what is served: whoever made it can change it then without a conflict. */
  async settled(name: string): Promise<void> {
    await this.busy.get(name);
  }

  close(): void {
    this.closed = true;
    this.stop?.();
  }

  private take(crd: CustomResourceDefinition): void {
    const name = crd.metadata.name ?? '';
    this.definitions.set(name, crd);
    this.serve(crd);
    this.settle(name);
  }

  private drop(name: string): void {
    const crd = this.definitions.get(name);
    this.definitions.delete(name);
    if (crd === undefined) return;
    this.options.catalog.replaceCustom(crd.spec.names.plural, crd.spec.group, []);
    // Names that it had may be wanted by others.
    for (const other of this.definitions.values())
      if (other.spec.group === crd.spec.group) this.settle(other.metadata.name ?? '');
  }

  /** Served at once, before the status says so. */
  private serve(crd: CustomResourceDefinition): void {
    const { accepted, conditions } = judgeNames(crd, this.definitions.values(), this.options.clock.now());
    const established = conditions.some((c) => c.type === 'Established' && c.status === 'True');
    const status = { ...(crd.status ?? { storedVersions: [] }), acceptedNames: accepted };
    const rows = established ? rowsOf({ ...crd, status } as CustomResourceDefinition, this.viewOf) : [];
    this.options.catalog.replaceCustom(crd.spec.names.plural, crd.spec.group, rows);
  }

  private readonly viewOf: ViewMaker = (webhook, version) => {
    const { store, random, resolveService } = this.options;
    const convert = webhookConverter(webhook, { random, resolveService });
    return { view: new VersionView(store, convert, version), convert };
  };

  /** One piece of work at a time for each definition. */
  private settle(name: string): void {
    const before = this.busy.get(name) ?? Promise.resolve();
    const next = before
      .then(() => this.work(name))
      .catch(this.options.onError)
      .finally(() => {
        if (this.busy.get(name) === next) this.busy.delete(name);
      });
    this.busy.set(name, next);
  }

  private async work(name: string): Promise<void> {
    const crd = this.definitions.get(name);
    if (crd === undefined || this.closed) return;
    if (crd.metadata.deletionTimestamp !== undefined) {
      await this.cleanUp(crd);
      return;
    }
    const outcome = judgeNames(crd, this.definitions.values(), this.options.clock.now());
    if (isSettled(crd, outcome)) return;
    const status = { ...crd.status, acceptedNames: outcome.accepted, conditions: outcome.conditions };
    await this.put(`${PATH}/${name}/status`, { ...crd, status });
  }

  private async request(method: string, path: string, body?: unknown): Promise<number> {
    const response = await this.options.handle({
      method,
      path,
      query: new URLSearchParams(),
      headers: { 'user-agent': 'kube-apiserver/minke', accept: 'application/json', 'content-type': 'application/json' },
      user: SERVER,
      ...(body === undefined ? {} : { body: encodeJson(body) }),
    });
    return response.status;
  }

  /** A conflict is no failure: the newer object comes by the watch. */
  private async put(path: string, object: unknown): Promise<void> {
    const status = await this.request('PUT', path, object);
    if (status >= 400 && status !== 409 && status !== 404) throw new Error(`PUT ${path} was answered with ${status}`);
  }

  private async cleanUp(crd: CustomResourceDefinition): Promise<void> {
    if (crd.metadata.finalizers?.includes(CLEANUP_FINALIZER) !== true) return;
    const left = await this.deleteObjects(crd);
    if (this.closed) return;
    if (left > 0) {
      // Finalizers hold some of them: whoever set those is still at work.
      this.options.clock.setTimer(CLEANUP_RETRY_MS, () => this.settle(crd.metadata.name ?? ''));
      return;
    }
    const finalizers = (crd.metadata.finalizers ?? []).filter((f) => f !== CLEANUP_FINALIZER);
    this.options.catalog.replaceCustom(crd.spec.names.plural, crd.spec.group, []);
    await this.release(crd, finalizers);
  }

  /** Takes our finalizer away; the definition goes when it was the last one. Not by a request: the definition may not be valid any more. */
  private async release(crd: CustomResourceDefinition, finalizers: string[]): Promise<void> {
    const key = `${this.prefix ?? ''}${crd.metadata.name ?? ''}`;
    const { store } = this.options;
    const current = await store.get(key);
    if (current === undefined) return;
    const next = cloneObject(parseStored(current, this.entry));
    if (finalizers.length === 0) delete next.metadata.finalizers;
    else next.metadata.finalizers = finalizers;
    const kind = finalizers.length === 0 ? 'delete' : 'put';
    await store.txn([writeOf(kind, { key, expected: current.modRevision, object: next })]);
  }

  /** Deletes all objects of a definition; returns how many are still there. */
  private async deleteObjects(crd: CustomResourceDefinition): Promise<number> {
    const { group, names, versions, scope } = crd.spec;
    const prefix = `/registry/${group}/${names.plural}/`;
    // The stored version needs no conversion, hence no webhook that may be gone.
    const served =
      (versions.find((v) => v.served === true && v.storage === true) ?? versions.find((v) => v.served === true))
        ?.name ?? '';
    const { store } = this.options;
    for (const value of (await store.list({ prefix })).items) {
      const [namespace = '', name = ''] =
        scope === 'Namespaced' ? value.key.slice(prefix.length).split('/') : ['', value.key.slice(prefix.length)];
      const place = namespace === '' ? '' : `/namespaces/${namespace}`;
      await this.request('DELETE', `/apis/${group}/${served}${place}/${names.plural}/${name}`);
    }
    return (await store.list({ prefix })).items.length;
  }
}
