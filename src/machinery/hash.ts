// Hashes and random suffixes as Kubernetes makes them for names.

/** 32-bit FNV-1a of UTF-8 text. */
export function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** 32-bit FNV-1 of UTF-8 text. */
export function fnv32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0;
  return hash;
}

/** The letters of generated names: no vowels, so that no words come out. */
export const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Writes text with the letters of generated names (`7d4b9c` → `6c8fbd`): what pod-template-hash goes through. */
export function safeEncode(text: string): string {
  let out = '';
  for (const ch of text) out += NAME_LETTERS[(ch.codePointAt(0) ?? 0) % NAME_LETTERS.length];
  return out;
}

/** A random suffix of `length` letters; `random` gives numbers in [0, 1). */
export function randomSuffix(length: number, random: () => number): string {
  let out = '';
  for (let i = 0; i < length; i++) out += NAME_LETTERS[Math.floor(random() * NAME_LETTERS.length)];
  return out;
}

/** What the API server makes of generateName: the prefix, cut to 58, and five random letters. */
export function generateName(prefix: string, random: () => number): string {
  return prefix.slice(0, 58) + randomSuffix(5, random);
}
