// ComponentStatus: what old clients still ask for; the parts all live in this process.
import { notFound } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { parseListOptions } from '../registry/options.ts';
import { parseSelection } from '../registry/selection.ts';
import { objectAnswer, outputOfObject, valueAnswer } from '../verbs/answer.ts';
import { outputOfList } from '../verbs/list.ts';
import { tableOf } from '../verbs/table.ts';

const NAMES = ['scheduler', 'controller-manager', 'etcd-0'];

function component(name: string): KubeObject {
  const condition = { type: 'Healthy', status: 'True', message: 'ok' };
  return { kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name }, conditions: [condition] } as KubeObject;
}

function withoutType({ kind: _kind, apiVersion: _version, ...rest }: KubeObject): Partial<KubeObject> {
  return rest;
}

export function componentStatuses(context: RequestContext, target: Target): Promise<WireResponse> {
  context.warnings.push('v1 ComponentStatus is deprecated in v1.19+');
  if (target.name !== '') {
    if (!NAMES.includes(target.name)) throw notFound({ group: '', resource: 'componentstatuses' }, target.name);
    const output = outputOfObject(context, target);
    return Promise.resolve(objectAnswer(context, target, { status: 200, object: component(target.name), output }));
  }
  const output = outputOfList(context, target.entry);
  const { labelSelector, fieldSelector } = parseListOptions(context.request.query, false);
  const selection = parseSelection(target.entry, labelSelector, fieldSelector);
  const items = NAMES.map(component).filter((one) => selection?.matches(one) !== false);
  if (output.as === 'Table') {
    const table = tableOf(context, target.entry, { objects: items, output, list: {} });
    return Promise.resolve(valueAnswer(200, table, output));
  }
  const list = { kind: 'ComponentStatusList', apiVersion: 'v1', metadata: {}, items: items.map(withoutType) };
  return Promise.resolve(valueAnswer(200, list, output, 'io.k8s.api.core.v1.ComponentStatusList'));
}
