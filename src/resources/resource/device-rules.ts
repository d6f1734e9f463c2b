// Checks of the parts that resource.k8s.io kinds share: selectors, configuration, tolerations, taints.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isQualifiedName, isValidLabelValue } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type { DeviceConfiguration, DeviceSelector, DeviceTaint, DeviceToleration } from '../generated/resource-v1.ts';

export const MAX_ITEMS = 32;
const MAX_EXPRESSION = 10 * 1024;
const MAX_PARAMETERS = 10 * 1024;
const MAX_DRIVER = 63;
const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];

export function checkCount(found: ErrorList, list: readonly unknown[] | undefined, path: FieldPath, max: number): void {
  const count = list?.length ?? 0;
  if (count > max) found.tooMany(path, count, max);
}

export function checkDriver(found: ErrorList, driver: string, path: FieldPath): void {
  if (driver === '') {
    found.required(path);
    return;
  }
  if (Buffer.byteLength(driver) > MAX_DRIVER) found.tooLong(path, MAX_DRIVER);
  found.text(path, driver, isDns1123Subdomain);
}

export function checkSelectors(
  found: ErrorList,
  selectors: readonly DeviceSelector[] | undefined,
  path: FieldPath,
): void {
  checkCount(found, selectors, path, MAX_ITEMS);
  selectors?.forEach((selector, i) => {
    const at = path.index(i).child('cel');
    if (selector.cel === undefined) {
      found.required(at);
      return;
    }
    const expression = selector.cel.expression ?? '';
    if (expression.trim() === '') found.required(at.child('expression'));
    else if (Buffer.byteLength(expression) > MAX_EXPRESSION) found.tooLong(at.child('expression'), MAX_EXPRESSION);
  });
}

export function checkConfiguration(found: ErrorList, configuration: DeviceConfiguration, path: FieldPath): void {
  const { opaque } = configuration;
  if (opaque === undefined) {
    found.required(path, 'exactly one of the fields must be specified');
    return;
  }
  checkDriver(found, opaque.driver ?? '', path.child('opaque', 'driver'));
  const at = path.child('opaque', 'parameters');
  if (opaque.parameters === undefined || opaque.parameters === null) found.required(at);
  else if (Buffer.byteLength(JSON.stringify(opaque.parameters)) > MAX_PARAMETERS) found.tooLong(at, MAX_PARAMETERS);
}

export function checkTolerations(
  found: ErrorList,
  tolerations: readonly DeviceToleration[] | undefined,
  path: FieldPath,
): void {
  tolerations?.forEach((toleration, i) => {
    const at = path.index(i);
    const { key = '', operator = '', value = '', effect = '' } = toleration;
    if (key !== '') found.text(at.child('key'), key, isQualifiedName);
    if (operator === 'Equal') {
      if (key === '') found.required(at.child('key'));
      found.text(at.child('value'), value, isValidLabelValue);
    } else if (operator === 'Exists') {
      if (value !== '') found.invalid(at.child('value'), value, 'must be empty for operator `Exists`');
    } else if (operator === '') found.required(at.child('operator'));
    else found.notSupported(at.child('operator'), operator, ['Equal', 'Exists']);
    if (effect !== '') found.oneOf(at.child('effect'), effect, EFFECTS);
  });
}

export function checkTaint(found: ErrorList, taint: DeviceTaint | undefined, path: FieldPath): void {
  const { key = '', value = '', effect = '' } = taint ?? {};
  found.text(path.child('key'), key, isQualifiedName);
  if (value !== '') found.text(path.child('value'), value, isValidLabelValue);
  if (effect === '') found.required(path.child('effect'));
  else found.oneOf(path.child('effect'), effect, EFFECTS);
}
