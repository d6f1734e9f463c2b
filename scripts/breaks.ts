// Where the lines of descriptions break. The client's models have each text on one line; the facts say which of its spaces were breaks and tabs.

/** The length of the text, then how far it is from each break to the next, and what it is: `120 31n1n4t`. */
export function breaksOf(text: string): string {
  const parts: string[] = [];
  let last = 0;
  for (const match of text.matchAll(/[\n\t]/g)) {
    parts.push(`${match.index - last}${match[0] === '\n' ? 'n' : 't'}`);
    last = match.index;
  }
  return `${text.length} ${parts.join('')}`;
}

/** Puts breaks back; a text of another length is another text and stays as it is. */
export function withBreaks(text: string, breaks: string | undefined): string {
  const [length = '', places = ''] = (breaks ?? '').split(' ');
  if (Number(length) !== text.length || places === '') return text;
  const out = [...text];
  if (out.length !== text.length) return text;
  let at = 0;
  for (const [, distance, kind] of places.matchAll(/(\d+)([nt])/g)) {
    at += Number(distance);
    if (out[at] !== ' ') return text;
    out[at] = kind === 'n' ? '\n' : '\t';
  }
  return out.join('');
}

/** A text as the models have it. */
export function onOneLine(text: string): string {
  return text.replace(/[\n\t]/g, ' ').trim();
}
