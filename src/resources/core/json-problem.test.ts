// What Go says of broken JSON, and that nothing breaks the reader itself.
import { expect, test } from 'vitest';
import { jsonProblem } from './json-problem.ts';

test.each([
  ['{}', ''],
  [' {"a": [1, -2.5e+3, "\\u00e9\\n", true, null]} ', ''],
  ['', 'unexpected end of JSON input'],
  ['null', ''],
  ['{"a":', 'unexpected end of JSON input'],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{} y', "invalid character 'y' after top-level value"],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 2}', "invalid character '2' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['{"a":-}', "invalid character '}' in numeric literal"],
  ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
  ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
  ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
  ['{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
  ['{"a":"\n"}', "invalid character '\\n' in string literal"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['[1]', 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['"a"', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
  ['7', 'json: cannot unmarshal number into Go value of type map[string]interface {}'],
  ['['.repeat(200_000), 'exceeded max depth'],
])('%j', (text, problem) => {
  expect(jsonProblem(text)).toBe(problem);
});
