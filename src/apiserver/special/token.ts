// serviceaccounts/token: makes a token that is bound to the account and, if asked, to a pod, secret or node.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/

import { badRequest, conflict, notFound } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { durationOfSeconds, nearest } from '../../machinery/int64.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { TokenRequest } from '../../resources/generated/authentication-v1.ts';
import type { BoundObject, TokenIssuer, TokenRequestInput } from '../auth/tokens.ts';
import { storageKey } from '../registry/catalog.ts';
import type { Kernel, RequestContext, Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { readObject } from '../registry/objects.ts';
import { admissionRequest } from '../registry/write.ts';
import { objectAnswer, outputOfObject } from '../verbs/answer.ts';
import { checkNamespace } from '../verbs/body.ts';
import { readOne } from './direct.ts';
import { kindEntry, readPosted } from './kinds.ts';

const TOKEN_REQUEST = kindEntry({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  package: 'io.k8s.api.authentication.v1',
});

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;
/** What pods are given, whose kubelets renew in time: such a token works on for a year, for programs that never read it anew. */
const POD_SECONDS = 3607;
const YEAR_SECONDS = 365 * 24 * 3600;

const BOUND_KINDS: Readonly<Record<string, { readonly key: 'pod' | 'secret' | 'node'; readonly resource: string }>> = {
  Pod: { key: 'pod', resource: 'pods' },
  Secret: { key: 'secret', resource: 'secrets' },
  Node: { key: 'node', resource: 'nodes' },
};

function validate(request: TokenRequest): void {
  const seconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS;
  const path = FieldPath.of('spec', 'expirationSeconds');
  const errors: FieldError[] = [];
  if (seconds < MIN_SECONDS)
    errors.push(fieldErrors.invalid(path, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > MAX_SECONDS)
    errors.push(fieldErrors.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds'));
  if (errors.length > 0) throw invalid('TokenRequest', 'authentication.k8s.io', '', errors);
}

type Bound = Partial<Record<'pod' | 'secret' | 'node', BoundObject>>;

async function boundTo(kernel: Kernel, namespace: string, request: TokenRequest): Promise<Bound> {
  const ref = request.spec?.boundObjectRef;
  if (ref === undefined || ref === null) return {};
  const kind = ref.kind ?? '';
  const [version = '', group = '', ...more] = (ref.apiVersion ?? '').split('/').reverse();
  const inCore = group === '' || more.length > 0;
  const bound = Object.hasOwn(BOUND_KINDS, kind) && inCore ? BOUND_KINDS[kind] : undefined;
  if (bound === undefined) {
    // What is no version of a group counts as none.
    const shown = more.length > 0 ? '/' : `${group}/${version}`;
    throw badRequest(`cannot bind token to object of type ${shown}, Kind=${kind}`);
  }
  const entry = kernel.catalog.find('', 'v1', bound.resource);
  const name = ref.name ?? '';
  if (name === '') throw badRequest('Name parameter required.');
  const value = entry === undefined ? undefined : await kernel.store.get(storageKey(entry, namespace, name));
  if (entry === undefined || value === undefined) throw notFound({ group: '', resource: bound.resource }, name);
  const object = readObject(entry, value);
  const uid = object.metadata.uid ?? '';
  if (ref.uid !== undefined && ref.uid !== '' && ref.uid !== uid) {
    const why = `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', resource: kind }, name, why);
  }
  const out: Bound = { [bound.key]: { name, uid } };
  if (bound.key === 'pod') Object.assign(out, await nodeOfPod(kernel, object));
  return out;
}

/** A token of a pod says on which node the pod is. */
async function nodeOfPod(kernel: Kernel, pod: KubeObject): Promise<Bound> {
  const name = (pod as KubeObject & { spec?: { nodeName?: string } }).spec?.nodeName ?? '';
  const entry = kernel.catalog.find('', 'v1', 'nodes');
  if (name === '' || entry === undefined) return {};
  const value = await kernel.store.get(storageKey(entry, '', name));
  return value === undefined ? {} : { node: { name, uid: readObject(entry, value).metadata.uid ?? '' } };
}

/** Who names an account by its UID does not want a token of a later one. Source: KEP-4193. */
function checkAccountUid(sent: string | undefined, account: KubeObject): void {
  const uid = account.metadata.uid ?? '';
  if (sent === undefined || sent === '' || sent === uid) return;
  throw conflict(
    { group: 'authentication.k8s.io', resource: 'TokenRequest' },
    account.metadata.name ?? '',
    `the UID in the token request (${sent}) does not match the UID of the service account (${uid})`,
  );
}

function checkPodAccount(pod: BoundObject | undefined, account: string, podAccount: string | undefined): void {
  if (pod === undefined || podAccount === undefined || podAccount === account) return;
  throw badRequest(
    `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
  );
}

export function tokenHandler(issuer: TokenIssuer): (context: RequestContext, target: Target) => Promise<WireResponse> {
  return async (context, target) => {
    const output = outputOfObject(context, { entry: TOKEN_REQUEST });
    const { object: request, options } = readPosted<TokenRequest>(context, TOKEN_REQUEST);
    const { kernel } = context;
    checkNamespace(target, request);
    const sent = request.metadata.name ?? '';
    if (sent !== '' && sent !== target.name) {
      const detail = 'must match the service account name if specified';
      throw invalid('TokenRequest', 'authentication.k8s.io', target.name, [
        fieldErrors.invalid(FieldPath.of('metadata', 'name'), sent, detail),
      ]);
    }
    const account = await readOne(kernel, target.entry, target.namespace, target.name);
    checkAccountUid(request.metadata.uid, account);
    request.metadata.name = target.name;
    request.metadata.namespace = target.namespace;
    request.spec = {
      ...request.spec,
      expirationSeconds: request.spec?.expirationSeconds ?? DEFAULT_SECONDS,
      audiences: request.spec?.audiences ?? [],
    };
    if (request.spec.audiences?.length === 0) delete (request.spec as { audiences?: string[] }).audiences;
    trackOwnership(
      context,
      { ...target, entry: TOKEN_REQUEST, subresource: 'token' },
      { old: undefined, next: request, manager: options.fieldManager },
    );
    validate(request);
    await kernel.admission.admit(
      admissionRequest(context, target, {
        operation: 'CREATE',
        object: request,
        old: undefined,
        dryRun: options.dryRun,
        options: {},
      }),
    );
    const audiences = request.spec.audiences ?? [issuer.issuer];
    const bound = await boundTo(kernel, target.namespace, request);
    if (bound.pod !== undefined) {
      const pods = kernel.catalog.find('', 'v1', 'pods');
      const value =
        pods === undefined ? undefined : await kernel.store.get(storageKey(pods, target.namespace, bound.pod.name));
      const pod =
        pods === undefined || value === undefined
          ? undefined
          : (readObject(pods, value) as KubeObject & { spec?: { serviceAccountName?: string } });
      checkPodAccount(bound.pod, target.name, pod?.spec?.serviceAccountName);
    }
    const seconds = request.spec.expirationSeconds ?? DEFAULT_SECONDS;
    const extends1 =
      seconds === POD_SECONDS && bound.pod !== undefined && audiences.length === 1 && audiences[0] === issuer.issuer;
    const input: TokenRequestInput = {
      namespace: target.namespace,
      serviceAccount: { name: target.name, uid: account.metadata.uid ?? '' },
      ...bound,
      audiences,
      expirationSeconds: extends1 ? YEAR_SECONDS : nearest(seconds),
      ...(extends1 ? { warnAfterSeconds: nearest(seconds) } : {}),
    };
    const { token, id } = await issuer.issue(input);
    context.annotate?.('authentication.kubernetes.io/issued-credential-id', `JTI=${id}`);
    const now = kernel.clock.now();
    request.metadata.creationTimestamp = rfc3339(now);
    const answer = {
      ...request,
      spec: { ...request.spec, audiences, boundObjectRef: request.spec.boundObjectRef ?? null },
      status: { token, expirationTimestamp: rfc3339(now + durationOfSeconds(seconds)) },
    };
    return objectAnswer(
      context,
      { ...target, entry: TOKEN_REQUEST },
      { status: 201, object: answer as KubeObject, output },
    );
  };
}
