// Order of texts as Go sorts them: by code point, whatever the locale.

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all others.
    const wide = (c: number): boolean => c >= 0xd800 && c <= 0xdfff;
    if (wide(x) !== wide(y)) return wide(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
