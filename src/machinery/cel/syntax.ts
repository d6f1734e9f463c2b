// From text to tree, and the words of what is wrong with it, as cel-go has them.
import type { ASTNode } from './ast.ts';
import { type Problem, tokensOf } from './lexer.ts';
import { Parser } from './parser.ts';

export type { ASTNode } from './ast.ts';

/** An expression that cannot be compiled; the message is cel-go's. */
export class CelSyntaxError extends Error {}

/** `ERROR: <input>:1:6: problem`, the line, and a mark below it. */
function located(source: string, { at, text }: Problem): string {
  const before = source.slice(0, Math.min(at, source.length));
  const line = before.split('\n').length;
  const column = [...before.slice(before.lastIndexOf('\n') + 1)].length;
  const shown = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${text}\n | ${shown}\n | ${'.'.repeat(column)}^`;
}

/** In the order of their places. */
export function refusal(source: string, problems: readonly Problem[]): CelSyntaxError {
  const sorted = [...problems].sort((a, b) => a.at - b.at);
  return new CelSyntaxError(sorted.map((problem) => located(source, problem)).join('\n'));
}

export function parseExpression(source: string): ASTNode {
  const { tokens, problems } = tokensOf(source);
  const parser = new Parser(tokens);
  const root = parser.start();
  const all = [...problems, ...parser.problems];
  if (all.length > 0) throw refusal(source, all);
  return root;
}
