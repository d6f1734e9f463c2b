// YAML answers, written as sigs.k8s.io/yaml writes them: sorted keys, lists not indented.
import { type CollectionTag, type ScalarTag, stringify } from 'yaml';
import { isJsonObject } from '../../machinery/object.ts';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const out = new Map<string, unknown>();
  for (const key of Object.keys(value).sort()) if (value[key] !== undefined) out.set(key, sorted(value[key]));
  return out;
}

function isOrderedMap(tag: Tag): boolean {
  return typeof tag !== 'string' && tag.tag === 'tag:yaml.org,2002:omap';
}

type Tag = ScalarTag | CollectionTag | string;

/** A lone `.` is a key of managed fields, and no number. */
function strictFloat(tag: Tag): Tag {
  if (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:float') return tag;
  const { test } = tag as ScalarTag;
  if (test === undefined) return tag;
  return { ...(tag as ScalarTag), test: new RegExp(`(?=.*[0-9A-Za-z])(?:${test.source})`) };
}

export function encodeYaml(value: unknown): string {
  return stringify(sorted(value), {
    indentSeq: false,
    lineWidth: 0,
    singleQuote: false,
    // Old readers take `y` and `on` for booleans: YAML 1.1 quotes them. Its tag for ordered maps is not wanted.
    schema: 'yaml-1.1',
    customTags: (tags) => tags.filter((tag) => !isOrderedMap(tag)).map(strictFloat) as typeof tags,
  });
}
