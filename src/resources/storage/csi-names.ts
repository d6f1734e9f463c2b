// The rule for names of CSI drivers.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';

const MAX_LENGTH = 63;

export function checkDriverName(found: ErrorList, name: string, path: FieldPath): void {
  if (name === '') found.required(path);
  if (Buffer.byteLength(name) > MAX_LENGTH) found.tooLong(path, MAX_LENGTH);
  for (const message of isDns1123Subdomain(name.toLowerCase())) found.invalid(path, name, message);
}
