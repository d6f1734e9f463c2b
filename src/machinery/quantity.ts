// Quantities (`500m`, `1.5Gi`, `1e3`): exact decimals with a remembered kind of suffix.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

export type QuantityFormat = 'DecimalExponent' | 'BinarySI' | 'DecimalSI';

export class QuantityError extends Error {}

const FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX_WRONG = "unable to parse quantity's suffix";
const NUMBER_WRONG = 'unable to parse numeric part of quantity';

const BINARY: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const DECIMAL_BY_EXPONENT = new Map(Object.entries(DECIMAL).map(([suffix, exponent]) => [exponent, suffix]));
const MAX = (1n << 63n) - 1n;
/** Larger exponents than these name no amount of anything, and would only burn memory. */
const MAX_EXPONENT = 400;

function pow10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

interface Suffix {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

function parseSuffix(text: string): Suffix {
  const binary = text === '' ? 0 : BINARY.indexOf(text);
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
  if (Object.hasOwn(DECIMAL, text)) return { base: 10, exponent: DECIMAL[text] ?? 0, format: 'DecimalSI' };
  const exponent = /^[eE]([+-]?\d+)$/.exec(text)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > MAX_EXPONENT) throw new QuantityError(SUFFIX_WRONG);
  return { base: 10, exponent: Number(exponent), format: 'DecimalExponent' };
}

/** Divides, away from zero. */
function divideUp(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (quotient * by === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

interface Amount {
  readonly mantissa: bigint;
  /** The amount is mantissa × 10^scale. */
  readonly scale: number;
}

const SCAN = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*(?:[+-]?\d*))$/;

function parse(text: string): Quantity {
  const match = SCAN.exec(text);
  if (match === null || text === '') throw new QuantityError(FORMAT_WRONG);
  const [, sign, whole = '', fraction = '', suffixText = ''] = match;
  if (text === '0') return new Quantity({ mantissa: 0n, scale: 0 }, 'DecimalSI', text);
  const suffix = parseSuffix(suffixText);
  if (whole === '' && fraction === '' && !/^[+-]?\.?$/.test(text)) throw new QuantityError(NUMBER_WRONG);
  const num = whole.replace(/^0+/, '');
  const digits = (num === '' ? '0' : num) + fraction;
  const negative = sign === '-';
  if (suffix.base === 2) return parseBinary({ text, num, fraction, negative, exponent: suffix.exponent });
  const mantissa = BigInt(digits) * (negative ? -1n : 1n);
  const scale = suffix.exponent - fraction.length;
  if (scale < -9) return new Quantity({ mantissa: divideUp(mantissa, pow10(-9 - scale)), scale: -9 }, suffix.format);
  const lengthOk = (num === '' ? 1 : num.length) + fraction.length <= 18;
  // What is canonical already is kept as it was sent.
  const keep = lengthOk && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
  return new Quantity({ mantissa, scale }, suffix.format, keep ? text : undefined);
}

function parseBinary(parts: {
  text: string;
  num: string;
  fraction: string;
  negative: boolean;
  exponent: number;
}): Quantity {
  const { num, fraction, exponent } = parts;
  const value = BigInt((num === '' ? '0' : num) + fraction);
  let mantissa = value << BigInt(exponent);
  let scale = -fraction.length;
  if (scale < -9) {
    mantissa = divideUp(mantissa, pow10(-9 - scale));
    scale = -9;
  }
  const one = pow10(-scale);
  if (mantissa > MAX * one) {
    mantissa = MAX;
    scale = 0;
  }
  const small = mantissa > 0n && mantissa < one;
  const precision = 15 - (num.length || 1) - Math.trunc((exponent * 3) / 10) - 1;
  const keep = fraction === '' && precision >= 0 && (value & 7n) !== 0n;
  const signed = parts.negative ? -mantissa : mantissa;
  return new Quantity({ mantissa: signed, scale }, small ? 'DecimalSI' : 'BinarySI', keep ? parts.text : undefined);
}

/** Takes the factors of ten out. */
function reduce(amount: Amount): Amount {
  let { mantissa, scale } = amount;
  if (mantissa === 0n) return { mantissa, scale: 0 };
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    scale++;
  }
  return { mantissa, scale };
}

