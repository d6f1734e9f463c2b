// Checks that storage classes and volume attributes classes share: the driver's name and its parameters.
import { FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';

const MAX_COUNT = 512;
const MAX_SIZE = 256 * 1024;

export function checkProvisioner(found: ErrorList, provisioner: string | undefined, field: string): void {
  const path = FieldPath.of(field);
  const name = provisioner ?? '';
  if (name === '') found.required(path);
  else for (const message of isQualifiedName(name.toLowerCase())) found.invalid(path, name, message);
}

export function checkParameters(
  found: ErrorList,
  parameters: Readonly<Record<string, string>> | undefined,
  allowEmpty: boolean,
): void {
  const path = FieldPath.of('parameters');
  const entries = Object.entries(parameters ?? {});
  if (entries.length > MAX_COUNT) {
    found.tooLong(path, MAX_COUNT);
    return;
  }
  let size = 0;
  for (const [key, value] of entries) {
    if (key === '') found.invalid(path, key, 'field can not be empty.');
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > MAX_SIZE) found.tooLong(path, MAX_SIZE);
  if (!allowEmpty && entries.length === 0) found.required(path, 'must contain at least one key/value pair');
}
