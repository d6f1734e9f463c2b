// YAML answers, written as sigs.k8s.io/yaml writes them: sorted keys, lists not indented.
import { stringify } from 'yaml';
import { isJsonObject } from '../../machinery/object.ts';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const out = new Map<string, unknown>();
  for (const key of Object.keys(value).sort()) if (value[key] !== undefined) out.set(key, sorted(value[key]));
  return out;
}

export function encodeYaml(value: unknown): string {
  return stringify(sorted(value), {
    indentSeq: false,
    lineWidth: 0,
    singleQuote: false,
    // Old readers take `y` and `on` for booleans: YAML 1.1 quotes them. Its tag for ordered maps is not wanted.
    schema: 'yaml-1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:omap'),
  });
}
