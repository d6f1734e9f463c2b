// The scale subresource: autoscaling/v1 Scale over paths of the object.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ (Scale) and https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
import { badRequest, conflict, internalError, notFound } from '../../machinery/errors.ts';
import { FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { getDotted, setDotted } from '../../machinery/json.ts';
import { type LabelSelectorObject, selectorFromLabels, selectorFromObject } from '../../machinery/label-selector.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';
import { apiVersionOf, type ScaleSubresource } from '../../resources/definition.ts';
import { parentEntries, scaleEntries } from '../apply/index.ts';
import { inputType } from '../http/negotiation.ts';
import { genericNotFound } from '../http/responses.ts';
import { storageKey } from '../registry/catalog.ts';
import { decodeBody, parsePatch, reportStrict } from '../registry/codec.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { replicasPathAt, trackOwnership } from '../registry/managed.ts';
import { cloneObject, readObject } from '../registry/objects.ts';
import { optionsDocument, parseWriteOptions, type WriteOptions } from '../registry/options.ts';
import { checkUid, updateObject } from '../registry/write.ts';
import { objectAnswer, outputOfObject } from '../verbs/answer.ts';
import { applyPlan } from '../verbs/apply.ts';
import { bodyOf, cannotBeHandled, checkName, checkNamespace } from '../verbs/body.ts';
import { patchKindOf, patchObject } from '../verbs/patch.ts';
import { SCALE_ENTRY } from './scale-entry.ts';

interface Scale extends KubeObject {
  spec: { replicas?: number };
  status: { replicas: number; selector?: string };
}

function selectorText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isJsonObject(value)) return '';
  const isSelector = Object.hasOwn(value, 'matchLabels') || Object.hasOwn(value, 'matchExpressions');
  if (isSelector) return selectorFromObject(value as LabelSelectorObject).toString();
  return selectorFromLabels(value as Record<string, string>).toString();
}

export function scaleOf(sub: ScaleSubresource, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp } as KubeObject['metadata'];
  const replicas = Number(getDotted(object, sub.specReplicasPath) ?? 0);
  const status: Scale['status'] = { replicas: Number(getDotted(object, sub.statusReplicasPath) ?? 0) };
  const selector = sub.selectorPath === undefined ? '' : selectorText(getDotted(object, sub.selectorPath));
  if (selector !== '') status.selector = selector;
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: replicas === 0 ? {} : { replicas }, status };
}

function checkScale(scale: KubeObject): void {
  const replicas = (scale as Scale).spec?.replicas ?? 0;
  if (replicas >= 0) return;
  const path = FieldPath.of('spec', 'replicas');
  throw invalid('Scale', 'autoscaling', scale.metadata.name ?? '', [
    fieldErrors.invalid(path, replicas, 'must be greater than or equal to 0'),
  ]);
}

