// Checks of the parts that resource.k8s.io kinds share: selectors, configuration, tolerations, taints.

import { CelSyntaxError, isDyn, typeText } from '../../machinery/cel/index.ts';
import { jsonText } from '../../machinery/exact-json.ts';
import type { FieldPath } from '../../machinery/field-error.ts';
import { isCIdentifier, isDns1123Subdomain, isQualifiedName, isValidLabelValue } from '../../machinery/names.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { ErrorList } from '../checks/index.ts';
import type { DeviceConfiguration, DeviceSelector, DeviceTaint, DeviceToleration } from '../generated/resource-v1.ts';
import { compileDeviceExpression } from './device-expression.ts';

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
  for (const message of isDns1123Subdomain(driver.toLowerCase())) found.invalid(path, driver, message);
}

const MAX_POOL_NAME = 253;

/** DNS subdomains, joined by slashes. */
export function checkPoolName(found: ErrorList, name: string, path: FieldPath): void {
  if (name === '') {
    found.required(path);
    return;
  }
  if (Buffer.byteLength(name) > MAX_POOL_NAME) found.tooLong(path, MAX_POOL_NAME);
  for (const part of name.split('/')) found.text(path, part, isDns1123Subdomain);
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
    if (Buffer.byteLength(expression) > MAX_EXPRESSION) found.tooLong(at.child('expression'), MAX_EXPRESSION);
    else checkExpression(found, expression, at.child('expression'));
  });
}

function checkExpression(found: ErrorList, expression: string, path: FieldPath): void {
  // A macro that the engine does not have: such expressions are taken as they are.
  if (/\bcel\.bind\(/.test(expression)) return;
  try {
    const { type } = compileDeviceExpression(expression);
    const name = typeText(type);
    if (name !== 'bool' && !isDyn(type))
      found.invalid(path, expression, `must evaluate to bool or the unknown type, not ${name}`);
  } catch (error) {
    if (!(error instanceof CelSyntaxError)) throw error;
    found.invalid(path, expression, `compilation failed: ${error.message}`);
  }
}

const MAX_ID = 32;

function checkIdentifier(found: ErrorList, id: string, path: FieldPath): void {
  if (Buffer.byteLength(id) > MAX_ID) found.tooLong(path, MAX_ID);
  found.text(path, id, isCIdentifier);
}

/** The name of an attribute or a capacity, as C takes it; with or without a domain. */
export function checkAttributeName(found: ErrorList, name: string, path: FieldPath): void {
  const [first = '', second, ...more] = name.split('/');
  if (second === undefined) checkIdentifier(found, first, path);
  else if (more.length === 0) {
    if (first === '') found.invalid(path, '', 'the domain must not be empty');
    else checkDriver(found, first, path);
    if (second === '') found.invalid(path, '', 'the name must not be empty');
    else checkIdentifier(found, second, path);
  }
}

/** `domain/name`. */
export function checkAttributeReference(found: ErrorList, name: string, path: FieldPath): void {
  checkAttributeName(found, name, path);
  if (!name.includes('/'))
    found.invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
}

export function checkConfiguration(found: ErrorList, configuration: DeviceConfiguration, path: FieldPath): void {
  const { opaque } = configuration;
  if (opaque === undefined) {
    found.required(path.child('opaque'));
    return;
  }
  checkDriver(found, opaque.driver ?? '', path.child('opaque', 'driver'));
  const at = path.child('opaque', 'parameters');
  if (opaque.parameters === undefined || opaque.parameters === null) found.required(at);
  else if (Buffer.byteLength(jsonText(opaque.parameters)) > MAX_PARAMETERS) found.tooLong(at, MAX_PARAMETERS);
  else if (!isJsonObject(opaque.parameters)) found.invalid(at, '<value omitted>', 'must be a valid JSON object');
}

const MAX_BINDING_CONDITIONS = 4;

/** What a pod waits for before it is bound, and what makes it try elsewhere: one is nothing without the other. */
export function checkBinding(
  found: ErrorList,
  one: { readonly bindingConditions?: string[]; readonly bindingFailureConditions?: string[] },
  path: FieldPath,
): void {
  const binding = one.bindingConditions ?? [];
  const failure = one.bindingFailureConditions ?? [];
  const [bindingPath, failurePath] = [path.child('bindingConditions'), path.child('bindingFailureConditions')];
  const lists = [
    { list: binding, at: bindingPath },
    { list: failure, at: failurePath },
  ];
  for (const { list, at } of lists) {
    if (list.length > MAX_BINDING_CONDITIONS) found.tooMany(at, list.length, MAX_BINDING_CONDITIONS);
    else for (const [i, name] of list.entries()) found.text(at.index(i), name, isQualifiedName);
  }
  for (const { list, at } of lists)
    for (const [i, name] of list.entries()) {
      if (list.indexOf(name) < i) found.duplicate(at.index(i), name);
      if (list === failure && binding.includes(name))
        found.invalid(at.index(i), name, 'bindingFailureConditions must not overlap with bindingConditions');
    }
  if (binding.length === 0 && failure.length > 0)
    found.invalid(bindingPath, null, 'bindingConditions are required to use bindingFailureConditions');
  if (failure.length === 0 && binding.length > 0)
    found.invalid(failurePath, null, 'bindingFailureConditions are required to use bindingConditions');
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
    if (operator === 'Equal') found.text(at.child('value'), value, isValidLabelValue);
    else if (operator === 'Exists') {
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
