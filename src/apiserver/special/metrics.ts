// metrics.k8s.io: what `kubectl top` and the HorizontalPodAutoscaler read.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
import type { NodeConnector } from '../../client/node-api.ts';
import type { Clock } from '../../host/clock.ts';
import { notFound } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { goDuration, rfc3339 } from '../../machinery/time.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { storageKey } from '../registry/catalog.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { readObject } from '../registry/objects.ts';
import { parseSelection } from '../registry/selection.ts';
import { objectAnswer, outputOfObject, valueAnswer } from '../verbs/answer.ts';
import { outputOfList } from '../verbs/list.ts';
import { tableOf } from '../verbs/table.ts';
import type { SpecialHandler } from './handlers.ts';
import type { StoredPod } from './nodes.ts';
import { type Look, NodeUsage, usageOf } from './usage.ts';

/** Objects of the core group that the figures are about: one by name, or those that the selectors pick. */
async function subjects(context: RequestContext, target: Target): Promise<KubeObject[]> {
  const { store, catalog } = context.kernel;
  const entry = catalog.find('', 'v1', target.entry.row.plural);
  if (entry === undefined) return [];
  if (target.name !== '') {
    const value = await store.get(storageKey(entry, target.namespace, target.name));
    return value === undefined ? [] : [readObject(entry, value)];
  }
  const { query } = context.request;
  const selection = parseSelection(entry, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
  const prefix = target.namespace === '' ? entry.prefix : `${entry.prefix}${target.namespace}/`;
  const found = await store.list({ prefix });
  const objects = found.items.map((value) => readObject(entry, value));
  return selection === undefined ? objects : objects.filter((object) => selection.matches(object));
}

function metricsOf(context: RequestContext, target: Target, subject: KubeObject, windowMs: number): KubeObject {
  const { row } = target.entry;
  const { name = '', namespace, labels } = subject.metadata;
  const now = rfc3339(context.kernel.clock.now());
  return {
    kind: row.kind,
    apiVersion: apiVersionOf(row),
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      creationTimestamp: now,
      ...(labels === undefined ? {} : { labels }),
    },
    timestamp: now,
    window: goDuration(windowMs),
  } as KubeObject;
}

function nodeMetrics(context: RequestContext, target: Target, node: KubeObject, looks: Looks): KubeObject[] {
  const look = looks.get(node.metadata.name ?? '');
  if (look === undefined) return [];
  const metrics = metricsOf(context, target, node, look.windowMs);
  return [{ ...metrics, usage: usageOf(look.summary.node) } as KubeObject];
}

function podMetrics(context: RequestContext, target: Target, subject: KubeObject, looks: Looks): KubeObject[] {
  const look = looks.get((subject as StoredPod).spec?.nodeName ?? '');
  // A node knows static pods by another uid than their mirrors have here.
  const uid = subject.metadata.annotations?.['kubernetes.io/config.mirror'] ?? subject.metadata.uid;
  const pod = look?.summary.pods.find((one) => one.podRef.uid === uid);
  if (look === undefined || pod === undefined || pod.containers.length === 0) return [];
  const containers = pod.containers.map((c) => ({ name: c.name, usage: usageOf(c) }));
  return [{ ...metricsOf(context, target, subject, look.windowMs), containers } as KubeObject];
}

type Looks = ReadonlyMap<string, Look>;

const nodesOf = (plural: string, objects: readonly KubeObject[]): string[] => {
  const names = objects.map((one) =>
    plural === 'nodes' ? (one.metadata.name ?? '') : ((one as StoredPod).spec?.nodeName ?? ''),
  );
  return [...new Set(names)].filter((name) => name !== '');
};

/** For nodes and for pods: the row that is asked for says which. */
export function metricsHandler(connector: NodeConnector | undefined, clock: Clock): SpecialHandler {
  const usage = new NodeUsage(connector, clock);
  return {
    methods: ['get', 'list'],
    async handle(context, target) {
      const { plural } = target.entry.row;
      const of = await subjects(context, target);
      const looks = await usage.look(nodesOf(plural, of));
      const make = plural === 'nodes' ? nodeMetrics : podMetrics;
      return answer(
        context,
        target,
        of.flatMap((one) => make(context, target, one, looks)),
      );
    },
  };
}

function answer(context: RequestContext, target: Target, objects: readonly KubeObject[]): WireResponse {
  const { row } = target.entry;
  if (target.name !== '') {
    const [object] = objects;
    if (object === undefined) throw notFound(groupResource(target), target.name);
    return objectAnswer(context, target, { status: 200, object, output: outputOfObject(context, target) });
  }
  const output = outputOfList(context, target.entry);
  if (output.as === 'Table')
    return valueAnswer(200, tableOf(context, target.entry, { objects, output, list: {} }), output);
  const list = { kind: `${row.kind}List`, apiVersion: apiVersionOf(row), metadata: {}, items: objects };
  return valueAnswer(200, list, output, `${row.schema}List`);
}
