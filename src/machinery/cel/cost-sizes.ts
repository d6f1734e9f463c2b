// Arithmetic of estimated costs and sizes: nothing grows beyond the largest 64-bit number.

export const MOST = 2 ** 64;

export interface Size {
  readonly min: number;
  readonly max: number;
}

export interface Estimate {
  readonly cost: number;
  /** Where it was found out, and is not what is declared. */
  readonly size?: Size | undefined;
}

/** How large a declared value can get, and what is in it. Absent parts are not known. */
export interface SizeTree {
  readonly max: number;
  readonly items?: SizeTree;
  readonly keys?: SizeTree;
  readonly values?: SizeTree;
  readonly fields?: ReadonlyMap<string, SizeTree>;
}

export const ONE: Size = { min: 1, max: 1 };
export const ANY_SIZE: Size = { min: 0, max: MOST };

export const atMost = (max: number, min = 0): Size => ({ min, max: Math.min(max, MOST) });
export const plus = (...costs: readonly number[]): number =>
  Math.min(
    MOST,
    costs.reduce((sum, one) => sum + one, 0),
  );
export const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.min(MOST, a * b));

/** To go over so many characters or bytes costs a tenth of their number. */
export const traversal = (size: number, share = 0.1): number => Math.min(MOST, Math.ceil(size * share));
