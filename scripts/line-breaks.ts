// Takes from a published OpenAPI v2 document where the lines of descriptions break, into src/resources/facts/line-breaks.json.
// Usage: tsx scripts/line-breaks.ts OPENAPI.json, after `npm run generate`. Only positions are taken, no text; this runs when the version rises.
import { readFileSync, writeFileSync } from 'node:fs';
import { DESCRIPTIONS } from '../src/resources/generated/descriptions.ts';
import { definitionPrefix } from '../src/resources/schema/index.ts';
import { breaksOf, onOneLine } from './breaks.ts';

const TARGET = new URL('../src/resources/facts/line-breaks.json', import.meta.url);

interface Told {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Told>>;
}

interface Document {
  readonly definitions: Readonly<Record<string, Told>>;
  readonly parameters: Readonly<Record<string, Told>>;
}

function main(): void {
  const file = process.argv[2];
  if (file === undefined) throw new Error('usage: tsx scripts/line-breaks.ts OPENAPI.json');
  const { definitions, parameters } = JSON.parse(readFileSync(file, 'utf8')) as Document;
  const ofParameters = Object.values(parameters).map(({ description = '' }) => description);
  const found: Record<string, string> = {};
  const note = (key: string, text: string, candidates: readonly (string | undefined)[]): void => {
    const meant = candidates.find((one) => one !== undefined && onOneLine(one) === onOneLine(text))?.trim();
    if (meant !== undefined && /[\n\t]/.test(meant)) found[key] = breaksOf(meant);
  };
  for (const [key, texts] of Object.entries(DESCRIPTIONS)) {
    for (const [type, [text, fields]] of Object.entries(
      JSON.parse(texts) as Record<string, [string, Record<string, string>]>,
    )) {
      const told = definitions[definitionPrefix(key) + type];
      note(`${key} ${type}`, text, [told?.description]);
      for (const [field, words] of Object.entries(fields))
        note(`${key} ${type} ${field}`, words, [told?.properties?.[field]?.description, ...ofParameters]);
    }
  }
  writeFileSync(TARGET, `${JSON.stringify(found, null, 2)}\n`);
  console.log(`${Object.keys(found).length} texts have breaks`);
}

main();
