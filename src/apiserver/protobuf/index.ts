// The face of Kubernetes protobuf: objects of the built-in kinds to and from `application/vnd.kubernetes.protobuf`.
import { builtinSchema, DecodeError, normalize } from '../../resources/schema/index.ts';
import { decodeMessage, openEnvelope } from './decode.ts';
import { encodeEnvelope, encodeMessage, encodeWatchFrame } from './encode.ts';
import { messagePlan } from './plan.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
export { type Envelope, openEnvelope } from './decode.ts';
export { encodeWatchFrame } from './encode.ts';

/** Whether a type can be sent as protobuf (`io.k8s.api.core.v1.Pod`; custom resources and tables cannot). */
export function hasProtobuf(id: string): boolean {
  return messagePlan(id) !== undefined;
}

/** An object with its envelope. Kind and version are taken from the object. Throws for a type that has no protobuf form. */
export function encodeObject(id: string, object: object): Uint8Array {
  const plan = messagePlan(id);
  if (plan === undefined) throw new Error(`${id} has no protobuf form`);
  const { apiVersion, kind } = object as { apiVersion?: unknown; kind?: unknown };
  const type = {
    apiVersion: typeof apiVersion === 'string' ? apiVersion : '',
    kind: typeof kind === 'string' ? kind : '',
  };
  return encodeEnvelope(type, encodeMessage(plan, object));
}

/** One frame of a watch stream (`application/vnd.kubernetes.protobuf;stream=watch`). */
export function encodeWatchEvent(type: string, id: string, object: object): Uint8Array {
  return encodeWatchFrame(type, encodeObject(id, object));
}

export interface DecodedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: Record<string, unknown>;
}

/** An enveloped object of a known type, as its JSON would be. Throws DecodeError. */
export function decodeObject(id: string, bytes: Uint8Array): DecodedObject {
  const plan = messagePlan(id);
  if (plan === undefined) throw new DecodeError(`${id} has no protobuf form`);
  const envelope = openEnvelope(bytes);
  if (envelope.contentType === 'application/json') {
    throw new DecodeError('unable to decode embedded JSON in a protobuf message');
  }
  const object = normalize(builtinSchema(id), decodeMessage(plan, envelope.raw));
  const { apiVersion, kind } = envelope;
  return {
    apiVersion,
    kind,
    object: { ...(kind === '' ? {} : { kind }), ...(apiVersion === '' ? {} : { apiVersion }), ...object },
  };
}
