// Tests of label and field selectors: matching, text forms, and the words of refusals.
import { describe, expect, it } from 'vitest';
import { matchesFields, parseFieldSelector } from './field-selector.ts';
import { LabelSelector, parseLabelSelector, selectorFromObject } from './label-selector.ts';

describe('label selectors', () => {
  it.each([
    ['a=b', { a: 'b' }, true],
    ['a=b', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['a in (b, c)', { a: 'c' }, true],
    ['a notin (b)', {}, true],
    ['n>5', { n: '6' }, true],
    ['n<5', { n: 'x' }, false],
    ['a in (,b)', { a: '' }, true],
    ['a=', { a: '' }, true],
    ['a=b,c=d', { a: 'b' }, false],
    ['in in (notin)', { in: 'notin' }, true],
    ['toString', {}, false],
  ] as const)('%s on %j is %s', (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  it.each([
    ['a===b', "unable to parse requirement: found '=', expected: identifier"],
    ['e=dev,', "found '', expected: identifier after ','"],
    ['e in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    [',', "found ',', expected: !, identifier, or 'end of string'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    [
      'n>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['e=dev)', "found ')', expected: ',' or 'end of string'"],
  ])('%s is refused as Kubernetes does', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('sorts what it prints', () => {
    expect(parseLabelSelector('b=1,a in (z,y),!c').toString()).toBe('a in (y,z),b=1,!c');
  });

  it('an absent selector matches nothing, an empty one all', () => {
    expect(selectorFromObject(undefined).matches({ a: 'b' })).toBe(false);
    expect(selectorFromObject({}).matches({ a: 'b' })).toBe(true);
    expect(LabelSelector.everything.empty).toBe(true);
    expect(selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }).toString()).toBe('!a');
  });
});

describe('field selectors', () => {
  it('reads operators and escapes', () => {
    expect(parseFieldSelector('spec.nodeName!=n\\,1,metadata.name==x')).toEqual([
      { path: 'metadata.name', op: '=', value: 'x' },
      { path: 'spec.nodeName', op: '!=', value: 'n,1' },
    ]);
    expect(matchesFields(parseFieldSelector('a=,b!=x'), { b: 'y' })).toBe(true);
  });

  it.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['metadata.name=x=y', 'invalid field selector: unescaped character in value: 61'],
  ])('%s is refused as Kubernetes does', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});
