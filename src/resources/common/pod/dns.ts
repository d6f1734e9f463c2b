// A pod's names: DNS policy and configuration, host aliases, hostname.
// Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isDns1123SubdomainWithUnderscore } from '../../../machinery/names.ts';
import type { HostAlias, PodDNSConfig, PodSpec } from '../../generated/core-v1.ts';
import { addInvalid, type Findings } from '../collect.ts';
import { checkDnsLabel, checkDnsSubdomain, checkIP } from '../names.ts';

const DNS_POLICIES: readonly string[] = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

export function checkDnsPolicy(policy: string, path: FieldPath, out: Findings): void {
  if (policy === '') out.push(fieldErrors.required(path));
  else if (!DNS_POLICIES.includes(policy)) out.push(fieldErrors.notSupported(path, policy, DNS_POLICIES));
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

export function checkDnsConfig(spec: PodSpec, path: FieldPath, out: Findings): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (!config) {
      out.push(fieldErrors.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'));
      return;
    }
    if ((config.nameservers ?? []).length === 0) {
      out.push(
        fieldErrors.required(
          path.child('nameservers'),
          'must provide at least one DNS nameserver when `dnsPolicy` is None',
        ),
      );
      return;
    }
  }
  if (!config) return;
  checkNameservers(config.nameservers ?? [], path.child('nameservers'), out);
  checkSearches(config.searches ?? [], path.child('searches'), out);
  checkOptions(config, path.child('options'), out);
}

function checkNameservers(servers: readonly string[], path: FieldPath, out: Findings): void {
  if (servers.length > MAX_NAMESERVERS)
    out.push(fieldErrors.invalid(path, servers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  for (const [i, server] of servers.entries()) checkIP(server, path.index(i), out);
}

function checkSearches(searches: readonly string[], path: FieldPath, out: Findings): void {
  if (searches.length > MAX_SEARCHES)
    out.push(fieldErrors.invalid(path, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS)
    out.push(
      fieldErrors.invalid(
        path,
        searches,
        `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`,
      ),
    );
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue;
    const domain = search.endsWith('.') ? search.slice(0, -1) : search;
    addInvalid(domain, path.index(i), isDns1123SubdomainWithUnderscore(domain), out);
  }
}

function checkOptions(config: PodDNSConfig, path: FieldPath, out: Findings): void {
  for (const [i, option] of (config.options ?? []).entries())
    if (!option.name) out.push(fieldErrors.required(path.index(i), 'must not be empty'));
}

export function checkHostAliases(aliases: readonly HostAlias[], path: FieldPath, out: Findings): void {
  for (const [i, alias] of aliases.entries()) {
    checkIP(alias.ip ?? '', path.index(i).child('ip'), out);
    for (const [j, name] of (alias.hostnames ?? []).entries())
      checkDnsSubdomain(name, path.index(i).child('hostnames').index(j), out);
  }
}

const MAX_HOSTNAME = 64;

export function checkHostname(spec: PodSpec, path: FieldPath, out: Findings): void {
  if (spec.hostname) checkDnsLabel(spec.hostname, path.child('hostname'), out);
  if (spec.subdomain) checkDnsLabel(spec.subdomain, path.child('subdomain'), out);
}

/** A hostname that stands above all others. Source: KEP-4762. */
export function checkHostnameOverride(spec: PodSpec, path: FieldPath, out: Findings): void {
  const name = spec.hostnameOverride;
  if (name === undefined) return;
  const at = path.child('hostnameOverride');
  if (spec.setHostnameAsFQDN === true)
    out.push(fieldErrors.forbidden(at, 'may not be specified when setHostnameAsFQDN is true'));
  if (spec.hostNetwork === true) out.push(fieldErrors.forbidden(at, 'may not be specified when hostNetwork is true'));
  if (name.length > MAX_HOSTNAME) out.push(fieldErrors.tooLong(at, MAX_HOSTNAME));
  checkDnsSubdomain(name, at, out);
}
