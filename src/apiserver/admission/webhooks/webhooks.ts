// Mutating and validating webhooks as admission plugins.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/

import type { Random } from '../../../host/clock.ts';
import { ApiError, badRequest, internalError, type Status } from '../../../machinery/errors.ts';
import { jsonText, parseExact } from '../../../machinery/exact-json.ts';
import { deepClone, deepEqual } from '../../../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../../machinery/object.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../../resources/generated/admissionregistration-v1.ts';
import type { Authorizer } from '../../auth/authorizer.ts';
import { jsonPatch } from '../../patch/index.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import { decodePatched } from '../../registry/codec.ts';
import { evaluateConditions } from '../dynamic/conditions.ts';
import { converted, type Peers, requestIn } from '../dynamic/equivalent.ts';
import { authorizerValues } from '../dynamic/judge.ts';
import { isExempt, type NamespaceLabels, wantedIn } from '../dynamic/match.ts';
import { requestDocument } from '../dynamic/request.ts';
import { refuse } from '../match.ts';
import type { AdmissionMeter, AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts';
import { callWebhook, type ServiceResolver } from './caller.ts';

export interface WebhookParts {
  mutating(): Iterable<MutatingWebhookConfiguration>;
  validating(): Iterable<ValidatingWebhookConfiguration>;
  readonly namespaceLabels: NamespaceLabels;
  readonly peers: Peers;
  readonly resolveService: ServiceResolver;
  readonly random: Random;
  readonly authorizer: Authorizer;
  /** Told how long each webhook took. */
  readonly meter?: AdmissionMeter | undefined;
}

type Webhook = MutatingWebhook | ValidatingWebhook;

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
const byName = (a: KubeObject, b: KubeObject) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

/** A webhook, and the request in the version that it asked for. */
interface Interest<T extends Webhook> {
  readonly webhook: T;
  readonly entry: CatalogEntry;
  readonly configuration: string;
  /** Its number among all webhooks, called or not. */
  readonly index: number;
}

/** Webhooks that want this request, in the order of their configurations' names. */
function interested<T extends Webhook>(
  configurations: Iterable<KubeObject & { webhooks?: T[] }>,
  request: AdmissionRequest,
  parts: WebhookParts,
): Interest<T>[] {
  const all = [...configurations];
  if (all.length === 0 || isExempt(request)) return [];
  const ways = { labelsOf: parts.namespaceLabels, peers: parts.peers };
  let index = 0;
  return all.sort(byName).flatMap((c) =>
    (c.webhooks ?? []).flatMap((webhook) => {
      const at = index++;
      const entry = wantedIn(webhook, request, ways);
      return entry === undefined ? [] : [{ webhook, entry, configuration: c.metadata.name ?? '', index: at }];
    }),
  );
}

interface Outcome {
  /** JSON patch operations. */
  readonly patch?: unknown[] | undefined;
  /** It was not asked: its conditions do not hold. */
  readonly skipped?: boolean;
  /** It could not be asked, and its policy is to go on. */
  readonly failedOpen?: boolean;
}

function denied(webhook: Webhook, response: JsonObject): ApiError {
  const status: Partial<Status> = isJsonObject(response.status) ? (response.status as Partial<Status>) : {};
  const said = `admission webhook ${JSON.stringify(webhook.name)} denied the request`;
  const why =
    (status.message ?? '') !== ''
      ? `: ${status.message}`
      : (status.reason ?? '') !== ''
        ? `: ${status.reason}`
        : ' without explanation';
  const { reason } = ApiError.fromStatus(status, 400);
  return new ApiError({
    reason,
    message: said + why,
    code: Math.max(status.code ?? 400, 400),
    ...(status.details === undefined ? {} : { details: status.details }),
  });
}

const failsOpen = (webhook: Webhook) => webhook.failurePolicy === 'Ignore';

/** As `consult`, and tells how long it took. */
async function ask(
  webhook: Webhook,
  seen: { readonly request: AdmissionRequest; readonly original: AdmissionRequest },
  parts: WebhookParts & { readonly type: 'admit' | 'validating' },
): Promise<Outcome> {
  const begun = performance.now();
  const { operation } = seen.request;
  const tell = (rejected: boolean): void => {
    const told = parts.meter?.({ name: webhook.name, webhook: true, type: parts.type, operation, rejected });
    told?.(performance.now() - begun);
  };
  try {
    const outcome = await consult(webhook, seen, parts);
    tell(false);
    return outcome;
  } catch (error) {
    tell(true);
    throw error;
  }
}

/** Asks one webhook; throws when it refuses, or fails and its policy is Fail. */
async function consult(
  webhook: Webhook,
  seen: { readonly request: AdmissionRequest; readonly original: AdmissionRequest },
  parts: WebhookParts,
): Promise<Outcome> {
  const { request } = seen;
  const uid = parts.random.uuid();
  const document = requestDocument(request, uid, seen.original);
  const authorizer = authorizerValues(parts.authorizer, request);
  const verdict = evaluateConditions(webhook.matchConditions ?? [], { document, authorizer });
  if ('error' in verdict) {
    if (failsOpen(webhook)) return { skipped: true };
    throw refuse(seen.original, verdict.error);
  }
  if (!verdict.matches) return { skipped: true };
  if (request.dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun') {
    throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  }
  const version = webhook.admissionReviewVersions.find((v) => v === 'v1' || v === 'v1beta1') ?? 'v1';
  const review = { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request: document };
  let response: JsonObject;
  try {
    response = await callWebhook(
      { config: webhook.clientConfig, review, timeoutMs: (webhook.timeoutSeconds ?? 10) * 1000 },
      parts.resolveService,
    );
  } catch (error) {
    if (failsOpen(webhook)) return { failedOpen: true };
    throw internalError(
      new Error(`failed calling webhook ${JSON.stringify(webhook.name)}: ${(error as Error).message}`, {
        cause: error,
      }),
    );
  }
  const annotations = isJsonObject(response.auditAnnotations) ? response.auditAnnotations : {};
  for (const [key, value] of Object.entries(annotations)) request.annotate?.(`${webhook.name}/${key}`, String(value));
  for (const text of Array.isArray(response.warnings) ? response.warnings : []) request.warn(String(text));
  if (response.allowed !== true) throw denied(webhook, response);
  return { patch: patchOf(webhook, response) };
}

function patchOf(webhook: Webhook, response: JsonObject): unknown[] | undefined {
  if (typeof response.patch !== 'string' || response.patch === '') return undefined;
  const fail = (why: string) => internalError(new Error(`admission webhook ${JSON.stringify(webhook.name)}: ${why}`));
  if (response.patchType !== 'JSONPatch')
    throw fail(`unsupported patch type ${JSON.stringify(response.patchType ?? '')}`);
  try {
    const patch = parseExact(Buffer.from(response.patch, 'base64').toString('utf8'));
    return Array.isArray(patch) && patch.length > 0 ? patch : undefined;
  } catch (error) {
    throw fail(`the patch is not JSON: ${(error as Error).message}`);
  }
}

/** Puts what a patch made in the place of the draft, in the draft itself. */
export function replaceDraft(draft: KubeObject, next: KubeObject): void {
  for (const key of Object.keys(draft)) Reflect.deleteProperty(draft, key);
  for (const [key, value] of Object.entries(next))
    Object.defineProperty(draft, key, { value, enumerable: true, configurable: true, writable: true });
}

/** What a patch made, as its type takes it: unknown fields go, defaults come. Options and reviews stay as they are. */
function settled(webhook: Webhook, request: AdmissionRequest, patched: unknown): KubeObject {
  const { row } = request.entry;
  if (!isJsonObject(patched) || patched.kind !== row.kind) return patched as KubeObject;
  const { object } = decodePatched(request.entry, patched, (problem) =>
    internalError(new Error(`admission webhook ${JSON.stringify(webhook.name)}: ${problem}`)),
  );
  const next = deepClone(object);
  row.strategy.applyDefaults?.(next);
  return next;
}

/** An object that cannot be converted is the server's own trouble. */
async function orInternal<T>(made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (error) {
    throw internalError(error as Error);
  }
}

const seenIn = (entry: CatalogEntry, request: AdmissionRequest): Promise<AdmissionRequest> =>
  orInternal(requestIn(entry, request));

/** Kubernetes wraps what goes wrong in a mutating webhook twice. */
const seenForChange = (entry: CatalogEntry, request: AdmissionRequest): Promise<AdmissionRequest> =>
  orInternal(seenIn(entry, request));

/** Where the audit log tells of one call: `round_0_index_3`. */
const placeOf = (round: number, index: number): string => `round_${round}_index_${index}`;

/** Calls one webhook, and tells the audit log of it. */
async function mutate(
  interest: Interest<MutatingWebhook>,
  original: AdmissionRequest,
  parts: WebhookParts & { readonly round: number },
): Promise<boolean> {
  const { webhook, configuration } = interest;
  const at = `webhook.admission.k8s.io/${placeOf(parts.round, interest.index)}`;
  const about = { configuration, webhook: webhook.name };
  let changed = false;
  let skipped = false;
  try {
    const request = await seenForChange(interest.entry, original);
    const outcome = await ask(webhook, { request, original }, { ...parts, type: 'admit' });
    skipped = outcome.skipped === true;
    if (outcome.failedOpen === true) original.annotate?.(`failed-open.mutation.${at}`, webhook.name);
    const { patch } = outcome;
    if (patch === undefined) return false;
    changed = await carriedOut(patch, { interest, request, original });
    original.annotate?.(`patch.${at}`, jsonText({ ...about, patch, patchType: 'JSONPatch' }), 'Request');
    return changed;
  } finally {
    if (!skipped) original.annotate?.(`mutation.${at}`, jsonText({ ...about, mutated: changed }));
  }
}

interface Call {
  readonly interest: Interest<MutatingWebhook>;
  readonly request: AdmissionRequest;
  readonly original: AdmissionRequest;
}

/** Whether the patch changed the draft. */
async function carriedOut(patch: unknown[], { interest, request, original }: Call): Promise<boolean> {
  const { webhook, entry } = interest;
  const draft = original.object;
  const { object } = request;
  if (draft === undefined || object === undefined) return false;
  const before = deepClone(draft);
  const next = settled(webhook, request, jsonPatch(deepClone(object), patch));
  replaceDraft(draft, await orInternal(converted(next, entry, original.entry)));
  return !deepEqual(before, draft);
}

export function mutatingWebhooks(parts: WebhookParts): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionWebhook',
    operations: OPERATIONS,
    async admit(request) {
      const webhooks = interested(parts.mutating(), request, parts);
      // Those that ask for it are called once more when a later one changed the object.
      const again: Interest<MutatingWebhook>[] = [];
      for (const [i, webhook] of webhooks.entries()) {
        const changed = await mutate(webhook, request, { ...parts, round: 0 });
        if (!changed) continue;
        for (const earlier of webhooks.slice(0, i)) {
          if (earlier.webhook.reinvocationPolicy === 'IfNeeded' && !again.includes(earlier)) again.push(earlier);
        }
      }
      for (const webhook of again) await mutate(webhook, request, { ...parts, round: 1 });
    },
  };
}

export function validatingWebhooks(parts: WebhookParts): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    operations: OPERATIONS,
    async validate(request) {
      const webhooks = interested(parts.validating(), request, parts);
      const results = await Promise.allSettled(
        webhooks.map(async ({ webhook, entry }, i) => {
          const seen = { request: await seenIn(entry, request), original: request };
          const { failedOpen } = await ask(webhook, seen, { ...parts, type: 'validating' });
          const key = `failed-open.validating.webhook.admission.k8s.io/${placeOf(0, i)}`;
          if (failedOpen === true) request.annotate?.(key, webhook.name);
        }),
      );
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  };
}
