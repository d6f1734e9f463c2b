// House rules that no linter knows: what each file begins with, and that no shell string is ever made.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src', 'scripts', 'bench', 'test'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((f) => f.endsWith('.ts') || f.endsWith('.mjs'));

/** Each rule: a name, which files it looks at, and what must not be found (or must). */
const rules = [
  {
    name: 'the first line says what the file is for',
    applies: () => true,
    broken: (text) => !/^(#![^\n]*\n)?(\/\/|\/\*\*?) ?\S/.test(text),
  },
  {
    name: 'no shell string',
    applies: (f) => f !== 'scripts/house-rules.mjs',
    broken: (text) =>
      /shell:\s*(true|['"])/.test(text) || /\b(execSync|exec)\s*\(\s*[`'"]/.test(text.replace(/\.exec\(/g, '')),
  },
  {
    name: 'no export of everything',
    applies: () => true,
    broken: (text) => /^export \* from/m.test(text),
  },
  {
    name: 'no shortcut round the type checker',
    applies: (f) => f !== 'scripts/house-rules.mjs',
    broken: (text) =>
      /@ts-ignore|@ts-nocheck|@ts-expect-error|\bas any\b|: any\b/.test(
        text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (c) => (c.includes('@ts-') ? c : '')),
      ),
  },
];

const found = [];
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  for (const rule of rules) if (rule.applies(file) && rule.broken(text)) found.push(`${file}: ${rule.name}`);
}
if (found.length > 0) {
  process.stderr.write(`${found.join('\n')}\n${found.length} broken house rules\n`);
  process.exit(1);
}
process.stdout.write(`house rules hold in ${files.length} files\n`);
