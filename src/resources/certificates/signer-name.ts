// The rule for names of signers: `example.com/signer`. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#signers
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';

const MAX_DOMAIN = 253;
const MAX_PATH = 253 + 63 + 1;

export function checkSignerName(found: ErrorList, name: string, path: FieldPath): void {
  if (name === '') {
    found.required(path);
    return;
  }
  const [domain = '', rest, ...more] = name.split('/');
  if (rest === undefined || more.length > 0) {
    found.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  if (domain.length > MAX_DOMAIN) found.tooLong(path, MAX_DOMAIN);
  const labels = domain.split('.');
  for (const label of labels)
    for (const message of isDns1123Label(label))
      found.invalid(path, domain, `validating label ${JSON.stringify(label)}: ${message}`);
  if (labels.length < 2) found.invalid(path, domain, 'should be a domain with at least two segments separated by dots');
  for (const label of rest.split('.'))
    for (const message of isDns1123Subdomain(label))
      found.invalid(path, rest, `validating label ${JSON.stringify(label)}: ${message}`);
  if (rest.length > MAX_PATH) found.tooLong(path, MAX_DOMAIN + MAX_PATH + 1);
}
