// The parameters that OpenAPI v2 tells once for all paths, under names made of their own and a hash of what they say.
import type { JsonObject } from '../../machinery/object.ts';
import type { Parameter, Route } from './route.ts';

/** kubectl finds out whether a server knows these by looking at the operation itself. */
const IN_PLACE: ReadonlySet<string> = new Set(['dryRun', 'fieldValidation']);
const PRIME = 0x100000001b3n;
const MASK = 0xffffffffffffffffn;

/** FNV-1 of 64 bits, the first six bytes as base64url: what Kubernetes names them by. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text, 'utf8')) value = ((value * PRIME) & MASK) ^ BigInt(byte);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes.subarray(0, 6).toString('base64url');
}

/** JSON as Go writes it. */
function goJson(value: JsonObject): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export class SharedParameters {
  private readonly known = new Map<string, JsonObject>();
  private readonly references = new Map<string, JsonObject>();

  /** A parameter of a path or a query, or a reference to it. */
  plain({ name, in: where, type, description }: Parameter): JsonObject {
    const required = where === 'path' ? { required: true } : {};
    const told: JsonObject = { uniqueItems: true, type, description, name, in: where, ...required };
    // What an object is called is told with its kind, so that no two kinds share it.
    return name === 'name' || (where === 'query' && IN_PLACE.has(name)) ? told : this.shared(name, told);
  }

  body({ required, type }: NonNullable<Route['body']>, schema: JsonObject): JsonObject {
    const told: JsonObject = { name: 'body', in: 'body', ...(required ? { required } : {}), schema };
    return type.startsWith('io.k8s.apimachinery.') ? this.shared('body', told) : told;
  }

  private shared(name: string, told: JsonObject): JsonObject {
    const text = goJson(told);
    let reference = this.references.get(text);
    if (reference === undefined) {
      const key = `${name}-${hash(text)}`;
      this.known.set(key, told);
      reference = { $ref: `#/parameters/${key}` };
      this.references.set(text, reference);
    }
    return reference;
  }

  /** What a parameter or a reference to one is called. */
  nameOf(parameter: JsonObject): string {
    const { $ref, name } = parameter;
    return typeof $ref === 'string' ? String(this.known.get($ref.slice('#/parameters/'.length))?.name) : String(name);
  }

  all(): JsonObject {
    return Object.fromEntries([...this.known].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
