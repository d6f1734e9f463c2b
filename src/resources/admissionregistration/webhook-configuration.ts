// ValidatingWebhookConfiguration and MutatingWebhookConfiguration. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1035Label, isDns1123Subdomain } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, isUnset, nameColumn } from '../checks/index.ts';
import { checkLabelSelector, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/admissionregistration-v1.ts';
import { checkClientConfig } from './client-config.ts';
import { checkMatchConditions, checkRule, defaultRule } from './rules.ts';

type Webhook = ValidatingWebhook | MutatingWebhook;
type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const MAX_SECONDS = 30;
const MIN_SEGMENTS = 3;

function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) defaultRule(rule);
  const service = webhook.clientConfig?.service;
  if (service !== undefined) service.port ??= 443;
}

function checkName(found: ErrorList, name: string, path: FieldPath): void {
  if (name === '') {
    found.required(path);
    return;
  }
  const problems = isDns1123Subdomain(name);
  if (problems.length > 0) found.invalid(path, name, problems.join(','));
  else if (name.split('.').length < MIN_SEGMENTS)
    found.invalid(path, name, 'should be a domain with at least three segments separated by dots');
}

function checkReviewVersions(found: ErrorList, versions: readonly string[], path: FieldPath): void {
  const known = REVIEW_VERSIONS.join(', ');
  if (versions.length === 0) {
    found.required(path, `must specify one of ${known}`);
    return;
  }
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    if (seen.has(version)) found.invalid(path.index(i), version, 'duplicate version');
    else found.text(path.index(i), version, isDns1035Label);
    seen.add(version);
  });
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version)))
    found.invalid(path, versions, `must include at least one of ${known}`);
}

function checkPolicies(found: ErrorList, webhook: Webhook, path: FieldPath): void {
  const { failurePolicy, matchPolicy, sideEffects, timeoutSeconds } = webhook;
  if (failurePolicy !== undefined) found.oneOf(path.child('failurePolicy'), failurePolicy, ['Fail', 'Ignore']);
  if (matchPolicy !== undefined) found.oneOf(path.child('matchPolicy'), matchPolicy, ['Equivalent', 'Exact']);
  if (isUnset(sideEffects)) found.required(path.child('sideEffects'), `must specify one of ${SIDE_EFFECTS.join(', ')}`);
  else found.oneOf(path.child('sideEffects'), sideEffects, SIDE_EFFECTS);
  if (timeoutSeconds !== undefined && (timeoutSeconds > MAX_SECONDS || timeoutSeconds < 1))
    found.invalid(
      path.child('timeoutSeconds'),
      timeoutSeconds,
      `the timeout value must be between 1 and ${MAX_SECONDS} seconds`,
    );
}

function checkWebhook(found: ErrorList, webhook: Webhook, path: FieldPath): void {
  checkName(found, webhook.name ?? '', path.child('name'));
  webhook.rules?.forEach((rule, i) => {
    checkRule(found, rule, path.child('rules').index(i));
  });
  checkPolicies(found, webhook, path);
  checkLabelSelector(webhook.namespaceSelector, path.child('namespaceSelector'), {}, found.errors);
  checkLabelSelector(webhook.objectSelector, path.child('objectSelector'), {}, found.errors);
  if ('reinvocationPolicy' in webhook && webhook.reinvocationPolicy !== undefined)
    found.oneOf(path.child('reinvocationPolicy'), webhook.reinvocationPolicy, ['IfNeeded', 'Never']);
  checkClientConfig(found, webhook.clientConfig, path.child('clientConfig'));
}

/** Match conditions that were taken once, and of which none has changed, are not looked at again. */
function validate(configuration: Configuration, old?: Configuration): FieldError[] {
  const found = new ErrorList();
  const conditionsOf = ({ webhooks = [] }: Configuration) => webhooks.map((one) => one.matchConditions ?? []);
  const keeps = old !== undefined && semanticEqual(conditionsOf(configuration), conditionsOf(old));
  const names = new Set<string>();
  const webhooks: readonly Webhook[] = configuration.webhooks ?? [];
  webhooks.forEach((webhook, i) => {
    const path = FieldPath.of('webhooks').index(i);
    checkWebhook(found, webhook, path);
    if (!keeps) checkMatchConditions(found, webhook.matchConditions ?? [], path.child('matchConditions'));
    checkReviewVersions(found, webhook.admissionReviewVersions ?? [], path.child('admissionReviewVersions'));
    const name = webhook.name ?? '';
    if (name !== '' && names.has(name)) found.duplicate(path.child('name'), name);
    names.add(name);
  });
  return found.errors;
}

function webhookColumns<T extends Configuration>(): Column<T>[] {
  return [
    nameColumn<T>(),
    column<T>({
      name: 'Webhooks',
      type: 'integer',
      description: 'Webhooks indicates the number of webhooks registered in this configuration',
      cell: (o) => o.webhooks?.length ?? 0,
    }),
    ageColumn<T>(),
  ];
}

const FACTS = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  categories: ['api-extensions'],
  namespaced: false,
  verbs: ALL_VERBS,
  unconditionalUpdate: false,
  generation: 'spec',
} as const;

export const validatingWebhookConfigurations = defineResource<ValidatingWebhookConfiguration>({
  ...FACTS,
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  anyFinalizer: true,
  strategy: {
    applyDefaults: (draft) => draft.webhooks?.forEach(defaultWebhook),
    validate: (configuration) => validate(configuration),
    validateUpdate: validate,
  },
  columns: webhookColumns<ValidatingWebhookConfiguration>(),
});

export const mutatingWebhookConfigurations = defineResource<MutatingWebhookConfiguration>({
  ...FACTS,
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  singular: 'mutatingwebhookconfiguration',
  schema: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  anyFinalizer: true,
  strategy: {
    applyDefaults(draft) {
      for (const webhook of draft.webhooks ?? []) {
        defaultWebhook(webhook);
        webhook.reinvocationPolicy ??= 'Never';
      }
    },
    validate: (configuration) => validate(configuration),
    validateUpdate: validate,
  },
  columns: webhookColumns<MutatingWebhookConfiguration>(),
});
