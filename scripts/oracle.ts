// Compares a server with what the genuine API server 1.28 answered, and tells the differences that 1.36 explains from those that nothing explains:
// npm run oracle -- --server https://127.0.0.1:PORT --cert FILE --key FILE [--oracle DIRECTORY] [--only 10] [--id TEXT]
// The explanations are in scripts/oracle/differences.json; `--write-ignore` only writes those that a path alone tells to scripts/oracle/ignore.json.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

interface Explanation {
  /** Patterns of the case's id, of the path in the answer, and of what the two servers say there. */
  readonly case: string;
  readonly path: string;
  readonly want?: string;
  readonly got?: string;
  /** Holds only where this part does not run (the reference had it), or does (the reference had not). */
  readonly without?: string;
  readonly with?: string;
  /** The path alone tells it, whatever the case. */
  readonly alone?: boolean;
  readonly reason: string;
  readonly source: string;
}

interface Difference {
  readonly id: string;
  readonly path: string;
  readonly want: string;
  readonly got: string;
}

const here = import.meta.dirname;
const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    oracle: { type: 'string', default: path.resolve(here, '../../shared/oracle') },
    only: { type: 'string' },
    id: { type: 'string' },
    'write-ignore': { type: 'boolean', default: false },
  },
});
const explanations = JSON.parse(readFileSync(path.join(here, 'oracle/differences.json'), 'utf8')) as Explanation[];

function explains(one: Explanation, { id, path: at, want, got }: Difference): boolean {
  const fits = (pattern: string | undefined, text: string): boolean =>
    pattern === undefined || new RegExp(pattern).test(text);
  return fits(one.case, id) && fits(one.path, at) && fits(one.want, want) && fits(one.got, got);
}

/** A line of the runner's: `✗ ID PATH: want JSON got JSON`, further paths of the same case on lines of their own. */
function* differences(lines: readonly string[]): Generator<Difference> {
  let id = '';
  for (const line of lines) {
    const [, named, at, want = '', got = ''] =
      /^(?:✗ (\S+) | {4})(s\d+(?=[.:])\S*): want (.*?) got (.*)$/.exec(line) ?? [];
    id = named ?? id;
    if (at !== undefined) yield { id, path: at, want, got };
  }
}

async function runOracle(): Promise<string[]> {
  const runner = path.join(values.oracle, 'run.mjs');
  if (!existsSync(runner)) throw new Error(`${runner} is not there: pass --oracle DIRECTORY`);
  const args = [runner, 'check', '-v', '--top', '0'];
  for (const name of ['server', 'cert', 'key', 'only', 'id'] as const) {
    const value = values[name];
    if (value !== undefined) args.push(`--${name}`, value);
  }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  return lines;
}

/** A refusal's message repeats its causes, and the runner cuts long ones short: it is explained by an explained cause. */
function repeatsCause({ id, path: at }: Difference, explained: readonly Difference[]): boolean {
  const cause = at.replace(/\.message$/, '.details.causes[');
  return at.endsWith('.body.message') && explained.some((one) => one.id === id && one.path.startsWith(cause));
}

function report(lines: readonly string[]): boolean {
  const [, equal, total] = /oracle: (\d+)\/(\d+) cases equal/.exec(lines.at(-1) ?? '') ?? [];
  if (equal === undefined || total === undefined)
    throw new Error(`the runner ended early: ${lines.slice(-3).join('\n')}`);
  const explained: Difference[] = [];
  const open = new Map<string, Difference[]>();
  const used = new Map<Explanation, Set<string>>();
  for (const difference of differences(lines)) {
    const found = explanations.find((one) => explains(one, difference));
    if (found === undefined && !repeatsCause(difference, explained))
      open.set(difference.id, [...(open.get(difference.id) ?? []), difference]);
    else if (found !== undefined) {
      explained.push(difference);
      used.set(found, (used.get(found) ?? new Set()).add(difference.id));
    }
  }
  for (const [one, ids] of used) console.log(`${String(ids.size).padStart(4)}  ${one.reason}\n      ${one.source}`);
  for (const [id, list] of open) {
    console.log(`unexplained: ${id}`);
    for (const one of list) console.log(`  ${one.path}\n    want ${one.want}\n    got  ${one.got}`);
  }
  // Cases of two files may share an id: what is neither equal nor open is explained.
  const rest = Number(total) - Number(equal) - open.size;
  console.log(`oracle: ${equal} equal + ${rest} explained + ${open.size} unexplained = ${total}`);
  return open.size === 0;
}

if (values['write-ignore']) {
  const alone = explanations.filter((one) => one.alone === true).map((one) => one.path);
  writeFileSync(path.join(here, 'oracle/ignore.json'), `${JSON.stringify(alone, null, 2)}\n`);
} else process.exitCode = report(await runOracle()) ? 0 : 1;
