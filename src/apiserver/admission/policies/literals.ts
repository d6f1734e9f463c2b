// The typed literals of mutating policies (`Object.spec{replicas: 1}`, `JSONPatch{op: "add"}`) as the maps that they stand for.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/#patch-type-apply-configuration

const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const TYPE = /(?:Object(?:\s*\.\s*[A-Za-z_][A-Za-z0-9_]*)*|JSONPatch)\s*\{/y;
const STRING = /[rRbB]{0,2}("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/y;
const COMMENT = /\/\/[^\n]*/y;
const FIELD = /(\s*)([A-Za-z_][A-Za-z0-9_]*)(\s*:)/y;

/** How CEL spells field names that are no identifiers. */
const ESCAPES: Readonly<Record<string, string>> = {
  __dot__: '.',
  __dash__: '-',
  __slash__: '/',
  __underscores__: '__',
};
const RESERVED =
  /^__(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)__$/;

function unescaped(name: string): string {
  const reserved = RESERVED.exec(name);
  if (reserved?.[1] !== undefined) return reserved[1];
  return name.replace(/__(?:dot|dash|slash|underscores)__/g, (spelled) => ESCAPES[spelled] ?? spelled);
}

function at(pattern: RegExp, text: string, offset: number): RegExpExecArray | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text) ?? undefined;
}

/** The expression with every typed literal written as a map. */
export function withoutTypedLiterals(source: string): string {
  let out = '';
  let i = 0;
  /** For each open brace or bracket: whether names before a colon are fields. */
  const open: boolean[] = [];
  let mayBeField = false;
  while (i < source.length) {
    const skipped = at(COMMENT, source, i) ?? at(STRING, source, i);
    const type = skipped === undefined && !isInWord(source, i) ? at(TYPE, source, i) : undefined;
    const field = mayBeField && open.at(-1) === true ? at(FIELD, source, i) : undefined;
    mayBeField = false;
    if (field !== undefined) {
      const [all, space = '', name = '', colon = ''] = field;
      out += space + JSON.stringify(unescaped(name)) + colon;
      i += all.length;
    } else if (type !== undefined) {
      out += '{';
      i += type[0].length;
      open.push(true);
      mayBeField = true;
    } else {
      const text = skipped?.[0] ?? at(WORD, source, i)?.[0] ?? source.charAt(i);
      if (text === '{' || text === '[' || text === '(') open.push(false);
      else if (text === '}' || text === ']' || text === ')') open.pop();
      mayBeField = text === ',';
      out += text;
      i += text.length;
    }
  }
  return out;
}

function isInWord(source: string, offset: number): boolean {
  return offset > 0 && /[A-Za-z0-9_.]/.test(source.charAt(offset - 1));
}
