// DeviceClass: a kind of device that claims may ask for. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { FieldError } from '../../machinery/field-error.ts';
import { ErrorList, nameAndAge } from '../checks/index.ts';
import { isExtendedResource, nameOnlyCheck } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { DeviceClass } from '../generated/resource-v1.ts';
import { SPEC } from './claim-rules.ts';
import { checkConfiguration, checkCount, checkSelectors, MAX_ITEMS } from './device-rules.ts';

function validate(deviceClass: DeviceClass): FieldError[] {
  const found = new ErrorList();
  const { selectors, config, extendedResourceName } = deviceClass.spec ?? {};
  checkSelectors(found, selectors, SPEC.child('selectors'));
  checkCount(found, config, SPEC.child('config'), MAX_ITEMS);
  config?.forEach((one, i) => {
    checkConfiguration(found, one, SPEC.child('config').index(i));
  });
  if (extendedResourceName !== undefined && !isExtendedResource(extendedResourceName))
    found.invalid(SPEC.child('extendedResourceName'), extendedResourceName, 'must be a valid extended resource name');
  return found.errors;
}

export const deviceClasses = defineResource<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  singular: 'deviceclass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.DeviceClass',
  validateName: nameOnlyCheck('dns-subdomain'),
  deleteAnswersObject: true,
  strategy: { validate, validateUpdate: validate },
  generation: 'spec',
  columns: nameAndAge<DeviceClass>(),
});
