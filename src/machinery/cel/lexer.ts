// From text to tokens, as the grammar of CEL has them. Source: https://github.com/google/cel-go/blob/master/parser/gen/CEL.g4

export interface Token {
  /** A punctuation mark, `in`, `true`, `false`, `null`, or one of INT, UINT, FLOAT, STRING, BYTES, IDENTIFIER, ESC_IDENTIFIER, EOF. */
  readonly kind: string;
  readonly text: string;
  readonly start: number;
}

/** Something wrong, and where in the text. */
export interface Problem {
  readonly at: number;
  readonly text: string;
}

const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\x60]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`;
const texts = [
  String.raw`"""(?:${ESCAPE}|[^\\])*?"""`,
  String.raw`'''(?:${ESCAPE}|[^\\])*?'''`,
  String.raw`"(?:${ESCAPE}|[^\\"\n\r])*"`,
  String.raw`'(?:${ESCAPE}|[^\\'\n\r])*'`,
  `[rR]"""[^]*?"""`,
  `[rR]'''[^]*?'''`,
  String.raw`[rR]"[^"\n\r]*"`,
  String.raw`[rR]'[^'\n\r]*'`,
];
/** In the order of the grammar: of two that match as much, the first counts. Patterns of ours, bounded by the text's length. */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['', /(?:[\t \r\n\f]+|\/\/[^\n]*)/y],
  ['FLOAT', /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y],
  ['INT', /(?:0x[0-9a-fA-F]+|\d+)/y],
  ['UINT', /(?:0x[0-9a-fA-F]+|\d+)[uU]/y],
  ...texts.map((text) => ['STRING', new RegExp(text, 'y')] as const),
  ...texts.map((text) => ['BYTES', new RegExp(`[bB]${text}`, 'y')] as const),
  ['IDENTIFIER', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['ESC_IDENTIFIER', /`[A-Za-z0-9_.\-/ ]+`/y],
  ['MARK', /(?:==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%])/y],
];
const WORDS: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null']);

/** How far a text could have gone on as a token before its first impossible character. */
const BEGINNINGS: readonly RegExp[] = [
  new RegExp(
    String.raw`[bB]?"(?:${ESCAPE}|[^\\"\n\r])*(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?`,
    'y',
  ),
  new RegExp(
    String.raw`[bB]?'(?:${ESCAPE}|[^\\'\n\r])*(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?`,
    'y',
  ),
  /[bB]?[rR]"[^"\n\r]*/y,
  /[bB]?[rR]'[^'\n\r]*/y,
  /`[A-Za-z0-9_.\-/ ]*/y,
  /[=&|]/y,
];

function longest(patterns: readonly RegExp[], source: string, at: number): number {
  let most = 0;
  for (const pattern of patterns) {
    pattern.lastIndex = at;
    most = Math.max(most, pattern.exec(source)?.[0].length ?? 0);
  }
  return most;
}

function tokenAt(source: string, at: number): Token | undefined {
  let found: Token | undefined;
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0] ?? '';
    if (text.length > (found?.text.length ?? 0)) found = { kind, text, start: at };
  }
  if (found === undefined) return undefined;
  const isOwnKind = found.kind === 'MARK' || (found.kind === 'IDENTIFIER' && WORDS.has(found.text));
  return isOwnKind ? { ...found, kind: found.text } : found;
}

export function tokensOf(source: string): { readonly tokens: readonly Token[]; readonly problems: readonly Problem[] } {
  const tokens: Token[] = [];
  const problems: Problem[] = [];
  for (let at = 0; at < source.length; ) {
    const token = tokenAt(source, at);
    if (token !== undefined) {
      if (token.kind !== '') tokens.push(token);
      at += token.text.length;
      continue;
    }
    // The character that cannot be is left out together with what came before it.
    const size = longest(BEGINNINGS, source, at) + 1;
    problems.push({ at, text: `Syntax error: token recognition error at: '${source.slice(at, at + size)}'` });
    at += size;
  }
  tokens.push({ kind: 'EOF', text: '<EOF>', start: source.length });
  return { tokens, problems };
}
