// Format checks as findings: the machinery says what is wrong with a string, here it becomes errors at a path.

import { type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { Int64 } from '../../machinery/int64.ts';
import {
  isDns1123Label,
  isDns1123Subdomain,
  isValidPortName,
  isValidPortNumber,
  rangeMessage,
} from '../../machinery/names.ts';
import { addressProblems } from './addresses.ts';
import { addInvalid, type Findings } from './collect.ts';

export function checkDnsLabel(value: string, path: FieldPath, out: Findings): void {
  const messages = isDns1123Label(value);
  if (messages.length > 0) addInvalid(value, path, messages, out);
}

export function checkDnsSubdomain(value: string, path: FieldPath, out: Findings): void {
  const messages = isDns1123Subdomain(value);
  if (messages.length > 0) addInvalid(value, path, messages, out);
}

export function checkPortNumber(port: number, path: FieldPath, out: Findings): void {
  if (port < 1 || port > 65535) addInvalid(port, path, isValidPortNumber(port), out);
}

/** A port by number or by name, as probes and Services take it. */
export function checkPortNumberOrName(port: number | string | undefined, path: FieldPath, out: Findings): void {
  if (typeof port === 'string') addInvalid(port, path, isValidPortName(port), out);
  else checkPortNumber(port ?? 0, path, out);
}

const MAX_UNIX_ID = 2147483647;
const ID_RANGE = rangeMessage(0, MAX_UNIX_ID);

export function checkUnixId(id: Int64 | undefined, path: FieldPath, out: Findings): void {
  if (id !== undefined && (id < 0 || id > MAX_UNIX_ID)) out.push(fieldErrors.invalid(path, id, ID_RANGE));
}

export function checkIP(value: string, path: FieldPath, out: Findings): boolean {
  const messages = addressProblems(value);
  if (messages.length > 0) addInvalid(value, path, messages, out);
  return messages.length === 0;
}
