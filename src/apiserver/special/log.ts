// pods/log: the options are checked here, the node's kubelet gives the lines.
// Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#read-log-pod-v1-core

import type { NodeConnector } from '../../client/node-api.ts';
import { badRequest, notFound } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { Int64 } from '../../machinery/int64.ts';
import { parseTime } from '../../machinery/time.ts';
import { storageKey } from '../registry/catalog.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { parseBool, parseInt64 } from '../registry/options.ts';
import { readOne } from './direct.ts';
import { chooseContainer, nodeApiOf, type StoredPod } from './nodes.ts';

const POSITIVE = 'must be greater than 0';
const NOT_NEGATIVE = 'must be greater than or equal to 0';

function number(query: URLSearchParams, name: string): Int64 | undefined {
  const text = query.get(name);
  return text === null || text === '' ? undefined : parseInt64(text);
}

/** Throws what the options may not be, all at once. */
export function checkLogOptions(query: URLSearchParams, pod: string): void {
  const errors: FieldError[] = [];
  const tail = number(query, 'tailLines');
  const limit = number(query, 'limitBytes');
  const since = number(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const at = (name: string): FieldPath => FieldPath.of(name);
  if (tail !== undefined && tail < 0) errors.push(fieldErrors.invalid(at('tailLines'), tail, NOT_NEGATIVE));
  if (limit !== undefined && limit < 1) errors.push(fieldErrors.invalid(at('limitBytes'), limit, POSITIVE));
  if (since !== undefined && sinceTime !== null) {
    errors.push(fieldErrors.forbidden(at('[]'), 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  }
  if (since !== undefined && since < 1) errors.push(fieldErrors.invalid(at('sinceSeconds'), since, POSITIVE));
  const stream = query.get('stream');
  // The feature PodLogsQuerySplitStreams is alpha, and so off.
  if (stream !== null) errors.push(fieldErrors.forbidden(at('stream'), 'may not be specified'));
  if (errors.length > 0) throw invalid('PodLogOptions', '', pod, errors);
  if (sinceTime !== null && sinceTime !== '' && parseTime(sinceTime) === undefined) {
    throw badRequest(
      `parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(sinceTime)} as "2006"`,
    );
  }
}

const PASSED_ON = [
  'follow',
  'previous',
  'timestamps',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
];
const FLAGS: ReadonlySet<string> = new Set(['follow', 'previous', 'timestamps']);

function kubeletQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of PASSED_ON) {
    const value = query.get(name);
    if (value === null || value === '') continue;
    if (FLAGS.has(name)) {
      if (parseBool(value)) out.set(name, 'true');
    } else out.set(name, value);
  }
  return out;
}

export function logHandler(
  connector: NodeConnector | undefined,
): (context: RequestContext, target: Target) => Promise<WireResponse> {
  return async (context, target) => {
    const { request, kernel } = context;
    const pod = await readOne<StoredPod>(kernel, target.entry, target.namespace, target.name);
    checkLogOptions(request.query, target.name);
    const container = chooseContainer({ pod, wanted: request.query.get('container') ?? '' });
    const nodeName = pod.spec?.nodeName ?? '';
    // There is nowhere to ask yet.
    if (nodeName === '') return { status: 204, headers: {}, body: new Uint8Array(0) };
    const nodes = kernel.catalog.find('', 'v1', 'nodes');
    if (nodes !== undefined && (await kernel.store.get(storageKey(nodes, '', nodeName))) === undefined) {
      throw notFound({ group: '', resource: 'nodes' }, nodeName);
    }
    const api = await nodeApiOf(connector, nodeName);
    return api.request({
      method: 'GET',
      path: `/containerLogs/${encodeURIComponent(target.namespace)}/${encodeURIComponent(target.name)}/${encodeURIComponent(container)}`,
      query: kubeletQuery(request.query),
      headers: {},
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  };
}
