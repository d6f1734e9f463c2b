// What is wrong with the text of an IP address or a network, as Go says it. Source: https://pkg.go.dev/net/netip#ParseAddr
import { goQuote } from '../json.ts';

function ipv4Problem(text: string): string | undefined {
  const bad = /[^0-9.]/.exec(text);
  const good = bad === null ? text : text.slice(0, bad.index);
  const parts = good.split('.');
  for (const [i, part] of parts.entries()) {
    if (/^0\d/.test(part)) return 'IPv4 field has octet with leading zero';
    if (Number(part) > 255) return 'IPv4 field has value >255';
    const isLast = i === parts.length - 1;
    if (part === '' && (!isLast || bad === null)) {
      const at = parts.slice(0, Math.max(1, i)).join('.').length;
      return `IPv4 field must have at least one digit (at ${goQuote(text.slice(i === 0 ? 0 : isLast ? at : at + 1))})`;
    }
    if (i > 3) return 'IPv4 address too long';
  }
  if (bad !== null) return `unexpected character (at ${goQuote(text.slice(bad.index))})`;
  return parts.length < 4 ? 'IPv4 address too short' : undefined;
}

interface Groups {
  count: number;
  ellipsis: number;
}

/** One group of digits and what follows it; the rest of the text, or what is wrong. */
function ipv6Group(rest: string, groups: Groups): { readonly rest: string } | { readonly problem: string } {
  const at = ` (at ${goQuote(rest)})`;
  const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? '';
  if (digits.length > 4) return { problem: `each group must have 4 or less digits${at}` };
  if (digits === '') return { problem: `each colon-separated field must have at least one digit${at}` };
  if (rest[digits.length] === '.') {
    if (groups.ellipsis < 0 && groups.count !== 6)
      return { problem: `embedded IPv4 address must replace the final 2 fields of the address${at}` };
    if (groups.count > 6)
      return { problem: `too many hex fields to fit an embedded IPv4 at the end of the address${at}` };
    const problem = ipv4Problem(rest);
    groups.count += 2;
    return problem === undefined ? { rest: '' } : { problem };
  }
  groups.count++;
  const behind = rest.slice(digits.length);
  if (behind === '') return { rest: '' };
  const here = ` (at ${goQuote(behind)})`;
  if (!behind.startsWith(':')) return { problem: `unexpected character, want colon${here}` };
  if (behind === ':') return { problem: `colon must be followed by more characters${here}` };
  if (behind[1] !== ':') return { rest: behind.slice(1) };
  if (groups.ellipsis >= 0) return { problem: `multiple :: in address (at ${goQuote(behind.slice(1))})` };
  groups.ellipsis = groups.count;
  return { rest: behind.slice(2) };
}

function ipv6Problem(whole: string): string | undefined {
  const percent = whole.indexOf('%');
  if (percent >= 0 && percent === whole.length - 1) return 'zone must be a non-empty string';
  let text = percent < 0 ? whole : whole.slice(0, percent);
  const groups: Groups = { count: 0, ellipsis: -1 };
  if (text.startsWith('::')) {
    groups.ellipsis = 0;
    text = text.slice(2);
    if (text === '') return undefined;
  }
  while (groups.count < 8) {
    const next = ipv6Group(text, groups);
    if ('problem' in next) return next.problem;
    text = next.rest;
    if (text === '') break;
  }
  if (text !== '') return `trailing garbage after address (at ${goQuote(text)})`;
  if (groups.count < 8) return groups.ellipsis < 0 ? 'address string too short' : undefined;
  return groups.ellipsis < 0 ? undefined : 'the :: must expand to at least one field of zeros';
}

export function addressProblem(text: string): string | undefined {
  const first = /[.:%]/.exec(text)?.[0];
  let problem: string | undefined = 'unable to parse IP';
  if (first === '%') problem = 'missing IPv6 address';
  else if (first === '.') problem = ipv4Problem(text);
  else if (first === ':') problem = ipv6Problem(text);
  return problem === undefined ? undefined : `ParseAddr(${goQuote(text)}): ${problem}`;
}

export function prefixProblem(text: string): string | undefined {
  const told = (problem: string): string => `netip.ParsePrefix(${goQuote(text)}): ${problem}`;
  const slash = text.lastIndexOf('/');
  if (slash < 0) return told("no '/'");
  const address = text.slice(0, slash);
  const problem = addressProblem(address);
  if (problem !== undefined) return told(problem);
  if (address.includes('%')) return told('IPv6 zones cannot be present in a prefix');
  const bits = text.slice(slash + 1);
  if (!/^([1-9]\d*|\d)$/.test(bits)) return told(`bad bits after slash: ${goQuote(bits)}`);
  return Number(bits) > (address.includes(':') ? 128 : 32) ? told('prefix length out of range') : undefined;
}
