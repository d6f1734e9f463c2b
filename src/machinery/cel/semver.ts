// Semantic versions. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library
import { define, fail } from './registry.ts';
import { SemverValue } from './values.ts';

const NUMBER = /^\d+$/;
const PART = /^[0-9A-Za-z-]+$/;

function numberOf(text: string, name: string): bigint {
  if (!NUMBER.test(text)) fail(`Invalid character(s) found in ${name} number ${JSON.stringify(text)}`);
  if (text.length > 1 && text.startsWith('0'))
    fail(
      `${name.charAt(0).toUpperCase()}${name.slice(1)} number must not contain leading zeroes ${JSON.stringify(text)}`,
    );
  const value = BigInt(text);
  return value < 1n << 64n ? value : fail(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
}

function partsOf(text: string, name: string): string[] {
  return text.split('.').map((part) => {
    if (part === '') fail(name === 'build' ? 'Build meta data is empty' : 'Prerelease is empty');
    if (name === 'build') {
      if (!PART.test(part)) fail(`Invalid character(s) found in build meta data ${JSON.stringify(part)}`);
      return part;
    }
    if (NUMBER.test(part) && part.length > 1 && part.startsWith('0'))
      fail(`Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(part)}`);
    return PART.test(part) ? part : fail(`Invalid character(s) found in prerelease ${JSON.stringify(part)}`);
  });
}

/** In the words of https://github.com/blang/semver. */
export function semverOf(text: string): SemverValue {
  if (text === '') fail('Version string empty');
  const parts = text.split('.');
  if (parts.length < 3) fail('No Major.Minor.Patch elements found');
  const major = numberOf(parts[0] ?? '', 'major');
  const minor = numberOf(parts[1] ?? '', 'minor');
  const rest = parts.slice(2).join('.');
  const plus = rest.indexOf('+');
  const build = plus < 0 ? [] : partsOf(rest.slice(plus + 1), 'build');
  const before = plus < 0 ? rest : rest.slice(0, plus);
  const dash = before.indexOf('-');
  const pre = dash < 0 ? [] : partsOf(before.slice(dash + 1), 'prerelease');
  const patch = numberOf(dash < 0 ? before : before.slice(0, dash), 'patch');
  return new SemverValue([major, minor, patch], pre, build);
}

/** A leading v and zeros are taken away, what is missing is zero. */
function normalized(text: string): string {
  const parts = text.replace(/^v/, '').split('.');
  const three = parts.length > 3 ? [...parts.slice(0, 2), parts.slice(2).join('.')] : parts;
  const plain = three.map((part) => {
    if (part.length <= 1) return part;
    const rest = part.replace(/^0+/, '');
    return /^\d/.test(rest) ? rest : `0${rest}`;
  });
  const last = plain.at(-1) ?? '';
  const missing = 3 - plain.length;
  if (missing <= 0) return plain.join('.');
  if (/[+-]/.test(last)) fail('short version cannot contain PreRelease/Build meta data');
  return [...plain, ...Array.from({ length: missing }, () => '0')].join('.');
}

const NAME = 'kubernetes.Semver';
const read = (text: string, normalize = false): SemverValue => semverOf(normalize ? normalized(text) : text);

function isSemver(text: string, normalize = false): boolean {
  try {
    read(text, normalize);
    return true;
  } catch {
    return false;
  }
}

export function defineVersions(): void {
  define(`semver(string): ${NAME}`, (text: string) => read(text));
  define(`semver(string,bool): ${NAME}`, read);
  define('isSemver(string): bool', (text: string) => isSemver(text));
  define('isSemver(string,bool): bool', isSemver);
  define(`${NAME}.major(): int`, (v: SemverValue) => v.numbers[0]);
  define(`${NAME}.minor(): int`, (v: SemverValue) => v.numbers[1]);
  define(`${NAME}.patch(): int`, (v: SemverValue) => v.numbers[2]);
  define(`${NAME}.isGreaterThan(${NAME}): bool`, (a: SemverValue, b: SemverValue) => a.compare(b) > 0);
  define(`${NAME}.isLessThan(${NAME}): bool`, (a: SemverValue, b: SemverValue) => a.compare(b) < 0);
  define(`${NAME}.compareTo(${NAME}): int`, (a: SemverValue, b: SemverValue) => BigInt(a.compare(b)));
}
