// Lists which conformance behaviours have a test, by special interest group: node scripts/conformance.mjs [--missing [sig-…]]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { missing: { type: 'boolean' } }, allowPositionals: true });
const behaviours = JSON.parse(readFileSync(new URL('../test/conformance/behaviours.json', import.meta.url), 'utf8'));
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src', 'test'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file.endsWith('.test.ts'));

/** Where each name is covered. */
const covered = new Map();
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  for (const [, , name] of text.matchAll(/\bcovers\(\s*(['"`])((?:\\.|(?!\1).)*)\1\s*,?\s*\)/g)) {
    covered.set(name.replace(/\\(.)/g, '$1'), file);
  }
}

const groups = new Map();
for (const { testname, sig } of behaviours) {
  const group = groups.get(sig) ?? { total: 0, missing: [] };
  groups.set(sig, group);
  group.total += 1;
  if (!covered.has(testname)) group.missing.push(testname);
}
const lines = [];
for (const [sig, { total, missing }] of groups) {
  if (positionals.length > 0 && !positionals.includes(sig)) continue;
  lines.push(`${sig.padEnd(24)} ${String(total - missing.length).padStart(3)} of ${total}`);
  if (values.missing) lines.push(...missing.map((name) => `    ${name}`));
}
const missing = [...groups.values()].reduce((sum, group) => sum + group.missing.length, 0);
lines.push(`${'all'.padEnd(24)} ${String(behaviours.length - missing).padStart(3)} of ${behaviours.length}`);
process.stdout.write(`${lines.join('\n')}\n`);
const unknown = [...covered.keys()].filter((name) => !behaviours.some(({ testname }) => testname === name));
if (unknown.length > 0) {
  process.stderr.write(`no such behaviour: ${unknown.join('; ')}\n`);
  process.exit(1);
}
