// Numbers that may be given as a share: `2` or `"25%"`.

function scale(value: number | string, total: number, round: (exact: number) => number): number {
  if (typeof value === 'number') return value;
  const share = /^(\d+)%$/.exec(value)?.[1];
  // What is no percentage was refused by validation; a number in quotes is taken as one.
  return share === undefined ? Number.parseInt(value, 10) || 0 : round((Number(share) * total) / 100);
}

export function scaledUp(value: number | string, total: number): number {
  return scale(value, total, Math.ceil);
}

export function scaledDown(value: number | string, total: number): number {
  return scale(value, total, Math.floor);
}
