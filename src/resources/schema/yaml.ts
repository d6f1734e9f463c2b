// YAML text to a JSON value, as sigs.k8s.io/yaml does it: YAML 1.1 scalars, every key a string, duplicates told, no alias bombs.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { setOwn } from '../../machinery/json.ts';
import { DecodeError } from './go-errors.ts';
import { MAX_DEPTH } from './json-text.ts';
import { plainYaml } from './yaml-plain.ts';
import { resolvePlain } from './yaml-scalars.ts';

/** More nodes than this, counting what aliases repeat, is an attack. */
const MAX_NODES = 400_000;

const TAG = 'tag:yaml.org,2002:';

function scalar(node: Scalar): unknown {
  const text = typeof node.source === 'string' ? node.source : String(node.value ?? '');
  switch (node.tag) {
    case `${TAG}str`:
      return text;
    case `${TAG}binary`:
      return Buffer.from(text, 'base64').toString();
    case `${TAG}int`:
    case `${TAG}float`:
    case `${TAG}bool`:
    case `${TAG}null`:
      return resolvePlain(text);
    default:
      return node.type === Scalar.PLAIN || node.type === undefined ? resolvePlain(text) : text;
  }
}

function keyText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new DecodeError(`unsupported map key of type: ${value === null ? '<nil>' : 'object'}`);
}

class Converter {
  readonly duplicates: string[] = [];
  private count = 0;
  private depth = 0;
  /** How many of the nodes stand there by an alias only, and in how many aliases we are. */
  private repeated = 0;
  private aliases = 0;
  private readonly anchored = new Map<string, Node>();
  private readonly open = new Set<Node>();
  constructor(private readonly lines: LineCounter) {}

  convert(node: unknown): unknown {
    if (this.aliases > 0) this.repeated++;
    // Go's rule: more than 99 of 100 by alias is no document, but a bomb.
    const bomb = ++this.count > 1000 && this.repeated > this.count * 0.99;
    if (bomb || this.count > MAX_NODES) throw new DecodeError('yaml: document contains excessive aliasing');
    if (node === null || node === undefined) return null;
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.anchored.set(anchor, node as Node);
    if (isScalar(node)) return scalar(node);
    if (++this.depth > MAX_DEPTH) throw new DecodeError('yaml: exceeded max depth');
    try {
      if (isAlias(node)) return this.alias(node);
      if (isSeq(node)) return node.items.map((item) => this.convert(item));
      if (isMap(node)) return this.map(node);
      return null;
    } finally {
      this.depth--;
    }
  }

  private alias(node: Node & { readonly source: string }): unknown {
    const target = this.anchored.get(node.source);
    if (target === undefined) throw new DecodeError(`yaml: unknown anchor '${node.source}' referenced`);
    if (this.open.has(target)) throw new DecodeError(`yaml: anchor '${node.source}' value contains itself`);
    this.open.add(target);
    this.aliases++;
    const value = this.convert(target);
    this.aliases--;
    this.open.delete(target);
    return value;
  }

  private map(node: YAMLMap): unknown {
    const out: Record<string, unknown> = {};
    const merged: unknown[] = [];
    for (const pair of node.items) {
      const key = pair.key as Node | null;
      if (isScalar(key) && key.type === Scalar.PLAIN && key.source === '<<') {
        merged.push(this.convert(pair.value));
        continue;
      }
      const name = keyText(this.convert(key));
      if (Object.hasOwn(out, name)) {
        const line = this.lines.linePos(key?.range?.[0] ?? 0).line;
        this.duplicates.push(`  line ${line}: key ${JSON.stringify(name)} already set in map`);
      }
      setOwn(out, name, this.convert(pair.value));
    }
    for (const source of merged.flat()) {
      if (typeof source !== 'object' || source === null)
        throw new DecodeError('yaml: map merge requires map or sequence of maps as the value');
      for (const [name, value] of Object.entries(source)) if (!Object.hasOwn(out, name)) setOwn(out, name, value);
    }
    return out;
  }
}

