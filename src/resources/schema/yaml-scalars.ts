// What scalars without quotes mean in YAML 1.1, as Go's reader resolves them.
import { exactBigint, exactInteger } from '../../machinery/exact-json.ts';
import { DecodeError } from './go-errors.ts';

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);

function integer(text: string): number | bigint | undefined {
  const bare = text.replaceAll('_', '');
  const match = /^([+-]?)(?:0b([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9]\d*))$/.exec(bare);
  if (match === null) return undefined;
  const [, sign, binary, octal, hex, decimal] = match;
  const value =
    binary !== undefined
      ? BigInt(`0b${binary}`)
      : octal !== undefined
        ? BigInt(`0o${octal}`)
        : hex !== undefined
          ? BigInt(`0x${hex}`)
          : BigInt(decimal ?? '0');
  return exactBigint(sign === '-' ? -value : value);
}

/** What an unquoted scalar means. */
export function resolvePlain(text: string): unknown {
  if (NULL.has(text)) return null;
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  if (!/^[-+.\d]/.test(text)) return text;
  const whole = integer(text);
  if (whole !== undefined) return whole;
  if (/^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$/.test(text) || /^[-+]?[0-9]+\.([eE][-+]?[0-9]+)?$/.test(text))
    return float(Number(text));
  if (/^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/.test(text))
    throw new DecodeError(`json: unsupported value: ${goFloat(text)}`);
  return text;
}

/** Go's reader makes JSON of YAML first, where floats without a fraction are spelled as integers are. */
function float(value: number): number | bigint {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? exactInteger(String(value)) : value;
}

function goFloat(text: string): string {
  if (/nan/i.test(text)) return 'NaN';
  return text.startsWith('-') ? '-Inf' : '+Inf';
}
