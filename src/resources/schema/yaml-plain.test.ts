// The quick reader of plain YAML says what the full reader says, or nothing.

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { stringify } from 'yaml';
import { processorMs } from '../../host/processor-time.ts';
import { fullYaml } from './yaml.ts';
import { plainYaml } from './yaml-plain.ts';

/** More, for a while that nobody waits for. */
const RUNS = Number(process.env.YAML_RUNS ?? '3000');

function full(text: string): unknown {
  try {
    const { value, yamlErrors } = fullYaml(text);
    return yamlErrors.length > 0 ? { refused: true } : { value };
  } catch {
    return { refused: true };
  }
}

function check(text: string): void {
  let value: unknown;
  try {
    value = plainYaml(text);
  } catch {
    expect(full(text), text).toEqual({ refused: true });
    return;
  }
  if (value !== undefined) expect(full(text), text).toEqual({ value });
}

describe('plain documents', () => {
  it.each([
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: |\n    line one\n      indented\n\n    last\n  n: "1"\n',
    'a:\n- b: 1\n  c: [ ]\n- - x\n  - y\n- "quoted: #"\n-\n  d: e\n',
    '# comment\n---\na: 1 # one\nb: yes\nc: 0x10\nd: ~\ne:\nf: "tab\\tu\\u00e9"\n',
    "a: 'it''s'\nb: {}\nc: []\nd: -1\ne: -x\nf: 1e3\ng: 0777\nh: 1_000\n",
    'spec:\n  containers:\n  - name: c\n    image: nginx:1.25\n    args: ["-c"]\n',
    'a: |-\n  text\n  # no comment\n\nb: c\n',
    'a: http://b.c/d#e\nb: x#y\nc: a-b:c\n',
  ])('are read as by the full reader: %j', (text) => {
    check(text);
  });

  it('are read, not only left to the other', () => {
    expect(plainYaml('a:\n  b:\n  - c: 1\n    d: |\n      x\n    e: "f"\n')).toEqual({
      a: { b: [{ c: 1, d: 'x\n', e: 'f' }] },
    });
  });

  it.each([
    'a: &x 1\nb: *x\n',
    'a: !!str 1\n',
    'a: >\n  folded\n',
    'a: 1\na: 2\n',
    'true: 1\n',
    'a: b\n  c\n',
    'a: {b: c}\n',
    'a: b: c\n',
    '- a\n',
    'a: 1\n---\nb: 2\n',
    '\ta: 1\n',
    'a: "x\n  y"\n',
    '<<: {}\n? a\n: b\n',
  ])('others are left to the full reader: %j', (text) => {
    expect(plainYaml(text)).toBeUndefined();
  });

  it('of three megabytes are read while nobody waits long', async () => {
    const text = `data:\n${Array.from({ length: 90_000 }, (_, i) => `  key-${i}: value number ${i}\n`).join('')}`;
    const long = `a\\n"b'é`.repeat(300_000);
    const busy = await processorMs(() => {
      expect(Object.keys((plainYaml(text) as { data: object }).data)).toHaveLength(90_000);
      expect(plainYaml(`a: ${JSON.stringify(long)}\n`)).toEqual({ a: long });
      expect(plainYaml(`a: '${long.replaceAll("'", "''")}'\n`)).toEqual({ a: long });
      expect(plainYaml(`a: "${'x'.repeat(3_000_000)}\n`)).toBeUndefined();
      expect(plainYaml(`${'- '.repeat(1_000_000)}a\n`)).toBeUndefined();
      expect(plainYaml(`a:\n${'- '.repeat(100_000)}a\n`)).toBeUndefined();
    });
    expect(busy).toBeLessThan(5000);
  });
});

const scalar = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    'yes',
    '1',
    '1.5',
    '0x1',
    '~',
    'null',
    '-',
    '- a',
    '#',
    'a: b',
    'a:',
    '*',
    '&a',
    'x # y',
    ' lead',
    'trail ',
    'a\nb',
    'a\n\n b\n',
    "it's",
    '"',
    '\\',
    'é',
    '1_0',
    '.inf',
    '=',
    '<<',
  ),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('a', 'b', 'true', '1', 'a.b/c')),
      tie('value'),
      { maxKeys: 4 },
    ),
  ),
}));
const document = fc
  .tuple(
    fc.dictionary(fc.constantFrom('a', 'b', 'kind', 'x-y'), anyValue, { minKeys: 1 }),
    fc.constantFrom(1, 2, 4),
    fc.boolean(),
  )
  .map(([object, indent, indentSeq]) => stringify(object, { indent, indentSeq, version: '1.1', lineWidth: 0 }));

test('whatever is written is read as by the full reader, or not at all', () => {
  fc.assert(fc.property(document, check), { numRuns: RUNS / 2 });
});

test('so is what was damaged afterwards', () => {
  const pieces = fc.constantFrom(
    ' ',
    '  ',
    '\n',
    '-',
    ': ',
    ':',
    '#',
    ' #',
    '"',
    "'",
    '|',
    '\t',
    '[',
    '}',
    '---\n',
    'a: b\n',
    '- ',
  );
  const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(3), pieces), { minLength: 1, maxLength: 4 });
  const damaged = fc.tuple(document, damage).map(([text, all]) => {
    let out = text;
    for (const [where, length, piece] of all) {
      const at = where % (out.length + 1);
      out = out.slice(0, at) + piece + out.slice(at + length);
    }
    return out;
  });
  fc.assert(fc.property(damaged, check), { numRuns: RUNS });
});
