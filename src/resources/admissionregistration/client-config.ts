// Where a webhook is reached: an https URL, or a Service of the cluster.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isValidPortNumber } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type { ServiceReference, WebhookClientConfig } from '../generated/admissionregistration-v1.ts';

const FORM = '; desired format: https://host[/path]';

interface UrlParts {
  readonly scheme: string;
  readonly user: string | undefined;
  readonly host: string;
  readonly query: string;
  readonly fragment: string;
}

/** The parts as Go's url.Parse names them; it takes URLs without a host, which the URL class does not. */
function urlParts(text: string): UrlParts {
  const [beforeFragment = '', ...fragment] = text.split('#');
  const [beforeQuery = '', ...query] = beforeFragment.split('?');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(beforeQuery)?.[1] ?? '';
  const rest = scheme === '' ? beforeQuery : beforeQuery.slice(scheme.length + 1);
  const authority = rest.startsWith('//') ? (rest.slice(2).split('/')[0] ?? '') : '';
  const at = authority.lastIndexOf('@');
  return {
    scheme: scheme.toLowerCase(),
    user: at < 0 ? undefined : authority.slice(0, at),
    host: authority.slice(at + 1),
    query: query.join('?'),
    fragment: fragment.join('#'),
  };
}

function checkUrl(found: ErrorList, text: string, path: FieldPath): void {
  const url = urlParts(text);
  if (url.scheme !== 'https') found.invalid(path, url.scheme, `'https' is the only allowed URL scheme${FORM}`);
  if (url.host === '') found.invalid(path, url.host, `host must be specified${FORM}`);
  if (url.user !== undefined) found.invalid(path, url.user, 'user information is not permitted in the URL');
  if (url.fragment !== '') found.invalid(path, url.fragment, 'fragments are not permitted in the URL');
  if (url.query !== '') found.invalid(path, url.query, 'query parameters are not permitted in the URL');
}

function checkServicePath(found: ErrorList, text: string, path: FieldPath): void {
  if (text === '' || text === '/') return;
  if (text === '//') {
    found.invalid(path, text, 'segment[0] may not be empty');
    return;
  }
  if (!text.startsWith('/')) found.invalid(path, text, "must start with a '/'");
  const inner = text.slice(1).replace(/\/$/, '');
  inner.split('/').forEach((segment, i) => {
    if (segment === '') found.invalid(path, text, `segment[${i}] may not be empty`);
    else for (const message of isDns1123Subdomain(segment)) found.invalid(path, text, `segment[${i}]: ${message}`);
  });
}

export function checkService(found: ErrorList, service: ServiceReference, path: FieldPath): void {
  if ((service.name ?? '') === '') found.required(path.child('name'), 'service name is required');
  if ((service.namespace ?? '') === '') found.required(path.child('namespace'), 'service namespace is required');
  const port = service.port ?? 0;
  const problems = isValidPortNumber(port);
  if (problems.length > 0) found.invalid(path.child('port'), port, `port is not valid: ${problems.join(', ')}`);
  if (service.path !== undefined) checkServicePath(found, service.path, path.child('path'));
}

export function checkClientConfig(found: ErrorList, config: WebhookClientConfig | undefined, path: FieldPath): void {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined))
    found.required(path, 'exactly one of url or service is required');
  else if (url !== undefined) checkUrl(found, url, path.child('url'));
  else if (service !== undefined) checkService(found, service, path.child('service'));
}
