// Says what is wrong with a text that should be a JSON object, in the words of Go's JSON package.
// Source: https://pkg.go.dev/encoding/json#SyntaxError

const GO_KINDS: Readonly<Record<string, string>> = { string: 'string', number: 'number', boolean: 'bool' };

/** '' for a JSON object; the empty text and `null` are told apart as Go does. */
export function jsonProblem(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return '';
    const kind = Array.isArray(value) ? 'array' : GO_KINDS[typeof value];
    return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
  } catch {
    return new Scanner(text).problem();
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

const LITERALS = ['true', 'false', 'null'];

/** Reads JSON by hand, only to find the first thing that is wrong. */
class Scanner {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  problem(): string {
    try {
      this.value('looking for beginning of value');
      this.space();
      if (this.at < this.text.length) this.fail('after top-level value');
      return 'unexpected end of JSON input';
    } catch (error) {
      // Nested deeper than the stack: Go stops at 10,000 levels and says so.
      return error instanceof JsonProblem ? error.message : 'exceeded max depth';
    }
  }

  private fail(context: string): never {
    const character = this.text[this.at];
    if (character === undefined) throw new JsonProblem('unexpected end of JSON input');
    const shown = character === "'" ? "'\\''" : `'${JSON.stringify(character).slice(1, -1)}'`;
    throw new JsonProblem(`invalid character ${character === '"' ? `'"'` : shown} ${context}`);
  }

  private space(): void {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private value(context: string): void {
    this.space();
    const character = this.text[this.at];
    if (character === '{') this.object();
    else if (character === '[') this.array();
    else if (character === '"') this.string();
    else if (character !== undefined && /[-0-9]/.test(character)) this.number();
    else {
      const literal = LITERALS.find((l) => l[0] === character);
      if (literal === undefined) this.fail(context);
      else this.literal(literal);
    }
  }

  private literal(literal: string): void {
    for (let i = 0; i < literal.length; i++) {
      if (this.text[this.at] !== literal[i]) this.fail(`in literal ${literal} (expecting '${literal[i] ?? ''}')`);
      this.at++;
    }
  }

  private number(): void {
    if (this.text[this.at] === '-') this.at++;
    if (this.text[this.at] === '0') this.at++;
    else this.digits('in numeric literal');
    if (this.text[this.at] === '.') {
      this.at++;
      this.digits('after decimal point in numeric literal');
    }
    if (!/[eE]/.test(this.text[this.at] ?? '')) return;
    this.at++;
    if (/[-+]/.test(this.text[this.at] ?? '')) this.at++;
    this.digits('in exponent of numeric literal');
  }

  private digits(context: string): void {
    const start = this.at;
    while (isDigit(this.text[this.at])) this.at++;
    if (this.at === start) this.fail(context);
  }

  private string(): void {
    this.at++;
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined || character < ' ') this.fail('in string literal');
      this.at++;
      if (character === '"') return;
      if (character === '\\') this.escape();
    }
  }

  private escape(): void {
    const character = this.text[this.at];
    if (character === undefined || !'"\\/bfnrtu'.includes(character)) this.fail('in string escape code');
    this.at++;
    if (character !== 'u') return;
    for (let i = 0; i < 4; i++) {
      if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? '')) this.fail('in \\u hexadecimal character escape');
      this.at++;
    }
  }

  private object(): void {
    this.at++;
    this.space();
    if (this.text[this.at] === '}') {
      this.at++;
      return;
    }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string');
      this.string();
      this.space();
      if (this.text[this.at] !== ':') this.fail('after object key');
      this.at++;
      this.value('looking for beginning of value');
      this.space();
      const next = this.text[this.at];
      if (next !== ',' && next !== '}') this.fail('after object key:value pair');
      this.at++;
      if (next === '}') return;
    }
  }

  private array(): void {
    this.at++;
    this.space();
    if (this.text[this.at] === ']') {
      this.at++;
      return;
    }
    for (;;) {
      this.value('looking for beginning of value');
      this.space();
      const next = this.text[this.at];
      if (next !== ',' && next !== ']') this.fail('after array element');
      this.at++;
      if (next === ']') return;
    }
  }
}

class JsonProblem extends Error {}
