// From tokens to the tree. Mistakes are told, and gone on from, as the parser that ANTLR generates for cel-go does.
// Source: https://github.com/google/cel-go/blob/master/parser/gen/CEL.g4 and
// https://github.com/antlr/antlr4/blob/master/doc/parser-rules.md#catching-exceptions
import type { ASTNode, BinaryOperator, StructField } from './ast.ts';
import type { Problem, Token } from './lexer.ts';
import { misusedMacro } from './macro-forms.ts';
import { bytesOf, textOf } from './text-literals.ts';
import { INTEGER_MAX, Uint } from './values.ts';

const ATOMS = ["'['", "'{'", "'('"];
const REST = ["'.'", "'-'", "'!'"];
const LITERALS = ["'true'", "'false'", "'null'", 'NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER'];
const FIRST: ReadonlySet<string> = new Set(
  '[ { ( . - ! true false null FLOAT INT UINT STRING BYTES IDENTIFIER'.split(' '),
);
const OPERATORS: readonly ReadonlySet<string>[] = [
  new Set(['==', '!=', '<', '<=', '>', '>=', 'in']),
  new Set(['+', '-']),
  new Set(['*', '/', '%']),
];
/** What may follow an operand, wherever it stands. */
const AFTER: ReadonlySet<string> = new Set([...OPERATORS.flatMap((set) => [...set]), '&&', '||', '?', '.', '[']);
const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const MAX_DEPTH = 250;

const expression = (extra: { readonly before?: string; readonly after?: string } = {}): string => {
  const { before, after } = extra;
  const parts = [...ATOMS, ...(before === undefined ? [] : [before]), ...REST, ...(after === undefined ? [] : [after])];
  return `{${[...parts, ...LITERALS].join(', ')}}`;
};

/** Thrown where parsing cannot go on; what is wrong has been told. */
class Lost extends Error {}

export class Parser {
  readonly problems: Problem[] = [];
  private next = 0;
  /** After a mistake nothing more is told until something fits again. */
  private isRecovering = false;
  private readonly closers: string[][] = [];
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  private peek(ahead = 0): Token {
    return this.tokens[Math.min(this.next + ahead, this.tokens.length - 1)] as Token;
  }

  private is(...kinds: readonly string[]): boolean {
    return kinds.includes(this.peek().kind);
  }

  private take(): Token {
    const token = this.peek();
    this.next++;
    this.isRecovering = false;
    return token;
  }

  private accept(kind: string): Token | undefined {
    return this.is(kind) ? this.take() : undefined;
  }

  private tell(text: string, at = this.peek().start): void {
    if (!this.isRecovering) this.problems.push({ at, text: `Syntax error: ${text}` });
    this.isRecovering = true;
  }

  private lost(text: string): never {
    this.tell(text);
    throw new Lost();
  }

  /** Goes on where an operand may end. */
  private recover(): void {
    const ends = new Set([...AFTER, ...this.closers.flat(), 'EOF']);
    while (!ends.has(this.peek().kind)) this.next++;
  }

  /** `follows`: whether the next token may stand behind the wanted one, which then was only forgotten. */
  private expect(kind: string, shown: string, follows: (token: Token) => boolean): void {
    if (this.accept(kind) !== undefined) return;
    const found = this.peek().text;
    if (this.peek(1).kind === kind) {
      this.tell(`extraneous input '${found}' expecting ${shown}`);
      this.next++;
      this.take();
    } else if (follows(this.peek())) this.tell(`missing ${shown} at '${found}'`);
    else this.lost(`mismatched input '${found}' expecting ${shown}`);
  }

  private readonly ends = (token: Token): boolean =>
    token.kind === 'EOF' || AFTER.has(token.kind) || this.closers.flat().includes(token.kind);

