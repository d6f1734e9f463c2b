// Finds what the API documentation says of a field that a column shows. The wanted fields stand in facts/columns.json.
import { COLUMN_TEXTS } from '../generated/column-texts.ts';

export function describeField(groupVersion: string, type: string, field: string): string {
  return COLUMN_TEXTS[`${groupVersion} ${type} ${field}`] ?? '';
}
