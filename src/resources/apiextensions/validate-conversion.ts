// Validation of how a CustomResourceDefinition converts between its versions.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1035Label } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type { CustomResourceConversion } from '../generated/apiextensions-v1.ts';

const REVIEW_VERSIONS = ['v1', 'v1beta1'];

function checkWebhook(found: ErrorList, conversion: CustomResourceConversion, path: FieldPath): void {
  const client = conversion.webhook?.clientConfig;
  const at = path.child('webhookClientConfig');
  if (client === undefined) found.required(at, 'required when strategy is set to Webhook');
  else if ((client.url === undefined) === (client.service === undefined))
    found.required(at, 'exactly one of url or service is required');
  else if (client.url !== undefined) checkUrl(found, client.url, at.child('url'));
  else {
    const service = client.service;
    if ((service?.name ?? '') === '') found.required(at.child('service', 'name'), 'service name is required');
    if ((service?.namespace ?? '') === '')
      found.required(at.child('service', 'namespace'), 'service namespace is required');
    const port = service?.port ?? 443;
    if (port < 1 || port > 65535)
      found.invalid(at.child('service', 'port'), port, 'port is not valid: must be between 1 and 65535, inclusive');
  }
  const versions = conversion.webhook?.conversionReviewVersions ?? [];
  const list = path.child('conversionReviewVersions');
  if (versions.length === 0) {
    found.required(list);
    return;
  }
  versions.forEach((version, i) => {
    if (versions.indexOf(version) < i) found.invalid(list.index(i), version, 'duplicate version');
    else found.text(list.index(i), version, isDns1035Label);
  });
  if (!versions.some((v) => REVIEW_VERSIONS.includes(v))) {
    found.invalid(list, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`);
  }
}

function checkUrl(found: ErrorList, text: string, path: FieldPath): void {
  const form = '; desired format: https://host[/path]';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    found.required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${form}`);
    return;
  }
  if (url.protocol !== 'https:') {
    found.invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`);
  }
  if (url.host === '') found.invalid(path, url.host, `host must be specified${form}`);
  if (url.username !== '') found.invalid(path, url.username, 'user information is not permitted in the URL');
  if (url.hash !== '') found.invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL');
  if (url.search !== '') found.invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL');
}

export function checkConversion(
  found: ErrorList,
  conversion: CustomResourceConversion | undefined,
  path: FieldPath,
): void {
  if (conversion === undefined) return;
  const strategy = conversion.strategy ?? '';
  if (strategy === '') found.required(path.child('strategy'));
  else found.oneOf(path.child('strategy'), strategy, ['None', 'Webhook']);
  if (strategy === 'Webhook') checkWebhook(found, conversion, path);
  else {
    if (conversion.webhook?.clientConfig !== undefined) {
      found.forbidden(path.child('webhookClientConfig'), 'should not be set when strategy is not set to Webhook');
    }
    if ((conversion.webhook?.conversionReviewVersions?.length ?? 0) > 0) {
      found.forbidden(path.child('conversionReviewVersions'), 'should not be set when strategy is not set to Webhook');
    }
  }
}
