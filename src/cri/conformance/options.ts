// What a runtime says of itself to the suite: how it is opened, and what it can do.
import type { RuntimeService } from '../port.ts';

export interface RuntimeUnderTest {
  readonly runtime: RuntimeService;
  /** The id of an image with busybox, where images matter. */
  readonly image: string;
  close(): Promise<void>;
}

export interface ConformanceOptions {
  readonly name: string;
  readonly open: () => Promise<RuntimeUnderTest>;
  /** Why the suite cannot run here. */
  readonly skip?: string;
  /** Whether commands really run. */
  readonly processes: boolean;
  /** A command that runs until it is told to stop. */
  readonly forever: readonly string[];
  readonly exit: (code: number) => readonly string[];
  readonly missing: readonly string[];
  /** Whether the runtime tells events as they happen. */
  readonly events?: boolean;
  /** Whether the end of the caller's input reaches the command. */
  readonly closesInput?: boolean;
  /** Another's runtime: its words are its own, and so is what it leaves running after a command's time-out. */
  readonly foreign?: boolean;
}

/** What a runtime answers to a command that is not in the image. */
export function missingWords(options: ConformanceOptions): RegExp {
  return options.foreign === true ? /executable file .?nosuch/ : /executable file `nosuch` not found in \$PATH/;
}
