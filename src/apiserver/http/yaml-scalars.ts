// How a scalar is written in YAML: plain where nobody can take it for something else, quoted or as a block otherwise, folded beyond 80 columns, as sigs.k8s.io/yaml does.
// Source: https://yaml.org/spec/1.1/#id864510 and https://yaml.org/type/

const WIDTH = 80;

/** Words that readers of YAML 1.1 take for truth values or nothing. */
const WORDS =
  /^(?:~|null|Null|NULL|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE|)$/;
const NUMBERS = [
  /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/,
  /^[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/,
  /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
];
const SEXAGESIMAL = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const TIME =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d{1,2}:\d{2}|[ \t]*)?)?$/;

/** Whether a plain scalar would be read as something else than text. */
function isMistakable(text: string): boolean {
  if (WORDS.test(text) || SEXAGESIMAL.test(text)) return true;
  if (/^[-+.0-9]/.test(text)) {
    const bare = text.replaceAll('_', '');
    if (NUMBERS.some((pattern) => pattern.test(bare))) return true;
  }
  const [, , month, day] = TIME.exec(text) ?? [];
  return month !== undefined && Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= 31;
}

const isPrintable = (code: number): boolean =>
  code === 0x0a ||
  (code >= 0x20 && code <= 0x7e) ||
  (code >= 0xa0 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff);

const BREAKS = '\n\r\u0085\u2028\u2029';
const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u00a0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

type Style = 'plain' | 'single' | 'double' | 'literal';

/** Characters that mean something to YAML where they stand. */
const hasIndicators = (text: string): boolean =>
  /^(?:[#,[\]{}&*!|>'"%@`]|[?:-](?:[ \n]|$)|---|\.\.\.)|:(?:[ \n]|$)|[ \n]#/.test(text);

function styleOf(text: string, isKey: boolean): Style {
  const special = [...text].some((one) => !isPrintable(one.codePointAt(0) ?? 0)) || / \n/.test(text);
  if (text.includes('\n')) return isKey || special || text.endsWith(' ') ? 'double' : 'literal';
  if (special || isMistakable(text)) return 'double';
  return /^ | $/.test(text) || hasIndicators(text) || hasBreaks(text) ? 'single' : 'plain';
}

interface Place {
  /** Where the scalar begins. */
  readonly column: number;
  /** How far lines that follow are indented. */
  readonly indent: number;
  /** A key stands on one line. */
  readonly isKey: boolean;
}

function escaped(character: string): string {
  const known = ESCAPES[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0) ?? 0;
  if (isPrintable(code)) return character;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Lines are broken at the first lone space after the last column. */
function folded(text: string, place: Place, style: 'plain' | 'single' | 'double'): string {
  const quote = style === 'plain' ? '' : style === 'single' ? "'" : '"';
  const characters = [...text];
  let out = quote;
  let column = place.column + quote.length;
  let afterSpace = false;
  for (const [i, one] of characters.entries()) {
    const next = characters[i + 1];
    const inside = style === 'plain' || (i > 0 && i < characters.length - 1);
    const mayBreak = !place.isKey && one === ' ' && !afterSpace && column > WIDTH && inside;
    if (mayBreak && (style === 'double' || next !== ' ')) {
      out += `\n${' '.repeat(place.indent)}`;
      column = place.indent;
      if (style === 'double' && next === ' ') {
        out += '\\';
        column++;
      }
    } else {
      const written = style === 'double' ? escaped(one) : style === 'single' && one === "'" ? "''" : one;
      out += written;
      column += written.length === 1 || style !== 'plain' ? [...written].length : 1;
    }
    afterSpace = one === ' ';
  }
  return out + quote;
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n');
  return `|${hint}${chomp}\n${lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line)).join('\n')}`;
}

export function yamlText(text: string, place: Place): string {
  const style = styleOf(text, place.isKey);
  return style === 'literal' ? literal(text, place.indent) : folded(text, place, style);
}

const is64Bits = (value: bigint): boolean => value >= -(2n ** 63n) && value < 2n ** 64n;

/** As Go writes a number that it read from JSON. */
export function yamlNumber(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  // What its JSON spells as an integer of 64 bits, with a sign or without, is one.
  if (Number.isInteger(value) && Math.abs(value) < 1e21 && is64Bits(BigInt(String(value)))) return String(value);
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const digits = String(Math.abs(power)).padStart(2, '0');
  return `${mantissa}e${power < 0 ? '-' : '+'}${digits}`;
}

/** Whether line breaks of any kind are in a text. */
export function hasBreaks(text: string): boolean {
  return [...text].some((one) => BREAKS.includes(one));
}