/** The words of Go's YAML reader for the errors that people meet. */
function problemText(error: YAMLError): string {
  const message = error.message;
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'found character that cannot start any token';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'mapping values are not allowed in this context';
    case 'BAD_SCALAR_START':
      return 'found character that cannot start any token';
    case 'BAD_DQ_ESCAPE':
      return 'found unknown escape character';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'mapping values are not allowed in this context';
    case 'BAD_ALIAS':
      return 'did not find expected alphabetic or numeric character';
    case 'MISSING_CHAR':
      if (/closing/i.test(message)) return 'found unexpected end of stream';
      return "could not find expected ':'";
    case 'BLOCK_IN_FLOW':
      return "did not find expected ',' or '}'";
    default:
      if (/implicit key|must be followed by a : indicator/i.test(message)) return "could not find expected ':'";
      if (/compact mapping|Nested mappings/i.test(message)) return 'mapping values are not allowed in this context';
      if (/flow sequence|flow collection|flow map/i.test(message)) return "did not find expected ',' or ']'";
      if (/block (collections|sequence)/i.test(message))
        return 'block sequence entries are not allowed in this context';
      if (/unexpected .*token|Plain value cannot start/i.test(message)) {
        return /start with (a )?(reserved|%|@|`)|reserved character/i.test(message)
          ? 'found character that cannot start any token'
          : 'did not find expected node content';
      }
      return 'did not find expected key';
  }
}

/** A list or map in brackets that never ends: Go tells it at the end of the text. */
function unclosed(error: YAMLError, text: string): string | undefined {
  const closing = /^Flow .* end with a ([\]}])$/.exec(error.message)?.[1];
  if (closing === undefined) return undefined;
  const body = text.trimEnd();
  const problem = /[[{,:]$/.test(body)
    ? 'did not find expected node content'
    : `did not find expected ',' or '${closing}'`;
  return `yaml: line ${body.split('\n').length}: ${problem}`;
}

function refusal(error: YAMLError, lines: LineCounter, text: string): DecodeError {
  const end = unclosed(error, text);
  if (end !== undefined) return new DecodeError(end);
  const line = lines.linePos(error.pos[0]).line;
  return new DecodeError(`yaml: ${line > 1 ? `line ${line}: ` : ''}${problemText(error)}`);
}

export interface YamlValue {
  readonly value: unknown;
  /** Doubles, as one text, as Go's strict reader gives it. */
  readonly yamlErrors: readonly string[];
}

const plain = new WeakMap<Uint8Array, { readonly value: unknown }>();

/** What a plain document says; read once. */
function plainValue(bytes: Uint8Array): unknown {
  let known = plain.get(bytes);
  if (known === undefined) {
    known = { value: plainYaml(new TextDecoder().decode(bytes)) };
    plain.set(bytes, known);
  }
  return known.value;
}

/** Plain documents are read as fast as they come; others take a hundred times as long. */
export function isPlainYaml(bytes: Uint8Array): boolean {
  return plainValue(bytes) !== undefined;
}

/** The first document of a YAML text. Throws DecodeError. */
export function yamlToJson(bytes: Uint8Array): YamlValue {
  const value = plainValue(bytes);
  // It is the caller's to change.
  if (value !== undefined && plain.delete(bytes)) return { value, yamlErrors: [] };
  return fullYaml(new TextDecoder().decode(bytes));
}

/** Any document. */
export function fullYaml(text: string): YamlValue {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return { value: null, yamlErrors: [] };
  const error = document.errors[0];
  if (error !== undefined) throw refusal(error, lines, text);
  const converter = new Converter(lines);
  const value = converter.convert(document.contents);
  const yamlErrors =
    converter.duplicates.length === 0 ? [] : [`yaml: unmarshal errors:\n${converter.duplicates.join('\n')}`];
  return { value, yamlErrors };
}
