// A command is data: its words, its options, and what it does. One table of them makes the command line.
import { UserError } from '../user-error.ts';

export { UserError };

export interface OptionSpec {
  /** As commander writes it: `-f, --file <path>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | number | boolean;
  /** May be given several times. */
  readonly repeated?: boolean;
  readonly parse?: (text: string) => unknown;
}

/** Where a command writes, and what it may ask of its surroundings. */
export interface CommandIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: NodeJS.ProcessEnv;
  /** Whether `err` may be coloured. */
  readonly colour: boolean;
  /** Whether `out` may be: it often goes into a file or another program. */
  readonly colourOut: boolean;
}

export type OptionValues = Readonly<Record<string, unknown>>;

export interface CommandSpec {
  /** `image import` for a subcommand. */
  readonly name: string;
  readonly summary: string;
  /** As commander writes them: `<archive>`, `[names...]`. */
  readonly args?: readonly string[];
  readonly options: readonly OptionSpec[];
  /** Other words for the last word of the name. */
  readonly aliases?: readonly string[];
  /** Not shown in the help: for the program's own use. */
  readonly hidden?: boolean;
  /** Options that are not ours are handed on untouched. */
  readonly passThrough?: boolean;
  /** Returns the exit code. */
  run(args: readonly string[], options: OptionValues, io: CommandIo): Promise<number>;
}

export function text(options: OptionValues, name: string): string {
  const value = options[name];
  if (typeof value !== 'string') throw new UserError(`--${name} is missing`);
  return value;
}

export function texts(options: OptionValues, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

export function number(options: OptionValues, name: string): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value))
    throw new UserError(`--${name} takes a whole number, not ${JSON.stringify(options[name])}`);
  return value;
}

export function flag(options: OptionValues, name: string): boolean {
  return options[name] === true;
}
