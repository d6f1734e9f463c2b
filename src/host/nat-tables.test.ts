// Which nat tables are as good as none.
import { expect, it } from 'vitest';
import { isEmptyTable } from './nat-tables.ts';

const table = (inside: string) =>
  `table ip nat {\n\tchain POSTROUTING {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n${inside}\t}\n}\n`;

it('tells bare hooks from a table with a rule, a chain that drops, or a chain of its own with a rule', () => {
  expect(isEmptyTable('table ip6 nat {\n}\n')).toBe(true);
  expect(isEmptyTable(table(''))).toBe(true);
  expect(isEmptyTable(table('\t\tip saddr 10.0.0.0/8 masquerade\n'))).toBe(false);
  expect(isEmptyTable(table('').replace('policy accept', 'policy drop'))).toBe(false);
});
