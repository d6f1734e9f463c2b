// Label selectors: the text of `labelSelector`, and the objects in specs.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
import { badRequest } from './errors.ts';
import { isQualifiedName, isValidLabelValue } from './names.ts';
import { compareText } from './order.ts';

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** In order, without doubles. */
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** The object form, in specs. */
export interface LabelSelectorObject {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

const INTEGER = /^[+-]?\d+$/;
const MAX_INT64 = 2n ** 63n - 1n;
const isInt64 = (text: string): boolean =>
  INTEGER.test(text) && BigInt(text.replace('+', '')) <= MAX_INT64 && BigInt(text.replace('+', '')) >= -MAX_INT64 - 1n;
const BINARY = 'in, notin, =, ==, !=, gt, lt';

function compare(requirement: LabelRequirement, label: string): boolean {
  const wanted = requirement.values[0] ?? '';
  if (!INTEGER.test(label) || !INTEGER.test(wanted)) return false;
  return requirement.operator === 'gt' ? BigInt(label) > BigInt(wanted) : BigInt(label) < BigInt(wanted);
}

export function requirementMatches(requirement: LabelRequirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    default:
      return value !== undefined && compare(requirement, value);
  }
}

function requirementText(r: LabelRequirement): string {
  switch (r.operator) {
    case 'exists':
      return r.key;
    case '!':
      return `!${r.key}`;
    case 'in':
    case 'notin':
      return `${r.key} ${r.operator} (${r.values.join(',')})`;
    case 'gt':
      return `${r.key}>${r.values[0] ?? ''}`;
    case 'lt':
      return `${r.key}<${r.values[0] ?? ''}`;
    default:
      return `${r.key}${r.operator}${r.values[0] ?? ''}`;
  }
}

export class LabelSelector {
  constructor(
    readonly requirements: readonly LabelRequirement[],
    /** The selector of an absent object: it matches nothing at all. */
    private readonly none = false,
  ) {}

  static readonly everything = new LabelSelector([]);
  static readonly nothing = new LabelSelector([], true);

  matches(labels: Labels | undefined): boolean {
    if (this.none) return false;
    for (const requirement of this.requirements) if (!requirementMatches(requirement, labels)) return false;
    return true;
  }

  /** Whether it restricts nothing. */
  get empty(): boolean {
    return !this.none && this.requirements.length === 0;
  }

  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

const OBJECT_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** The selector of a spec. Absent selects nothing, empty selects all. The spec is taken as validated: unknown operators throw. */
export function selectorFromObject(selector: LabelSelectorObject | null | undefined): LabelSelector {
  if (selector === null || selector === undefined) return LabelSelector.nothing;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    requirements.push({ key, operator: '=', values: [value] });
  for (const expression of selector.matchExpressions ?? []) {
    const operator = OBJECT_OPERATORS[expression.operator];
    if (operator === undefined)
      throw badRequest(`${JSON.stringify(expression.operator)} is not a valid label selector operator`);
    requirements.push({ key: expression.key, operator, values: unique(expression.values ?? []) });
  }
  return new LabelSelector(requirements.sort((a, b) => compareText(a.key, b.key)));
}

/** The selector that wants exactly these labels (Services, ReplicationControllers). An empty set selects all. */
export function selectorFromLabels(labels: Labels): LabelSelector {
  return selectorFromObject({ matchLabels: labels });
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].sort(compareText);
}

interface Token {
  readonly type: 'end' | 'name' | 'symbol' | 'error';
  readonly text: string;
}

const SYMBOLS = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const SPECIAL = new Set(['=', '!', '(', ')', ',', '>', '<']);

/** The longest symbol that begins at `at`. */
function symbolAt(text: string, at: number): Token {
  const pair = text.slice(at, at + 2);
  return { type: 'symbol', text: SYMBOLS.has(pair) ? pair : text.slice(at, at + 1) };
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const ch = text[at] ?? '';
    if (/[ \t\r\n]/.test(ch)) {
      at++;
      continue;
    }
    if (SPECIAL.has(ch)) {
      const token = symbolAt(text, at);
      tokens.push(token);
      at += token.text.length;
      continue;
    }
    const start = at;
    while (at < text.length && !SPECIAL.has(text[at] ?? '') && !/[ \t\r\n]/.test(text[at] ?? '')) at++;
    tokens.push({ type: 'name', text: text.slice(start, at) });
  }
  tokens.push({ type: 'end', text: '' });
  return tokens;
}

const END: Token = { type: 'end', text: '' };

