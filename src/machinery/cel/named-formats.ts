// Named formats of texts. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library
import { isDns1035Label, isDns1123Label, isDns1123Subdomain, isQualifiedName, isValidLabelValue } from '../names.ts';
import { parseTime } from '../time.ts';
import { define } from './registry.ts';
import { urlProblem } from './urls.ts';
import { NamedFormat, Optional } from './values.ts';

/** What goes before a generated suffix may end in a dash. */
const prefix =
  (check: (text: string) => string[]) =>
  (text: string): string[] =>
    check(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);

const test =
  (isGood: (text: string) => boolean, problem: string) =>
  (text: string): string[] =>
    isGood(text) ? [] : [problem];

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const FORMATS: ReadonlyMap<string, NamedFormat> = new Map(
  (
    [
      ['dns1123Label', isDns1123Label],
      ['dns1123Subdomain', isDns1123Subdomain],
      ['dns1035Label', isDns1035Label],
      ['qualifiedName', isQualifiedName],
      ['dns1123LabelPrefix', prefix(isDns1123Label)],
      ['dns1123SubdomainPrefix', prefix(isDns1123Subdomain)],
      ['dns1035LabelPrefix', prefix(isDns1035Label)],
      ['labelValue', isValidLabelValue],
      [
        'uri',
        (text: string) => {
          const problem = urlProblem(text);
          return problem === undefined ? [] : [problem];
        },
      ],
      ['uuid', test((text) => UUID.test(text), 'does not match the UUID format')],
      ['byte', test((text) => BASE64.test(text), 'invalid base64')],
      [
        'date',
        test((text) => /^\d{4}-\d\d-\d\d$/.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined, 'invalid date'),
      ],
      ['datetime', test((text) => parseTime(text.toUpperCase()) !== undefined, 'invalid datetime')],
    ] as const
  ).map(([name, check]) => [name, new NamedFormat(name, check)] as const),
);

export function defineNames(): void {
  for (const [name, format] of FORMATS) define(`format.${name}(): kubernetes.NamedFormat`, () => format);
  define('format.named(string): optional<kubernetes.NamedFormat>', (name: string) => {
    const format = FORMATS.get(name);
    return format === undefined ? Optional.none : new Optional(format);
  });
  define('kubernetes.NamedFormat.validate(string): optional<list<string>>', (format: NamedFormat, text: string) => {
    const problems = format.check(text);
    return problems.length === 0 ? Optional.none : new Optional(problems);
  });
}