function decimalText(amount: Amount, format: QuantityFormat): string {
  let { mantissa, scale } = reduce(amount);
  const highest = format === 'DecimalSI' ? 18 : Number.POSITIVE_INFINITY;
  while (scale % 3 !== 0 || scale > highest) {
    mantissa *= 10n;
    scale--;
  }
  if (format === 'DecimalSI') return `${mantissa}${DECIMAL_BY_EXPONENT.get(scale) ?? ''}`;
  return scale === 0 ? `${mantissa}` : `${mantissa}e${scale}`;
}

export class Quantity {
  private text: string | undefined;

  constructor(
    private readonly amount: Amount,
    readonly format: QuantityFormat,
    text?: string,
  ) {
    this.text = text;
  }

  static readonly zero = new Quantity({ mantissa: 0n, scale: 0 }, 'DecimalSI', '0');

  static of(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity({ mantissa: BigInt(value), scale: 0 }, format);
  }

  static ofMilli(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity({ mantissa: BigInt(value), scale: -3 }, format);
  }

  private at(scale: number): bigint {
    const shift = this.amount.scale - scale;
    return shift >= 0 ? this.amount.mantissa * pow10(shift) : divideUp(this.amount.mantissa, pow10(-shift));
  }

  cmp(other: Quantity): -1 | 0 | 1 {
    const scale = Math.min(this.amount.scale, other.amount.scale);
    const a = this.at(scale);
    const b = other.at(scale);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  equals(other: Quantity): boolean {
    return this.cmp(other) === 0;
  }

  add(other: Quantity): Quantity {
    const scale = Math.min(this.amount.scale, other.amount.scale);
    return new Quantity(
      { mantissa: this.at(scale) + other.at(scale), scale },
      this.isZero() ? other.format : this.format,
    );
  }

  sub(other: Quantity): Quantity {
    const scale = Math.min(this.amount.scale, other.amount.scale);
    return new Quantity(
      { mantissa: this.at(scale) - other.at(scale), scale },
      this.isZero() ? other.format : this.format,
    );
  }

  neg(): Quantity {
    return new Quantity({ mantissa: -this.amount.mantissa, scale: this.amount.scale }, this.format);
  }

  isZero(): boolean {
    return this.amount.mantissa === 0n;
  }

  /** -1, 0 or 1. */
  sign(): -1 | 0 | 1 {
    return this.amount.mantissa < 0n ? -1 : this.amount.mantissa > 0n ? 1 : 0;
  }

  /** In whole units, rounded up (away from zero). */
  value(): bigint {
    return this.at(0);
  }

  /** In thousandths, rounded up. */
  milliValue(): bigint {
    return this.at(-3);
  }

  /** Whole units as a number; exact up to 2^53. */
  toNumber(): number {
    return Number(this.amount.mantissa) * 10 ** this.amount.scale;
  }

  /** Rounds up to 10^scale, as resource lists are to thousandths (`100u` → `1m`). */
  roundUp(scale: number): Quantity {
    return this.amount.scale >= scale ? this : new Quantity({ mantissa: this.at(scale), scale }, this.format);
  }

  toString(): string {
    this.text ??= this.canonical();
    return this.text;
  }

  private canonical(): string {
    if (this.isZero()) return '0';
    if (this.format !== 'BinarySI') return decimalText(this.amount, this.format);
    const whole = this.value();
    const exact = this.amount.scale >= 0 || whole * pow10(-this.amount.scale) === this.amount.mantissa;
    if (!exact || (whole > -1024n && whole < 1024n)) return decimalText(this.amount, 'DecimalSI');
    let mantissa = whole;
    let power = 0;
    while (mantissa % 1024n === 0n && power < BINARY.length - 1) {
      mantissa /= 1024n;
      power++;
    }
    return `${mantissa}${BINARY[power] ?? ''}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Throws a QuantityError in Kubernetes' words. Numbers are taken too, as JSON allows them. */
export function parseQuantity(text: string | number): Quantity {
  return parse(typeof text === 'number' ? String(text) : text.trim());
}

/** Undefined when the text is none. */
export function tryParseQuantity(text: string | number): Quantity | undefined {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

/** As the API gives it back. Throws as `parseQuantity` does. */
export function canonicalQuantity(text: string | number): string {
  // Whole numbers and the common suffixes are canonical already: `2`, `500m`, `64Mi`.
  if (typeof text === 'string' && /^[1-9]\d{0,2}(m|k|Mi|Gi|Ki)?$/.test(text) && !text.endsWith('000')) {
    if (!text.endsWith('i')) return text;
  }
  return parseQuantity(text).toString();
}
