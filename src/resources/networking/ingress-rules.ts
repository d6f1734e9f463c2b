// Validation of an Ingress: hosts, paths, backends, TLS and the status. https://kubernetes.io/docs/concepts/services-networking/ingress/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import {
  canonicalIP,
  isDns1123Label,
  isDns1123Subdomain,
  isValidPortName,
  isValidPortNumber,
  isWildcardDns1123Subdomain,
} from '../../machinery/names.ts';
import { ErrorList } from '../checks/index.ts';
import { addressProblems } from '../common/index.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressServiceBackend,
  IngressTLS,
} from '../generated/networking-v1.ts';
import { checkReference } from './reference.ts';

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const FORBIDDEN_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const FORBIDDEN_ENDS = ['/..', '/.'];
const NOT_AN_ADDRESS = 'must be a DNS name, not an IP address';

function checkHost(found: ErrorList, host: string, path: FieldPath): void {
  found.text(path, host, host.includes('*') ? isWildcardDns1123Subdomain : isDns1123Subdomain);
}

function checkServiceBackend(found: ErrorList, service: IngressServiceBackend, path: FieldPath): void {
  const at = path.child('service');
  const name = service.name ?? '';
  if (name === '') found.required(at.child('name'));
  else found.text(at.child('name'), name, isDns1123Label);
  const { name: portName = '', number = 0 } = service.port ?? {};
  if (portName !== '' && number !== 0) found.invalid(path, '', 'cannot set both port name & port number');
  else if (portName !== '') found.text(at.child('port', 'name'), portName, isValidPortName);
  else if (number !== 0)
    for (const message of isValidPortNumber(number)) found.invalid(at.child('port', 'number'), number, message);
  else found.required(path, 'port name or number is required');
}

function checkBackend(found: ErrorList, backend: IngressBackend | undefined, path: FieldPath): void {
  const { resource, service } = backend ?? {};
  if (resource !== undefined && service !== undefined)
    found.invalid(path, '', 'cannot set both resource and service backends');
  else if (resource !== undefined) checkReference(found, resource, path.child('resource'));
  else if (service !== undefined) checkServiceBackend(found, service, path);
  else found.invalid(path, '', 'resource or service backend is required');
}

function checkPath(found: ErrorList, rule: HTTPIngressPath, path: FieldPath): void {
  const at = path.child('path');
  const text = rule.path ?? '';
  switch (rule.pathType) {
    case undefined:
    case null:
      found.required(path.child('pathType'), 'pathType must be specified');
      return;
    case 'Exact':
    case 'Prefix':
      if (!text.startsWith('/')) found.invalid(at, text, 'must be an absolute path');
      for (const part of FORBIDDEN_SEQUENCES)
        if (text.includes(part)) found.invalid(at, text, `must not contain '${part}'`);
      for (const end of FORBIDDEN_ENDS) if (text.endsWith(end)) found.invalid(at, text, `cannot end with '${end}'`);
      break;
    case 'ImplementationSpecific':
      if (text !== '' && !text.startsWith('/')) found.invalid(at, text, 'must be an absolute path');
      break;
    default:
      found.notSupported(path.child('pathType'), rule.pathType, PATH_TYPES);
  }
  checkBackend(found, rule.backend, path.child('backend'));
}

function checkRule(found: ErrorList, rule: IngressRule, path: FieldPath): void {
  const host = rule.host ?? '';
  if (host !== '') {
    if (canonicalIP(host) !== undefined) found.invalid(path.child('host'), host, NOT_AN_ADDRESS);
    checkHost(found, host, path.child('host'));
  }
  if (rule.http === undefined) return;
  const at = path.child('http', 'paths');
  const paths = rule.http.paths ?? [];
  if (paths.length === 0) found.required(at);
  paths.forEach((one, i) => {
    checkPath(found, one, at.index(i));
  });
}

const hasBadSecret = ({ secretName = '' }: IngressTLS): boolean =>
  secretName !== '' && isDns1123Subdomain(secretName).length > 0;

function checkTls(found: ErrorList, tls: IngressTLS, path: FieldPath, anySecret: boolean): void {
  tls.hosts?.forEach((host, i) => {
    checkHost(found, host, path.child('hosts').index(i));
  });
  const secret = tls.secretName ?? '';
  if (secret !== '' && !anySecret) found.text(path.child('secretName'), secret, isDns1123Subdomain);
}

/** An ingress that names a secret by a bad name, from times when any was taken, may go on to do so. */
export function validateIngress(ingress: Ingress, old?: Ingress): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { rules = [], defaultBackend, tls = [], ingressClassName } = ingress.spec ?? {};
  if (rules.length === 0 && defaultBackend === undefined)
    found.invalid(path, ingress.spec?.rules ?? null, 'either `defaultBackend` or `rules` must be specified');
  if (defaultBackend !== undefined) checkBackend(found, defaultBackend, path.child('defaultBackend'));
  rules.forEach((rule, i) => {
    checkRule(found, rule, path.child('rules').index(i));
  });
  const anySecret = (old?.spec?.tls ?? []).some(hasBadSecret);
  tls.forEach((one, i) => {
    checkTls(found, one, path.child('tls').index(i), anySecret);
  });
  if (ingressClassName !== undefined) found.text(path.child('ingressClassName'), ingressClassName, isDns1123Subdomain);
  return found.errors;
}

export function validateIngressCreate(ingress: Ingress): FieldError[] {
  const found = new ErrorList().add(validateIngress(ingress));
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const name = ingress.spec?.ingressClassName;
  if (annotation !== undefined && name !== undefined && annotation !== name)
    found.invalid(
      FieldPath.of('annotations').child(CLASS_ANNOTATION),
      annotation,
      'must match `ingressClassName` when both are specified',
    );
  return found.errors;
}

export function validateIngressStatus(ingress: Ingress, old: Ingress): FieldError[] {
  const found = new ErrorList();
  const before = new Set(old.status?.loadBalancer?.ingress?.map((point) => point.ip));
  ingress.status?.loadBalancer?.ingress?.forEach((point, i) => {
    const path = FieldPath.of('status', 'loadBalancer', 'ingress').index(i);
    const { ip = '', hostname = '' } = point;
    if (ip !== '' && !before.has(ip)) found.text(path.child('ip'), ip, addressProblems);
    if (hostname === '') return;
    found.text(path.child('hostname'), hostname, isDns1123Subdomain);
    if (canonicalIP(hostname) !== undefined) found.invalid(path.child('hostname'), hostname, NOT_AN_ADDRESS);
  });
  return found.errors;
}

export function ingressWarnings(ingress: Ingress): string[] {
  if (ingress.metadata.annotations?.[CLASS_ANNOTATION] === undefined) return [];
  return [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`];
}
