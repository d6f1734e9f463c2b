// Tests of quantities against the forms that Kubernetes gives back.
import { describe, expect, it } from 'vitest';
import { canonicalQuantity, parseQuantity, Quantity } from './quantity.ts';

describe('quantities', () => {
  it.each([
    ['0', '0'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1.5Gi', '1536Mi'],
    ['1024Mi', '1Gi'],
    ['64Mi', '64Mi'],
    ['1000m', '1'],
    ['2000k', '2M'],
    ['100m', '100m'],
    ['100u', '100u'],
    ['+1', '+1'],
    ['0010', '0010'],
    ['1.500', '1.500'],
    ['1e3', '1e3'],
    ['2E0', '2E0'],
    ['1000e3', '1e6'],
    ['0.1m', '100u'],
    ['1.1Ki', '1126400m'],
    ['512Ki', '512Ki'],
    ['1000Ki', '1000Ki'],
    ['1023', '1023'],
    ['0Ki', '0'],
    ['00', '0'],
    ['-1', '-1'],
    ['-500m', '-500m'],
    ['-0.5', '-500m'],
    ['0.0000000001', '1n'],
    ['9223372036854775807', '9223372036854775807'],
    ['1000E', '1000E'],
    ['16Ei', '9223372036854775807'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.', '1.'],
    ['.5', '500m'],
  ])('gives %s back as %s', (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected);
  });

  it.each(['', 'x', '1x', '1 Gi', '1.1.1', '1Kib'])('refuses %j with the regular expression', (text) => {
    expect(() => parseQuantity(text)).toThrow(/quantities must match the regular expression/);
  });

  it.each(['1K', '1mi', '1ee', '1e', '1e99999999999', '--1', 'Ki1'])('refuses the suffix of %s', (text) => {
    expect(() => parseQuantity(text)).toThrow("unable to parse quantity's suffix");
  });

  it('calculates exactly and keeps the kind of suffix', () => {
    expect(parseQuantity('1Gi').add(parseQuantity('512Mi')).toString()).toBe('1536Mi');
    expect(parseQuantity('1').sub(parseQuantity('100m')).toString()).toBe('900m');
    expect(Quantity.zero.add(parseQuantity('1Mi')).toString()).toBe('1Mi');
    expect(parseQuantity('0.1').add(parseQuantity('0.2')).cmp(parseQuantity('300m'))).toBe(0);
  });

  it('rounds up', () => {
    expect(parseQuantity('1500m').value()).toBe(2n);
    expect(parseQuantity('-1500m').value()).toBe(-2n);
    expect(parseQuantity('100u').roundUp(-3).toString()).toBe('1m');
    expect(parseQuantity('1e3').roundUp(-3).toString()).toBe('1e3');
    expect(parseQuantity('1Ki').milliValue()).toBe(1024000n);
  });
});