class Parser {
  private at = 0;
  constructor(private readonly tokens: readonly Token[]) {}

  private peek(): Token {
    return this.tokens[this.at] ?? END;
  }

  private next(): Token {
    return this.tokens[this.at++] ?? END;
  }

  private static is(token: Token, symbol: string): boolean {
    return token.type === 'symbol' && token.text === symbol;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const token = this.peek();
      if (token.type === 'end') return requirements;
      if (token.type !== 'name' && !Parser.is(token, '!')) {
        throw badRequest(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.requirement());
      const after = this.next();
      if (after.type === 'end') return requirements;
      if (!Parser.is(after, ',')) throw badRequest(`found '${after.text}', expected: ',' or 'end of string'`);
      const follows = this.peek();
      if (follows.type !== 'name' && !Parser.is(follows, '!')) {
        throw badRequest(`found '${follows.text}', expected: identifier after ','`);
      }
    }
  }

  private fail(message: string): never {
    throw badRequest(`unable to parse requirement: ${message}`);
  }

  private requirement(): LabelRequirement {
    const absent = Parser.is(this.peek(), '!');
    if (absent) this.next();
    const token = this.next();
    if (token.type !== 'name') this.fail(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const problems = isQualifiedName(key);
    if (problems.length > 0) this.fail(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
    if (absent) return { key, operator: '!', values: [] };
    const follows = this.peek();
    if (follows.type === 'end' || Parser.is(follows, ',')) return { key, operator: 'exists', values: [] };
    const operator = this.operator();
    const values = unique(operator === 'in' || operator === 'notin' ? this.valueList() : [this.exactValue()]);
    this.checkValues(key, operator, values);
    return { key, operator, values };
  }

  private operator(): LabelOperator {
    const token = this.next();
    const known: Readonly<Record<string, LabelOperator>> = {
      in: 'in',
      notin: 'notin',
      '=': '=',
      '==': '==',
      '!=': '!=',
      '>': 'gt',
      '<': 'lt',
    };
    const operator = Object.hasOwn(known, token.text) ? known[token.text] : undefined;
    return operator ?? this.fail(`found '${token.text}', expected: ${BINARY}`);
  }

  private exactValue(): string {
    const follows = this.peek();
    if (follows.type === 'end' || Parser.is(follows, ',')) return '';
    const token = this.next();
    return token.type === 'name' ? token.text : this.fail(`found '${token.text}', expected: identifier`);
  }

  private valueList(): string[] {
    const open = this.next();
    if (!Parser.is(open, '(')) this.fail(`found '${open.text}' expected: '('`);
    const first = this.peek();
    if (Parser.is(first, ')')) {
      this.next();
      return [''];
    }
    if (first.type !== 'name' && !Parser.is(first, ','))
      this.fail(`found '${first.text}', expected: ',', ')' or identifier`);
    const values: string[] = [];
    for (;;) {
      const token = this.next();
      const follows = this.peek();
      if (token.type === 'name') {
        values.push(token.text);
        if (Parser.is(follows, ')')) break;
        if (!Parser.is(follows, ',')) this.fail(`found '${follows.text}', expected: ',' or ')'`);
      } else if (Parser.is(token, ',')) {
        if (values.length === 0 || Parser.is(follows, ',') || Parser.is(follows, ')')) values.push('');
        if (Parser.is(follows, ')')) break;
      } else this.fail(`found '${token.text}', expected: ',', or identifier`);
    }
    this.next();
    return values;
  }

  private checkValues(key: string, operator: LabelOperator, values: readonly string[]): void {
    const problems: string[] = [];
    if (operator === 'gt' || operator === 'lt') {
      values.forEach((v, i) => {
        if (!isInt64(v)) {
          problems.push(
            `values[${i}]: Invalid value: ${JSON.stringify(v)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        }
      });
    }
    values.forEach((v, i) => {
      const wrong = isValidLabelValue(v);
      if (wrong.length > 0)
        problems.push(`values[${i}][${key}]: Invalid value: ${JSON.stringify(v)}: ${wrong.join('; ')}`);
    });
    if (problems.length === 1) this.fail(problems[0] ?? '');
    if (problems.length > 1) this.fail(`[${problems.join(', ')}]`);
  }
}

/** Throws a BadRequest in Kubernetes' words. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text === '') return LabelSelector.everything;
  const requirements = new Parser(tokenize(text)).parse();
  return new LabelSelector(requirements.sort((a, b) => compareText(a.key, b.key)));
}
