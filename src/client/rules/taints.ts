// Which taints a pod puts up with. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
import type { Taint, Toleration } from '../../resources/generated/core-v1.ts';

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  if (operator === 'Gt' || operator === 'Lt') return compares(operator, value, taint.value ?? '');
  return value === (taint.value ?? '');
}

/** Numeric operators: the taint's value greater or less than the toleration's. */
function compares(operator: 'Gt' | 'Lt', wanted: string, given: string): boolean {
  const whole = /^-?\d+$/;
  if (!whole.test(wanted) || !whole.test(given)) return false;
  return operator === 'Gt' ? BigInt(given) > BigInt(wanted) : BigInt(given) < BigInt(wanted);
}

export function untolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find(
    (taint) =>
      effects.includes(taint.effect) && !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  );
}
