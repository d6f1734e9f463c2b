// Tests of the parser: trees of good expressions, and mistakes in the words of cel-go.
import { describe, expect, it } from 'vitest';
import { CelSyntaxError, parseExpression } from './syntax.ts';

const START =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** What is wrong, without the lines of the source. */
function problems(source: string): string[] {
  try {
    parseExpression(source);
    return [];
  } catch (error) {
    if (!(error instanceof CelSyntaxError)) throw error;
    const lines = error.message.split('\n').filter((line) => line.startsWith('ERROR'));
    return lines.map((line) => line.replace('ERROR: <input>:', '').replace('Syntax error: ', ''));
  }
}

describe('literals', () => {
  it.each([
    ['0x1F', 31n],
    ['-9223372036854775808', -9_223_372_036_854_775_808n],
    ['.5', 0.5],
    ['1e3', 1000],
    [String.raw`'\x41\u00e9\U0001F600\101\n'`, 'Aé😀A\n'],
    [String.raw`r'a\nb'`, String.raw`a\nb`],
    [`"""tri"ple"""`, 'tri"ple'],
    [String.raw`b'\xffé'`, new Uint8Array([0xff, 0xc3, 0xa9])],
    ['null // of no use', null],
  ])('%s', (source, value) => {
    expect(parseExpression(source)).toMatchObject({ op: 'value', args: value });
  });

  it('a doubled sign is none', () => {
    expect(parseExpression('!!a')).toMatchObject({ op: 'id', args: 'a' });
  });
});

describe('mistakes', () => {
  it.each([
    ['1 +', [`1:4: mismatched input '<EOF>' expecting ${START}`]],
    ['== a', [`1:1: extraneous input '==' expecting ${START}`]],
    ['(1', ["1:3: missing ')' at '<EOF>'"]],
    ['1)', ["1:2: extraneous input ')' expecting <EOF>"]],
    ['a b c', ["1:3: mismatched input 'b' expecting <EOF>"]],
    ['a.', ["1:3: no viable alternative at input '.'"]],
    ['a.true', ["1:3: mismatched input 'true' expecting IDENTIFIER"]],
    ['a ? 1', ["1:6: mismatched input '<EOF>' expecting ':'"]],
    ['[1 2]', ["1:4: extraneous input '2' expecting {']', ','}"]],
    ['[1', ["1:3: mismatched input '<EOF>' expecting {']', ','}"]],
    ["{'a' 1}", ["1:6: missing ':' at '1'"]],
    ['f(1 2)', ["1:5: extraneous input '2' expecting ')'"]],
    ['a = 1', ["1:3: token recognition error at: '= '", "1:5: extraneous input '1' expecting <EOF>"]],
    ["'a", ["1:1: token recognition error at: ''a'", `1:3: mismatched input '<EOF>' expecting ${START}`]],
    ['l.all(x x > 0)', ["1:9: mismatched input 'x' expecting ')'", "1:14: extraneous input ')' expecting <EOF>"]],
    ['if', ['1:1: reserved identifier: if']],
    ['return true', ['1:1: reserved identifier: return', "1:8: extraneous input 'true' expecting <EOF>"]],
    ['9223372036854775808', ['1:1: invalid int literal']],
    ['18446744073709551616u', ['1:1: invalid uint literal']],
    ['l.all(1, true)', ['1:7: argument must be a simple name']],
    ['l.all(i, i, true)', ['1:10: duplicate variable name: i']],
    ['has(a[0])', ['1:6: invalid argument to has() macro']],
  ])('%s', (source, expected) => {
    expect(problems(source)).toEqual(expected);
  });

  it('are shown below their line', () => {
    expect(() => parseExpression('a &&\n  b)')).toThrow(
      "ERROR: <input>:2:4: Syntax error: extraneous input ')' expecting <EOF>\n |   b)\n | ...^",
    );
  });

  it('of ever deeper parentheses end', () => {
    expect(problems('('.repeat(5000))[0]).toContain('expression recursion limit exceeded');
  });
});
