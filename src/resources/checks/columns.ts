// Builds table columns: names, ages, and descriptions taken from the API's own documentation only when a table is asked for.
import type { Int64 } from '../../machinery/int64.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { ageColumn, nameColumn } from '../common/index.ts';
import type { Column } from '../definition.ts';
import { describeField } from './describe.ts';

type Cell = string | Int64 | boolean | null;

export interface ColumnSpec<T extends KubeObject> {
  readonly name: string;
  readonly type?: Column<T>['type'];
  readonly format?: Column<T>['format'];
  /** The text itself, or where it stands: group version, type, field. */
  readonly description: string | readonly [groupVersion: string, type: string, field: string];
  readonly wide?: boolean;
  cell(object: T, now: Date): Cell;
}

export function column<T extends KubeObject>(spec: ColumnSpec<T>): Column<T> {
  const { description } = spec;
  return {
    name: spec.name,
    type: spec.type ?? 'string',
    format: spec.format ?? '',
    priority: spec.wide === true ? 1 : 0,
    cell: spec.cell,
    get description() {
      return typeof description === 'string' ? description : describeField(...description);
    },
  };
}

/** The columns of kinds that only have a name and an age. */
export function nameAndAge<T extends KubeObject>(): Column<T>[] {
  return [nameColumn<T>(), ageColumn<T>()];
}

/** `a,b,c + 2 more...`, with a word for nothing at all. */
export function listWithMore(items: readonly string[], max: number, none: string): string {
  const shown = items.slice(0, max).join(',');
  if (items.length > max) return `${shown} + ${items.length - max} more...`;
  return shown === '' ? none : shown;
}
