// From text to tree: the parser is bought; positions and the words of errors are made as cel-go makes them.
import { type ASTNode, Environment } from '@marcbachmann/cel-js';

export type { ASTNode };

/** An expression that cannot be compiled; the message is cel-go's. */
export class CelSyntaxError extends Error {}

const parser = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 10_000, maxDepth: 200, maxListElements: 1000, maxMapEntries: 1000, maxCallArguments: 32 },
});

/** `ERROR: <input>:1:6: problem`, the line, and a mark below it. */
export function locate(source: string, offset: number, problem: string): string {
  const before = source.slice(0, Math.min(offset, source.length));
  const line = before.split('\n').length;
  const column = before.length - (before.lastIndexOf('\n') + 1);
  const text = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${problem}\n | ${text}\n | ${'.'.repeat(column)}^`;
}

export function parseExpression(source: string): ASTNode {
  try {
    return parser.parse(source).ast;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [problem = text] = text.split('\n');
    const column = /^\s*\|\s?(\s*)\^/m.exec(text.split('\n').slice(2).join('\n'))?.[1]?.length;
    const mark = /\n( *)\^/.exec(text)?.[1]?.length;
    const offset = column ?? Math.max(0, (mark ?? 9) - 9);
    throw new CelSyntaxError(
      locate(source, offset, `Syntax error: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`),
    );
  }
}

/** Where the operator between two operands stands. */
export function operatorOffset(source: string, left: ASTNode, right: ASTNode, operator: string): number {
  const found = source.indexOf(operator, left.end);
  return found >= 0 && found < right.end ? found : left.end;
}
