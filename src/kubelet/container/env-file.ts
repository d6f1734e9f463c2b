// One variable out of a file of variables in a volume: KEY='value', which may go over several lines, comments beside it.
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file/

/** No line may be longer. */
const MAX_LINE = 64 * 1024;

interface Lines {
  next(): string | undefined;
}

function linesOf(text: string): Lines {
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  let at = 0;
  return {
    next() {
      const line = lines[at++];
      if (line !== undefined && Buffer.byteLength(line) >= MAX_LINE) throw new Error('a line is too long');
      return line?.replace(/\r$/, '');
    },
  };
}

/** What stands between single quotes, of which the first is gone already. */
function quoted(first: string, lines: Lines): string {
  const parts: string[] = [];
  for (let rest: string | undefined = first; rest !== undefined; rest = lines.next()) {
    const end = rest.indexOf("'");
    if (end < 0) {
      parts.push(rest);
      continue;
    }
    if (!/^[ \t]*(#.*)?$/.test(rest.slice(end + 1))) throw new Error('unexpected content after the closing quote');
    return [...parts, rest.slice(0, end)].join('\n');
  }
  throw new Error('a quote is not closed');
}

/** Undefined when the file does not name it; throws when what is before it is not well-formed. */
export function envFileValue(text: string, key: string): string | undefined {
  const lines = linesOf(text);
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const said = line.replace(/^[ \t]+/, '');
    if (said === '' || said.startsWith('#')) continue;
    const at = said.indexOf('=');
    const name = said.slice(0, Math.max(0, at));
    if (name === '' || /[ \t]$/.test(name)) throw new Error('a line does not begin with a name and =');
    const value = said.slice(at + 1);
    if (/^[ \t]/.test(value)) {
      // As in a shell, a space after = makes the variable empty.
      if (name === key) return undefined;
      continue;
    }
    if (!value.startsWith("'")) throw new Error('a value is not in single quotes');
    const content = quoted(value.slice(1), lines);
    if (name === key) return content;
  }
  return undefined;
}
