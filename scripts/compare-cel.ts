// Puts expressions into the rules of CustomResourceDefinitions on a genuine API server and on this one, and tells where they are understood or come out differently.
// npx tsx scripts/compare-cel.ts --server URL --cert FILE --key FILE [--reference URL] [--token T] [--only PATTERN] [--file FILE] [--out FILE]
// What an expression is refused with is asked in dry runs; what it comes to is shown by the message of a rule that is always broken.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CUSTOM_SELF, SELF_SCHEMA } from './compare/cel-self.ts';
import type { Answer, Endpoint } from './compare/endpoint.ts';
import { openServers, SERVER_OPTIONS } from './compare/servers.ts';

const { values } = parseArgs({
  options: {
    ...SERVER_OPTIONS,
    only: { type: 'string', default: '' },
    file: { type: 'string', default: path.join(import.meta.dirname, 'compare/expressions.txt') },
    out: { type: 'string' },
  },
});
const { genuine, ours, both } = openServers(values);
const GROUP = `cel-${process.pid}.example.com`;
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** So many rules stay within what the rules of one object may cost. */
const TOGETHER = 40;

interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
}
const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
/** Names of types that the genuine server draws by lot. */
const plain = (message: string): string => message.replace(/selfType\d+/g, 'selfType');

function definition(name: string, rules: readonly Rule[]): object {
  const spec = { ...SELF_SCHEMA, 'x-kubernetes-validations': rules };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${name}s.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Cluster',
      names: { plural: `${name}s`, singular: name, kind: `${name.charAt(0).toUpperCase()}${name.slice(1)}` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

/** What a rule with this expression alone is refused with; empty when it is taken. */
async function refusals(expression: string): Promise<readonly [string, string]> {
  const body = definition('one', [{ rule: expression }]);
  const of = ({ status, body: answer }: Answer): string => {
    if (status < 300) return '';
    const { causes } = ((answer as { details?: unknown }).details ?? {}) as { causes?: { message: string }[] };
    return plain((causes ?? [{ message: text(answer) }]).map((c) => c.message).join('\n'));
  };
  const [a, b] = await both({ method: 'POST', path: `${DEFINITIONS}?dryRun=All`, body });
  return [of(a), of(b)];
}

async function established(endpoint: Endpoint, name: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { body } = await endpoint.send({ method: 'GET', path: `${DEFINITIONS}/${name}s.${GROUP}` });
    const { status } = body as { status?: { conditions?: { type: string; status: string }[] } };
    const list = await endpoint.send({ method: 'GET', path: `/apis/${GROUP}/v1/${name}s` });
    if (list.status === 200 && status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} is not served`);
}

/** What the expressions come to, by their number. */
async function results(
  name: string,
  expressions: readonly string[],
): Promise<readonly [Map<number, string>, Map<number, string>]> {
  const rules = expressions.map((e, i) => ({
    rule: `[${e}].size() == 0`,
    message: `#${i}#`,
    messageExpression: `'#${i}# %s'.format([dyn(${e})])`,
  }));
  const ask = () => both({ method: 'POST', path: DEFINITIONS, body: definition(name, rules) });
  let made = await ask();
  let bad = made.find((m) => m.status >= 300);
  for (let tries = 0; bad !== undefined && tries < 5; tries++) {
    // What is refused in company is left out of it.
    const left = new Set(
      made.flatMap(({ body }) => [...text(body).matchAll(/validations\[(\d+)\]/g)].map((m) => Number(m[1]))),
    );
    for (const i of left) rules[i] = { rule: 'false', message: `#${i}#`, messageExpression: "'left out'" };
    await both({ method: 'DELETE', path: `${DEFINITIONS}/${name}s.${GROUP}` });
    made = await ask();
    bad = made.find((m) => m.status >= 300);
  }
  try {
    if (bad !== undefined)
      throw new Error(
        `not taken by ${bad === made[0] ? 'the genuine server' : 'ours'}: ${text(bad.body).slice(0, 1500)}`,
      );
    await Promise.all([established(genuine, name), established(ours, name)]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const kind = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const body = { apiVersion: `${GROUP}/v1`, kind, metadata: { name: 'x' }, spec: CUSTOM_SELF };
    const answers = await both({ method: 'POST', path: `/apis/${GROUP}/v1/${name}s?dryRun=All`, body });
    const of = ({ body: answer }: Answer) => {
      const { causes } = ((answer as { details?: unknown }).details ?? {}) as { causes?: { message: string }[] };
      const found = new Map<number, string>();
      for (const { message } of causes ?? []) found.set(Number(/#(\d+)#/.exec(message)?.[1] ?? -1), plain(message));
      if (found.size === 0) found.set(-1, text(answer));
      return found;
    };
    return [of(answers[0]), of(answers[1])];
  } finally {
    await both({ method: 'DELETE', path: `${DEFINITIONS}/${name}s.${GROUP}` });
  }
}

let same = 0;
const found: { expression: string; genuine: string; ours: string }[] = [];
function note(expression: string, [a, b]: readonly [string, string]): void {
  if (a === b) {
    same++;
    return;
  }
  found.push({ expression, genuine: a, ours: b });
  console.log(`${expression}\n    genuine ${text(a)}\n    ours    ${text(b)}`);
}

async function main(): Promise<void> {
  const expressions = readFileSync(values.file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# ') && new RegExp(values.only).test(line));
  const good: string[] = [];
  let next = 0;
  const lane = async () => {
    for (let e = expressions[next++]; e !== undefined; e = expressions[next++]) {
      const [a, b] = await refusals(e);
      note(e, [a, b]);
      const taken = (t: string) => t === '' || t.includes('must evaluate to a bool');
      if (taken(a) && taken(b) && !e.includes('//') && !/oldSelf/.test(e)) good.push(e);
    }
  };
  await Promise.all(Array.from({ length: 6 }, lane));
  console.log(`--- results of ${good.length}`);
  for (let at = 0; at < good.length; at += TOGETHER) {
    const some = good.slice(at, at + TOGETHER);
    try {
      const [a, b] = await results(`batch${String.fromCharCode(97 + at / TOGETHER)}`, some);
      for (const i of [-1, ...some.keys()]) note(some[i] ?? '(all)', [a.get(i) ?? '', b.get(i) ?? '']);
    } catch (error) {
      console.log(String(error));
    }
  }
  if (values.out !== undefined) writeFileSync(values.out, found.map((f) => JSON.stringify(f)).join('\n'));
  console.log(`${same} answers are the same, ${found.length} are not`);
  genuine.close();
  ours.close();
}

await main();
