// Converts custom resources between versions by the webhook of their definition.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
import type { Random } from '../../host/clock.ts';
import type { ApiError } from '../../machinery/errors.ts';
import { deepEqual } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { WebhookConversion } from '../../resources/generated/apiextensions-v1.ts';
import { callWebhook, type ServiceResolver } from '../admission/webhooks/caller.ts';
import { plainError } from '../http/responses.ts';
import type { Converter } from '../registry/catalog.ts';

const TIMEOUT_MS = 30_000;

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

/** A webhook may change labels and annotations, and nothing else that is everyone's. */
function settled(before: JsonObject, after: unknown, apiVersion: string): JsonObject | string {
  if (!isJsonObject(after)) return 'not an object';
  if (after.apiVersion !== apiVersion)
    return `invalid groupVersion (expected ${apiVersion}, received ${String(after.apiVersion)})`;
  if (after.kind !== before.kind)
    return `invalid kind (expected ${String(before.kind)}, received ${String(after.kind)})`;
  const old = metadataOf(before);
  const next = metadataOf(after);
  for (const [field, name] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    if (!deepEqual(old[field], next[field]))
      return `must have the same ${name}: ${String(next[field])} != ${String(old[field])}`;
  }
  const metadata: JsonObject = { ...old };
  for (const field of ['labels', 'annotations'] as const) {
    if (next[field] === undefined) delete metadata[field];
    else metadata[field] = next[field];
  }
  return { ...after, metadata };
}

function failed(object: JsonObject | undefined, why: string): ApiError {
  const version = String(object?.apiVersion ?? '');
  return plainError(`conversion webhook for ${version}, Kind=${String(object?.kind ?? '')} failed: ${why}`);
}

/** v1 is spoken when the webhook speaks it, else v1beta1, which has the same form. */
function reviewVersion(webhook: WebhookConversion): string {
  return webhook.conversionReviewVersions.find((v) => v === 'v1' || v === 'v1beta1') ?? 'v1';
}

export function webhookConverter(
  webhook: WebhookConversion,
  parts: { random: Random; resolveService: ServiceResolver },
): Converter {
  return async (objects, apiVersion) => {
    const { clientConfig } = webhook;
    if (objects.length === 0) return [];
    if (clientConfig === undefined) throw failed(objects[0], 'there is no clientConfig');
    const uid = parts.random.uuid();
    const review: JsonObject = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${reviewVersion(webhook)}`,
      request: { uid, desiredAPIVersion: apiVersion, objects },
    };
    let response: JsonObject;
    try {
      response = await callWebhook({ config: clientConfig, review, timeoutMs: TIMEOUT_MS }, parts.resolveService);
    } catch (error) {
      throw failed(objects[0], (error as Error).message.replace(/^failed to call webhook: /, ''));
    }
    const result = isJsonObject(response.result) ? response.result : {};
    if (result.status !== 'Success') {
      throw failed(
        objects[0],
        typeof result.message === 'string' && result.message !== ''
          ? result.message
          : `response.result.status was '${String(result.status ?? '')}', not 'Success'`,
      );
    }
    const converted = Array.isArray(response.convertedObjects) ? (response.convertedObjects as unknown[]) : [];
    if (converted.length !== objects.length) {
      throw plainError(
        `conversion webhook for ${String(objects[0]?.apiVersion)}, Kind=${String(objects[0]?.kind)} returned ${converted.length} objects, expected ${objects.length}`,
      );
    }
    return objects.map((before, i) => {
      const after = settled(before, converted[i], apiVersion);
      if (typeof after !== 'string') return after;
      throw plainError(
        `conversion webhook for ${String(before.apiVersion)}, Kind=${String(before.kind)} returned invalid converted object at index ${i}: ${after}`,
      );
    });
  };
}
