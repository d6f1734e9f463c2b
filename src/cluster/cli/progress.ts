// Progress for a person who waits: a line per finished step, and on a terminal a moving line for the present one.
import type { CommandIo } from './command.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export class Progress {
  private current: { text: string; since: number } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;

  constructor(
    private readonly io: CommandIo,
    private readonly live: boolean = process.stderr.isTTY === true,
  ) {}

  /** Ends the present step well and begins the next. */
  step(text: string): void {
    this.done();
    this.current = { text, since: Date.now() };
    if (!this.live) return;
    this.draw();
    this.timer = setInterval(() => this.draw(), 100);
    this.timer.unref();
  }

  /** Changes the words of the present step (bytes pulled, pods ready). */
  update(text: string): void {
    if (this.current === undefined) this.step(text);
    else this.current.text = text;
  }

  done(): void {
    this.finish(this.paint('✓', 32));
  }

  fail(): void {
    this.finish(this.paint('✗', 31));
  }

  private finish(mark: string): void {
    clearInterval(this.timer);
    if (this.current === undefined) return;
    const ms = Date.now() - this.current.since;
    const time = ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
    this.io.err(`${this.live ? '\r\x1b[2K' : ''}${mark} ${this.current.text} ${this.paint(`(${time})`, 90)}\n`);
    this.current = undefined;
  }

  private draw(): void {
    if (this.current === undefined) return;
    this.frame = (this.frame + 1) % FRAMES.length;
    this.io.err(`\r\x1b[2K${FRAMES[this.frame]} ${this.current.text} …`);
  }

  private paint(text: string, code: number): string {
    return this.io.colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
