// `fieldSelector` texts. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
import { badRequest } from './errors.ts';

export interface FieldRequirement {
  readonly path: string;
  readonly op: '=' | '!=';
  readonly value: string;
}

/** Splits at commas that have no backslash before them. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const ch = text[i] ?? '';
    if (ch === '\\') {
      const next = text[++i] ?? '';
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      out += next;
    } else if (ch === ',' || ch === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${ch.charCodeAt(0)}`);
    } else out += ch;
  }
  return out;
}

/** Throws a BadRequest in Kubernetes' words. Which paths a kind knows is the caller's to check. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, path = '', op, value = ''] = match;
    // `=` alone asks for nothing.
    if (path === '' && value === '' && op !== '!=') continue;
    requirements.push({ path, op: op === '!=' ? '!=' : '=', value: unescapeValue(value) });
  }
  return requirements;
}

export function matchesFields(
  requirements: readonly FieldRequirement[],
  fields: Readonly<Record<string, string | undefined>>,
): boolean {
  return requirements.every((r) => ((fields[r.path] ?? '') === r.value) === (r.op === '='));
}

/** Writes a value so that it can stand in a field selector. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (c) => `\\${c}`);
}

export function fieldSelectorText(requirements: readonly FieldRequirement[]): string {
  return requirements.map((r) => `${r.path}${r.op}${escapeFieldValue(r.value)}`).join(',');
}
