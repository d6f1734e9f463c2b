// The table of figures that `npm run bench` prints, as it grows.

export class Report {
  constructor(private readonly out: (text: string) => void) {}

  title(text: string): void {
    this.out(`\n${text}\n${'-'.repeat(text.length)}\n`);
  }

  row(name: string, figure: string, more: string, goal: string): void {
    this.out(`${name.padEnd(42)} ${figure.padStart(12)}  ${more.padEnd(30)} ${goal === '' ? '' : `goal ${goal}`}\n`);
  }
}