  /** A superfluous token before an expression is left out. */
  private atExpression(shown: string, also: readonly string[] = []): void {
    const fits = (token: Token): boolean => FIRST.has(token.kind) || also.includes(token.kind);
    if (fits(this.peek())) return;
    if (!this.isRecovering && this.peek().kind !== 'EOF' && fits(this.peek(1))) {
      this.tell(`extraneous input '${this.peek().text}' expecting ${shown}`);
      this.next++;
    } else this.lost(`mismatched input '${this.peek().text}' expecting ${shown}`);
  }

  private within<T>(closers: string[], parse: () => T): T {
    this.closers.push(closers);
    try {
      return parse();
    } finally {
      this.closers.pop();
    }
  }

  /** What a rule throws is gone on from where an operand may end. */
  private guarded(parse: () => ASTNode): ASTNode {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      this.recover();
      return { op: 'value', args: null, at: this.peek().start };
    }
  }

  start(): ASTNode {
    const node = this.expression();
    if (!this.is('EOF')) {
      const found = this.peek().text;
      const isAlone = this.peek(1).kind === 'EOF';
      this.tell(`${isAlone ? 'extraneous' : 'mismatched'} input '${found}' expecting <EOF>`);
    }
    return node;
  }

  private expression(shown = expression()): ASTNode {
    if (++this.depth > MAX_DEPTH) {
      this.problems.push({ at: this.peek().start, text: `expression recursion limit exceeded: ${MAX_DEPTH}` });
      this.next = this.tokens.length - 1;
    }
    const node = this.guarded(() => this.conditional(shown));
    this.depth--;
    return node;
  }

  private conditional(shown: string): ASTNode {
    const condition = this.logical('||', shown);
    const mark = this.accept('?');
    if (mark === undefined) return condition;
    const yes = this.within([':'], () => this.logical('||', expression()));
    this.expect(':', "':'", (token) => FIRST.has(token.kind));
    return { op: '?:', args: [condition, yes, this.expression()], at: mark.start };
  }

  private logical(op: '||' | '&&', shown: string): ASTNode {
    const operand = (what: string) => (op === '||' ? this.logical('&&', what) : this.binary(0, what));
    let left = operand(shown);
    for (let mark = this.accept(op); mark !== undefined; mark = this.accept(op))
      left = { op, args: [left, operand(expression())], at: mark.start };
    return left;
  }

  private binary(level: number, shown: string): ASTNode {
    const operators = OPERATORS[level];
    if (operators === undefined) return this.unary(shown);
    let left = this.binary(level + 1, shown);
    while (operators.has(this.peek().kind)) {
      const mark = this.take();
      left = { op: mark.kind as BinaryOperator, args: [left, this.binary(level + 1, expression())], at: mark.start };
    }
    return left;
  }

  private unary(shown: string): ASTNode {
    return this.guarded(() => {
      this.atExpression(shown, shown.includes("'?'") ? ['?'] : []);
      const mark = this.peek();
      if (mark.kind === '!') return this.repeated('!', '!_');
      if (mark.kind !== '-') return this.member();
      if (this.peek(1).kind === 'INT' || this.peek(1).kind === 'FLOAT') return this.member();
      if (!FIRST.has(this.peek(1).kind)) {
        this.next++;
        this.lost("no viable alternative at input '-'");
      }
      return this.repeated('-', '-_');
    });
  }

  /** Two of the same take one another away. */
  private repeated(kind: '!' | '-', op: '!_' | '-_'): ASTNode {
    const { start } = this.peek();
    let count = 0;
    while (this.accept(kind) !== undefined) count++;
    if (kind === '!' && this.is('EOF')) this.lost(`extraneous input '<EOF>' expecting ${expression()}`);
    const operand = this.member();
    return count % 2 === 0 ? operand : { op, args: operand, at: start };
  }

  private member(): ASTNode {
    let node = this.primary();
    for (;;) {
      if (this.is('.')) node = this.selection(node);
      else if (this.is('[')) node = this.index(node);
      else return node;
    }
  }

  private selection(target: ASTNode): ASTNode {
    const dot = this.take();
    if (this.accept('?') !== undefined) {
      const name = this.peek();
      if (!this.is('IDENTIFIER', 'ESC_IDENTIFIER')) {
        this.tell(`mismatched input '${name.text}' expecting {IDENTIFIER, ESC_IDENTIFIER}`);
        this.problems.push({ at: name.start, text: 'unsupported ident kind' });
        throw new Lost();
      }
      this.take();
      return { op: '.?', args: [target, this.fieldName(name)], at: dot.start };
    }
    const name = this.peek();
    if (this.is('true', 'false', 'null')) this.lost(`mismatched input '${name.text}' expecting IDENTIFIER`);
    if (!this.is('IDENTIFIER', 'ESC_IDENTIFIER'))
      this.lost(`no viable alternative at input '.${name.kind === 'EOF' ? '' : name.text}'`);
    this.take();
    const open = name.kind === 'IDENTIFIER' ? this.accept('(') : undefined;
    if (open === undefined) {
      if (this.is('{')) {
        const type = dotted({ op: '.', args: [target, name.text], at: dot.start });
        if (type !== undefined) return this.struct(type);
      }
      return { op: '.', args: [target, this.fieldName(name)], at: dot.start };
    }
    const args = this.callArguments();
    const node: ASTNode = { op: 'rcall', args: [name.text, target, args], at: open.start };
    this.checkMacro(node);
    return node;
  }

  /** Names in backticks are known to the grammar, but Kubernetes does not take them. */
  private fieldName({ kind, text, start }: Token): string {
    if (kind !== 'ESC_IDENTIFIER') return text;
    this.problems.push({ at: start, text: "unsupported syntax: '`'" });
    return text.slice(1, -1);
  }

  private checkMacro(node: ASTNode): void {
    const problem = misusedMacro(node);
    if (problem !== undefined) this.problems.push(problem);
  }

  private index(target: ASTNode): ASTNode {
    const open = this.take();
    const isOptional = this.accept('?') !== undefined;
    const shown = isOptional ? expression() : expression({ after: "'?'" });
    const key = this.within([']'], () => this.expression(shown));
    this.expect(']', "']'", this.ends);
    return { op: isOptional ? '[?]' : '[]', args: [target, key], at: open.start };
  }

  private callArguments(): ASTNode[] {
    if (this.accept(')') !== undefined) return [];
    const shown = `{${[...ATOMS, "')'", ...REST, ...LITERALS].join(', ')}}`;
    if (!FIRST.has(this.peek().kind) && this.peek(1).kind === ')') {
      this.tell(`extraneous input '${this.peek().text}' expecting ${shown}`);
      this.next++;
      this.take();
      return [];
    }
    const args = this.within([')', ','], () => {
      const all = [this.expression(shown)];
      while (this.accept(',') !== undefined) all.push(this.expression());
      return all;
    });
    this.expect(')', "')'", this.ends);
    return args;
  }

  private primary(): ASTNode {
    const token = this.peek();
    switch (token.kind) {
      case '(': {
        this.take();
        const inner = this.within([')'], () => this.expression());
        this.expect(')', "')'", this.ends);
        return inner;
      }
      case '[':
        return this.list();
      case '{':
        return this.map();
      case '.':
      case 'IDENTIFIER':
        return this.name();
      default:
        return this.literal();
    }
  }

  private name(): ASTNode {
    const isAbsolute = this.accept('.') !== undefined;
    const name = this.peek();
    if (!this.is('IDENTIFIER')) this.lost(`mismatched input '${name.text}' expecting IDENTIFIER`);
    this.take();
    const text = isAbsolute ? `.${name.text}` : name.text;
    if (RESERVED.has(name.text)) this.problems.push({ at: name.start, text: `reserved identifier: ${name.text}` });
    const open = this.accept('(');
    if (open !== undefined) {
      const node: ASTNode = { op: 'call', args: [text, this.callArguments()], at: open.start };
      this.checkMacro(node);
      return node;
    }
    if (this.is('{') && !RESERVED.has(name.text)) return this.struct(text);
    return { op: 'id', args: text, at: name.start };
  }

  /** One after another, with a comma behind the last if need be. */
  private items(close: string, one: (index: number) => void): void {
    this.within([close, ','], () => {
      for (let i = 0; !this.is(close); i++) {
        if (this.is(',') && this.peek(1).kind === close) {
          this.take();
          break;
        }
        one(i);
        if (this.is(close, ',')) {
          if (this.is(',')) this.take();
          continue;
        }
        if (this.peek(1).kind !== close && this.peek(1).kind !== ',')
          this.lost(`mismatched input '${this.peek().text}' expecting {'${close}', ','}`);
        this.tell(`extraneous input '${this.peek().text}' expecting {'${close}', ','}`);
        this.next++;
        this.accept(',');
      }
    });
    this.take();
  }

  private list(): ASTNode {
    const open = this.take();
    const args: ASTNode[] = [];
    const optional = new Set<number>();
    this.items(']', (i) => {
      if (this.accept('?') !== undefined) optional.add(i);
      args.push(this.expression());
    });
    return { op: 'list', args, optional, at: open.start };
  }

  private map(): ASTNode {
    const open = this.take();
    const args: [ASTNode, ASTNode][] = [];
    const optional = new Set<number>();
    this.items('}', (i) => {
      if (this.accept('?') !== undefined) optional.add(i);
      const key = this.within([':'], () => this.expression());
      this.expect(':', "':'", (token) => FIRST.has(token.kind));
      args.push([key, this.expression()]);
    });
    return { op: 'map', args, optional, at: open.start };
  }

  private struct(type: string): ASTNode {
    const open = this.take();
    const fields: StructField[] = [];
    this.items('}', (i) => {
      const optional = this.accept('?') !== undefined;
      if (!this.is('IDENTIFIER', 'ESC_IDENTIFIER'))
        this.lost(
          `mismatched input '${this.peek().text}' expecting {${i === 0 && !optional ? "'}', ',', '?', " : ''}IDENTIFIER, ESC_IDENTIFIER}`,
        );
      const name = this.fieldName(this.take());
      const at = this.peek().start;
      this.expect(':', "':'", (token) => FIRST.has(token.kind));
      fields.push({ name, value: this.expression(), optional, at });
    });
    return { op: 'struct', args: [type, fields], at: open.start };
  }

  private literal(): ASTNode {
    const sign = this.accept('-');
    const { kind, text } = this.peek();
    const { start } = this.take();
    const value = literalOf(kind, `${sign === undefined ? '' : '-'}${text}`);
    if (value === undefined) {
      const what = ({ INT: 'int', UINT: 'uint', FLOAT: 'double', STRING: 'string' } as const)[kind] ?? kind;
      this.problems.push({ at: start, text: `invalid ${what} literal` });
    }
    return { op: 'value', args: value ?? null, at: sign?.start ?? start };
  }
}

/** Names with dots between them, as one. */
export function dotted(node: ASTNode): string | undefined {
  if (node.op === 'id') return node.args;
  if (node.op !== '.') return undefined;
  const before = dotted(node.args[0]);
  return before === undefined ? undefined : `${before}.${node.args[1]}`;
}

function wholeOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

function literalOf(kind: string, text: string): unknown {
  switch (kind) {
    case 'true':
    case 'false':
      return kind === 'true';
    case 'INT': {
      const value = wholeOf(text);
      return value > INTEGER_MAX || value < -INTEGER_MAX - 1n ? undefined : value;
    }
    case 'UINT': {
      const value = wholeOf(text.slice(0, -1));
      return value >= 1n << 64n ? undefined : new Uint(value);
    }
    case 'FLOAT':
      return Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'STRING':
      return textOf(text);
    case 'BYTES':
      return bytesOf(text);
    default:
      return null;
  }
}
