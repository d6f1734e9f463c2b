// The lines that a file of variables may have.
import { expect, it } from 'vitest';
import { envFileValue } from './env-file.ts';

it('gives what stands in single quotes, over several lines too', () => {
  const text = "# first\n\n  A='one'\nB='two # \"words\"'  # not this\r\nC='x\ny='\nD=''\n";
  expect(envFileValue(text, 'A')).toBe('one');
  expect(envFileValue(text, 'B')).toBe('two # "words"');
  expect(envFileValue(text, 'C')).toBe('x\ny=');
  expect(envFileValue(text, 'D')).toBe('');
  expect(envFileValue(text, 'y')).toBeUndefined();
  expect(envFileValue("A= 'x'\nB='y'", 'A')).toBeUndefined();
  expect(envFileValue("A= 'x'\nB='y'", 'B')).toBe('y');
});

it('refuses what a shell would read otherwise, but only when it comes to it', () => {
  for (const bad of ['A=x', 'A="x"', 'A', '=x', "A ='x'", "A='x", "A='x' y", `A='${'x'.repeat(1 << 16)}'`])
    expect(() => envFileValue(`${bad}\n`, 'A'), bad).toThrow();
  expect(envFileValue("A='x'\nB=y", 'A')).toBe('x');
  expect(() => envFileValue("A='x'\nB=y", 'C')).toThrow('not in single quotes');
});
