// Reads descriptions out of the declaration files of @kubernetes/client-node.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Model {
  readonly description: string;
  /** Field name to description ('' when there is none). */
  readonly fields: ReadonlyMap<string, string>;
}

const ENTITIES: readonly (readonly [written: string, meant: string])[] = [
  ["\\'", "'"],
  ['\\"', '"'],
  ['*_/', '*/'],
  ['/_*', '/*'],
  ['\\&quot;', '"'],
  ['\\&#39;', "'"],
  ['&#x60;', '`'],
  ['&#x3D;', '='],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['\\\\', '\\'],
];

function readable(text: string): string {
  return ENTITIES.reduce((done, [from, to]) => done.replaceAll(from, to), text).trim();
}

function parseModel(text: string): Model {
  const description = /\/\*\*\n\* ([^\n]*)\n\*\/\nexport declare class/.exec(text)?.[1] ?? '';
  const fields = new Map<string, string>();
  for (const match of text.matchAll(/(?: {4}\/\*\*\n {4}\* ([^\n]*)\n {4}\*\/\n)? {4}'([^'\n]+)'\??: /g)) {
    fields.set(match[2] ?? '', readable(match[1] ?? ''));
  }
  return { description: readable(description), fields };
}

export function readModels(directory: string): ReadonlyMap<string, Model> {
  const models = new Map<string, Model>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.d.ts')) continue;
    models.set(file.slice(0, -'.d.ts'.length), parseModel(readFileSync(join(directory, file), 'utf8')));
  }
  return models;
}

/** What the parameters of each call of an API class are for: call → parameter → text. */
export function readCalls(file: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const calls = new Map<string, ReadonlyMap<string, string>>();
  for (const match of readFileSync(file, 'utf8').matchAll(/\/\*\*\n((?: {5}\*[^\n]*\n)*?) {5}\*\/\n {4}(\w+)\(/g)) {
    const texts = new Map<string, string>();
    for (const [, name = '', text = ''] of (match[1] ?? '').matchAll(/@param _?(\w+) ?([^\n]*)/g))
      texts.set(name, readable(text));
    // The first declaration is the one with the texts.
    if (!calls.has(match[2] ?? '')) calls.set(match[2] ?? '', texts);
  }
  return calls;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Field names are renamed where they are reserved words or have odd characters (`_continue`, `$ref` → `$ref`): compare without those. */
function plain(name: string): string {
  return name.replace(/[^a-zA-Z0-9]/g, '').toLowerCase();
}

/** The model of a type, if the client has it. Two groups may use one name: the one whose fields fit is meant. */
export function modelFor(
  models: ReadonlyMap<string, Model>,
  type: { key: string; name: string; fields: readonly string[] },
): Model | undefined {
  const [group = '', version = ''] = type.key.split('/');
  const known = new Set(type.fields.map(plain));
  for (const name of [`${capital(group)}${capital(version)}${type.name}`, `${capital(version)}${type.name}`]) {
    const model = models.get(name);
    if (model === undefined || ![...model.fields.keys()].every((f) => known.has(plain(f)))) continue;
    const byPlain = new Map([...model.fields].map(([f, text]) => [plain(f), text]));
    const fields = new Map<string, string>();
    for (const field of type.fields) {
      const text = byPlain.get(plain(field));
      if (text !== undefined && text !== '') fields.set(field, text);
    }
    return { description: model.description, fields };
  }
  return undefined;
}
