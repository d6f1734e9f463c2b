// Expansion of $(VAR) in commands, arguments, values and paths.
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/

/** Names that are unknown stay as written; `$$` is a dollar sign that expands nothing. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  let i = 0;
  while (i < text.length) {
    const c = text.charAt(i);
    const next = text.charAt(i + 1);
    if (c !== '$' || i + 1 >= text.length) {
      out += c;
      i++;
    } else if (next === '$') {
      out += '$';
      i += 2;
    } else if (next === '(') {
      const end = text.indexOf(')', i + 2);
      if (end < 0) {
        out += '$(';
        i += 2;
        continue;
      }
      const name = text.slice(i + 2, end);
      out += lookup(name) ?? `$(${name})`;
      i = end + 1;
    } else {
      out += `$${next}`;
      i += 2;
    }
  }
  return out;
}
