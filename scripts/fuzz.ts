// Fuzzes the API: npm run fuzz -- [--count N] [--seed N] [--family body|patch|selector|path|definition]
import { parseArgs } from 'node:util';
import { FAMILIES, type Family } from '../test/fuzz/requests.ts';
import { fuzz } from '../test/fuzz/run.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    family: { type: 'string' },
  },
});
const families: readonly Family[] = FAMILIES.filter(
  (family) => values.family === undefined || values.family === family,
);
if (families.length === 0) throw new Error(`there is no family ${values.family}`);
const seen = new Set<string>();
const options = { families, count: Number(values.count), seed: Number(values.seed), watchTime: true };
console.log(`seed ${options.seed}`);
const { findings, statuses } = await fuzz({
  ...options,
  onFinding(finding) {
    // The same flaw is found again and again.
    const kind = finding.what.replace(/\d+/g, 'N').slice(0, 160);
    if (seen.has(kind)) return;
    seen.add(kind);
    console.log(
      `${finding.family} seed ${finding.seed}: ${finding.what}\n  ${JSON.stringify(finding.request).slice(0, 1500)}`,
    );
  },
});
console.log([...statuses].map(([status, times]) => `${status}: ${times}`).join('  '));
console.log(`${options.count} requests, ${findings.length} findings of ${seen.size} kinds`);
process.exit(findings.length === 0 ? 0 : 1);
