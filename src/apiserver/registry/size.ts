// How large an object may be: what Kubernetes' etcd takes in one request, and what its client sends.
// Source: https://etcd.io/docs/v3.6/dev-guide/limit/ (request size limit)

import type { KubeObject } from '../../machinery/object.ts';
import { plainError } from '../http/responses.ts';
import { encodeObject, hasProtobuf } from '../protobuf/index.ts';
import type { Target } from './context.ts';
import { objectText } from './objects.ts';

const MAX_REQUEST = 1.5 * 1024 * 1024;
const MAX_MESSAGE = 2 * 1024 * 1024;
/** What etcd puts around a transaction: a header, a tag and a length. */
const HEADER = 17;
/** Kinds and numbers around the value: a comparison of the revision, and the write. */
const AROUND = 25;
/** An update also asks for the object, should it have changed. */
const AROUND_UPDATE = 33;
/** Below this nothing that a request adds by itself could be too much. */
const WORTH_A_LOOK = 1024 * 1024;

/** Built-in kinds are stored as protobuf there, custom ones as JSON. */
function storedSize({ entry }: Target, object: KubeObject): number {
  const { metadata, ...rest } = object;
  const { resourceVersion: _, ...stored } = metadata;
  const plain = { ...rest, metadata: stored } as KubeObject;
  if (entry.custom || !hasProtobuf(entry.row.schema)) return Buffer.byteLength(objectText(plain));
  return encodeObject(entry.row.schema, plain).length;
}

/** Refuses what etcd would not take. `hint` is the length of what was sent and of what was there, which tells most objects from the large ones. */
export function checkSize(
  target: Target,
  object: KubeObject,
  { hint, update }: { hint: number; update: boolean },
): void {
  if (hint < WORTH_A_LOOK) return;
  const { row } = target.entry;
  const { name = '', namespace = '' } = object.metadata;
  const key = `/registry/${row.plural}/${row.namespaced ? `${namespace}/` : ''}${name}`.length;
  const message = storedSize(target, object) + (update ? 3 * key + AROUND_UPDATE : 2 * key + AROUND);
  if (message > MAX_MESSAGE)
    throw plainError(
      `rpc error: code = ResourceExhausted desc = trying to send message larger than max (${message} vs. ${MAX_MESSAGE})`,
    );
  if (message + HEADER > MAX_REQUEST) throw plainError('etcdserver: request is too large');
}
