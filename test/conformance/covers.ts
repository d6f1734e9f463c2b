// Names the conformance behaviour that a test covers, so that it can be counted which of the 380 have one.
import { readFileSync } from 'node:fs';

interface Behaviour {
  readonly testname: string;
  readonly sig: string;
  readonly release: string;
}

const file = new URL('./behaviours.json', import.meta.url);
const KNOWN = new Set((JSON.parse(readFileSync(file, 'utf8')) as Behaviour[]).map(({ testname }) => testname));

/**
 * The title of a test: the name under which the conformance suite of Kubernetes lists the behaviour.
 * Names that the suite uses more than once bear a number from the second on: `EndpointSlice API (2)`.
 * `scripts/conformance.mjs` finds the calls in the text, so the name is written out as one literal.
 */
export function covers(testname: string): string {
  if (!KNOWN.has(testname)) throw new Error(`no conformance behaviour is called ${JSON.stringify(testname)}`);
  return testname;
}
