// Sends the same sequences of requests to a genuine API server and to this one, and tells where the answers differ: verbs, options, patches, watches.
// npx tsx scripts/scenarios.ts --reference URL --token T --server URL --cert FILE --key FILE [--id PATTERN] [--top N] [--lanes N] [--verbose]
// Other than scripts/compare.ts it writes, so use a genuine server that nobody else needs.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Answer, Endpoint } from './compare/endpoint.ts';
import { readKnown, shown } from './compare/known.ts';
import { type Difference, differences } from './compare/normal.ts';
import type { Scenario, Step } from './compare/scenario.ts';
import { scenarios } from './compare/scenarios/index.ts';
import { openServers, SERVER_OPTIONS } from './compare/servers.ts';

const { values } = parseArgs({
  options: {
    ...SERVER_OPTIONS,
    id: { type: 'string', default: '.' },
    top: { type: 'string', default: '60' },
    lanes: { type: 'string', default: '8' },
    known: { type: 'string', default: join(import.meta.dirname, 'compare/known.json') },
    slow: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const { genuine, ours } = openServers(values);
const isKnown = readKnown(values.known);

function at(value: unknown, path: string): string {
  let found = value;
  if (path !== '') for (const key of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[key];
  return typeof found === 'string' ? found : (JSON.stringify(found) ?? '');
}

/** One server on its way through a scenario; what it saved differs from the other's. */
class Walk {
  private readonly saved = new Map<string, string>();

  constructor(
    private readonly endpoint: Endpoint,
    private readonly namespace: string,
  ) {}

  private filled(value: string): string {
    return value
      .replaceAll('$NS', this.namespace)
      .replace(/%\{(\w+)\}/g, (_, name: string) => this.saved.get(name) ?? '');
  }

  async take(step: Step): Promise<Answer> {
    const body =
      step.body === undefined || step.body instanceof Buffer
        ? step.body
        : this.filled(typeof step.body === 'string' ? step.body : JSON.stringify(step.body));
    const answer = await this.endpoint.send({
      ...step,
      path: this.filled(step.path),
      ...(body === undefined ? {} : { body }),
    });
    for (const [name, path] of Object.entries(step.save ?? {})) this.saved.set(name, at(answer.body, path));
    return answer;
  }
}

interface Finding {
  readonly scenario: Scenario;
  readonly step: Step;
  readonly left: readonly Difference[];
}

const findings: Finding[] = [];
let compared = 0;

async function run(scenario: Scenario, namespace: string): Promise<void> {
  const walks = [new Walk(genuine, namespace), new Walk(ours, namespace)];
  const both = async (step: Step): Promise<Answer[]> => Promise.all(walks.map(async (walk) => walk.take(step)));
  await both({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: namespace } } });
  await both({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    body: { metadata: { name: 'default' } },
  });
  for (const step of scenario.steps) {
    const began = performance.now();
    const [want, got] = await both(step);
    if (values.slow && performance.now() - began > 2500)
      console.error(`${step.method} ${step.path} took ${Math.round(performance.now() - began)} ms`);
    if (want === undefined || got === undefined || step.quiet === true) continue;
    compared++;
    const left = differences(want, got).filter((d) => !isKnown(d));
    if (left.length > 0) findings.push({ scenario, step, left });
  }
  await both({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` });
}

function report(): void {
  const groups = new Map<string, { count: number; example: Finding }>();
  for (const finding of findings) {
    const first = finding.left.find((d) => d.path.endsWith('.message')) ?? finding.left[0];
    const vague = shown(first?.want)
      .replace(/\\"[^"\\]*\\"/g, '"…"')
      .replace(/\d+/g, '#');
    const key = values.verbose
      ? `${finding.scenario.id} ${finding.step.method} ${finding.step.path}`
      : `${finding.scenario.id.split('/')[0]} ${finding.step.method} ${first?.path.replace(/\[\d+\]/g, '[]')} ${vague.slice(0, 60)}`;
    const group = groups.get(key) ?? { count: 0, example: finding };
    group.count++;
    groups.set(key, group);
  }
  const sorted = [...groups].sort((a, b) => b[1].count - a[1].count).slice(0, Number(values.top));
  for (const [key, { count, example }] of sorted) {
    const { step, scenario, left } = example;
    console.log(
      `${String(count).padStart(4)} ${key}\n     ${scenario.id}: ${step.method} ${step.path} ${step.type ?? ''} ${step.accept ?? ''} ${shown(step.body).slice(0, 300)}`,
    );
    for (const d of left.slice(0, 5))
      console.log(
        `       ${d.path}\n         genuine ${shown(d.want).slice(0, 500)}\n         ours    ${shown(d.got).slice(0, 500)}`,
      );
  }
  console.log(`${compared - findings.length} of ${compared} answers are the same, ${groups.size} kinds of difference`);
}

const wanted = new RegExp(values.id);
const chosen = [...scenarios()].filter((s) => wanted.test(s.id));
let next = 0;
const lane = async (): Promise<void> => {
  for (let i = next++; i < chosen.length; i = next++) {
    const scenario = chosen[i];
    if (scenario === undefined) return;
    try {
      await run(scenario, `scenario-${process.pid}-${i}`);
    } catch (error) {
      console.error(`${scenario.id}: ${String(error)}`);
    }
  }
};
await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
report();
genuine.close();
ours.close();
