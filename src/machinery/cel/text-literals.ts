// What literals of text and bytes stand for: quotes and escapes taken away.

const SIMPLE: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** The parts between the quotes: text, or the number that an escape stands for. */
function* parts(body: string): Generator<string | { readonly code: number; readonly isByte: boolean }> {
  for (const [part] of body.matchAll(
    /\\(?:[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)|[^\\]+/gs,
  )) {
    if (!part.startsWith('\\')) yield part;
    else if (/^\\[0-3]/.test(part)) yield { code: Number.parseInt(part.slice(1), 8), isByte: true };
    else if (/^\\[xX]/.test(part)) yield { code: Number.parseInt(part.slice(2), 16), isByte: true };
    else if (/^\\[uU]/.test(part)) yield { code: Number.parseInt(part.slice(2), 16), isByte: false };
    else yield SIMPLE[part.slice(1)] ?? part.slice(1);
  }
}

function bodyOf(text: string): { readonly body: string; readonly isRaw: boolean } {
  const isRaw = /^[rR]/.test(text);
  const quoted = isRaw ? text.slice(1) : text;
  const quotes = /^("""|''')/.test(quoted) ? 3 : 1;
  return { body: quoted.slice(quotes, -quotes).replaceAll(/\r\n?/g, '\n'), isRaw };
}

/** Undefined where an escape names no character. */
export function textOf(literal: string): string | undefined {
  const { body, isRaw } = bodyOf(literal);
  if (isRaw) return body;
  let text = '';
  for (const part of parts(body)) {
    if (typeof part === 'string') text += part;
    else if (part.code > 0x10_ff_ff || (part.code >= 0xd8_00 && part.code <= 0xdf_ff)) return undefined;
    else text += String.fromCodePoint(part.code);
  }
  return text;
}

export function bytesOf(literal: string): Uint8Array {
  const { body, isRaw } = bodyOf(literal.slice(1));
  if (isRaw) return new Uint8Array(Buffer.from(body));
  const all = [...parts(body)].map((part) => {
    if (typeof part === 'string') return Buffer.from(part);
    return part.isByte ? Buffer.from([part.code]) : Buffer.from(String.fromCodePoint(part.code));
  });
  return new Uint8Array(Buffer.concat(all));
}