/** A patch is told of another object before it comes to the storage. */
function checkScaleUid(
  { info }: RequestContext,
  target: Target,
  { scale, old }: { readonly scale: KubeObject; readonly old: KubeObject },
): void {
  const [uid = '', actual = ''] = [scale.metadata.uid, old.metadata.uid];
  if (info.verb !== 'patch') checkUid(target, uid, actual);
  else if (uid !== '' && uid !== actual) {
    const { group, resource } = groupResource(target);
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actual}`;
    throw conflict({ group, resource: `${resource}/scale` }, target.name, why);
  }
}

interface ScaleChange {
  readonly scale: KubeObject;
  readonly sub: ScaleSubresource;
}

/** The object with the scale's number in it, owned by who owns it in the scale. */
function scaled(context: RequestContext, target: Target, old: KubeObject, { scale, sub }: ScaleChange): KubeObject {
  const draft = cloneObject(old);
  setDotted(draft as unknown as JsonObject, sub.specReplicasPath, (scale as Scale).spec?.replicas ?? 0);
  const version = scale.metadata.resourceVersion;
  if (version !== undefined && version !== '') draft.metadata.resourceVersion = version;
  const entries = parentEntries({
    parent: old.metadata.managedFields ?? [],
    scale: scale.metadata.managedFields ?? [],
    apiVersion: apiVersionOf(target.entry.row),
    replicasPath: (apiVersion) => replicasPathAt(context, target.entry, apiVersion),
  });
  if (entries === undefined) delete draft.metadata.managedFields;
  else draft.metadata.managedFields = entries;
  return draft;
}

/** The scale with the entries of those who own its number. */
function ownedScale(context: RequestContext, target: Target, old: KubeObject, sub: ScaleSubresource): Scale {
  const scale = scaleOf(sub, old);
  const entries = scaleEntries(old.metadata.managedFields ?? [], (apiVersion) =>
    replicasPathAt(context, target.entry, apiVersion),
  );
  if (entries !== undefined) scale.metadata.managedFields = entries;
  return scale;
}

async function currentScale(context: RequestContext, target: Target, sub: ScaleSubresource): Promise<Scale> {
  const value = await context.kernel.store.get(storageKey(target.entry, target.namespace, target.name));
  if (value === undefined) throw notFound(groupResource(target), target.name);
  const object = readObject(target.entry, value);
  if (target.entry.custom && getDotted(object, sub.specReplicasPath) === undefined) {
    throw internalError(new Error(`the spec replicas field ".${sub.specReplicasPath}" does not exist`));
  }
  return scaleOf(sub, object);
}

/** How a request makes the new scale of the one that is there. */
function changeOf(
  context: RequestContext,
  target: Target,
  options: WriteOptions,
): (old: Scale) => KubeObject | Promise<KubeObject> {
  const { request, kernel } = context;
  const scaleTarget: Target = { ...target, entry: SCALE_ENTRY };
  const tracked = (old: Scale, next: KubeObject): KubeObject =>
    trackOwnership(context, scaleTarget, { old, next, manager: options.fieldManager });
  if (request.method === 'PATCH') {
    const kind = patchKindOf(target.entry, request.headers['content-type']);
    if (kind === 'apply') return applyPlan(context, scaleTarget, options).next;
    const how = { validation: options.fieldValidation, custom: false };
    const patch = { kind, ...parsePatch(bodyOf(request), kind, how) };
    return (old) => tracked(old, patchObject(context, scaleTarget, old, { patch, options }).draft);
  }
  const decoded = decodeBody(SCALE_ENTRY, kernel.catalog, bodyOf(request), inputType(request.headers['content-type']));
  const scale = reportStrict(decoded, options.fieldValidation, {
    warnings: context.warnings,
    refuse: (text) => badRequest(cannotBeHandled(SCALE_ENTRY, decoded.object, text)),
  });
  checkNamespace(target, scale);
  checkName(target, scale);
  return (old) => tracked(old, cloneObject(scale));
}

export async function scaleVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const { sub } = target;
  if (sub?.type !== 'scale') throw genericNotFound();
  const answerTarget = { ...target, entry: SCALE_ENTRY };
  const output = outputOfObject(context, { entry: SCALE_ENTRY });
  if (context.info.verb === 'get') {
    return objectAnswer(context, answerTarget, {
      status: 200,
      object: await currentScale(context, target, sub),
      output,
    });
  }
  const apply = context.request.headers['content-type']?.startsWith('application/apply-patch') === true;
  const options = parseWriteOptions({
    kind: context.info.verb === 'update' ? 'UpdateOptions' : 'PatchOptions',
    query: context.request.query,
    userAgent: context.request.headers['user-agent'],
    apply,
  });
  const change = changeOf(context, target, options);
  const result = await updateObject(context, target, {
    dryRun: options.dryRun,
    options: optionsDocument('UpdateOptions', options),
    allowCreate: false,
    async next(old) {
      if (old === undefined) throw notFound(groupResource(target), target.name);
      const scale = await change(ownedScale(context, target, old, sub));
      checkScaleUid(context, target, { scale, old });
      // Custom resources are checked by their own rules, where the number goes.
      if (!target.entry.custom) checkScale(scale);
      return scaled(context, target, old, { scale, sub });
    },
  });
  return objectAnswer(context, answerTarget, { status: 200, object: scaleOf(sub, result.object), output });
}
