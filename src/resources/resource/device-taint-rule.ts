// DeviceTaintRule and ResourcePoolStatusRequest: taints for devices from outside their driver, and a look into pools (alpha and beta).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import { rfc3339 } from '../../machinery/time.ts';
import {
  checkConditions,
  ErrorList,
  IMMUTABLE,
  nameAndAge,
  statusKept,
  statusSubresource,
  twinOf,
} from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource, type ResourceDefinition } from '../definition.ts';
import type { ResourcePoolStatusRequest } from '../generated/resource-v1alpha3.ts';
import type { DeviceTaintRule } from '../generated/resource-v1beta2.ts';
import { SPEC } from './claim-rules.ts';
import { checkDriver, checkTaint } from './device-rules.ts';

const GROUP = 'resource.k8s.io';

function validate(rule: DeviceTaintRule): FieldError[] {
  const found = new ErrorList();
  const path = SPEC.child('deviceSelector');
  const { driver, pool, device } = rule.spec?.deviceSelector ?? {};
  if (driver !== undefined) checkDriver(found, driver, path.child('driver'));
  if (pool !== undefined) for (const part of pool.split('/')) found.text(path.child('pool'), part, isDns1123Subdomain);
  if (device !== undefined) found.text(path.child('device'), device, isDns1123Label);
  checkTaint(found, rule.spec?.taint, SPEC.child('taint'));
  return found.errors;
}

function fillTime(draft: DeviceTaintRule, now: Date): void {
  if (draft.spec?.taint !== undefined) draft.spec.taint.timeAdded ??= rfc3339(now);
}

const kept = statusKept<DeviceTaintRule>();

function row(version: 'v1beta2' | 'v1alpha3'): ResourceDefinition<DeviceTaintRule> {
  return defineResource<DeviceTaintRule>({
    group: GROUP,
    version,
    kind: 'DeviceTaintRule',
    plural: 'devicetaintrules',
    singular: 'devicetaintrule',
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.resource.${version}.DeviceTaintRule`,
    resetFields: ['status'],
    deleteAnswersObject: true,
    strategy: {
      prepareForCreate(draft, context) {
        kept.prepareForCreate(draft, context);
        fillTime(draft, context.now);
      },
      prepareForUpdate(draft, old, context) {
        kept.prepareForUpdate(draft, old, context);
        fillTime(draft, context.now);
      },
      validate,
      validateUpdate: validate,
    },
    generation: 'spec',
    subresources: {
      status: statusSubresource<DeviceTaintRule>({
        keep: 'metadata',
        validateUpdate: (rule) => checkConditions(rule.status?.conditions, FieldPath.of('status', 'conditions')).errors,
      }),
    },
    columns: nameAndAge<DeviceTaintRule>(),
    ...(version === 'v1beta2'
      ? {}
      : { storedAs: twinOf<DeviceTaintRule>(`${GROUP}/v1beta2/devicetaintrules`, `${GROUP}/${version}`) }),
  });
}

export const deviceTaintRuleRows = [row('v1beta2'), row('v1alpha3')];

const MAX_POOLS = 1000;

export const resourcePoolStatusRequests = defineResource<ResourcePoolStatusRequest>({
  group: GROUP,
  version: 'v1alpha3',
  kind: 'ResourcePoolStatusRequest',
  plural: 'resourcepoolstatusrequests',
  singular: 'resourcepoolstatusrequest',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1alpha3.ResourcePoolStatusRequest',
  resetFields: ['status'],
  deleteAnswersObject: true,
  strategy: {
    applyDefaults(draft) {
      if (draft.spec !== undefined) draft.spec.limit ??= 100;
    },
    ...statusKept<ResourcePoolStatusRequest>(),
    validate(request) {
      const found = new ErrorList();
      const { driver = '', poolName, limit = 1 } = request.spec ?? {};
      checkDriver(found, driver, SPEC.child('driver'));
      if (poolName === '') found.required(SPEC.child('poolName'));
      else for (const part of poolName?.split('/') ?? []) found.text(SPEC.child('poolName'), part, isDns1123Subdomain);
      if (limit < 1) found.invalid(SPEC.child('limit'), limit, 'must be greater than or equal to 1');
      if (limit > MAX_POOLS) found.invalid(SPEC.child('limit'), limit, `must be less than or equal to ${MAX_POOLS}`);
      return found.errors;
    },
    validateUpdate(request, old) {
      const found = new ErrorList();
      if (!semanticEqual(request.spec, old.spec)) found.invalid(SPEC, null, IMMUTABLE);
      return found.errors;
    },
  },
  generation: 'none',
  subresources: { status: statusSubresource<ResourcePoolStatusRequest>({ keep: 'metadata' }) },
  columns: nameAndAge<ResourcePoolStatusRequest>(),
});
