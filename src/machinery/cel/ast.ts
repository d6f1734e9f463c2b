// The tree of an expression.

/** `at`: where in the text cel-go says that a part is: at an operator, at the parenthesis of a call. */
interface Placed {
  readonly at: number;
}

export type BinaryOperator = '==' | '!=' | 'in' | '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=';

interface BinaryParts {
  readonly op: BinaryOperator;
  readonly args: readonly [ASTNode, ASTNode];
}

export type BinaryNode = Placed & BinaryParts;
export type SelectNode = Placed & { readonly op: '.'; readonly args: readonly [ASTNode, string] };

/** A field of an object's literal; `at` is its colon. */
export interface StructField extends Placed {
  readonly name: string;
  readonly value: ASTNode;
  /** There only when the value is. */
  readonly optional: boolean;
}

export type ASTNode = Placed &
  (
    | { readonly op: 'value'; readonly args: unknown }
    | { readonly op: 'id'; readonly args: string }
    | { readonly op: '.'; readonly args: readonly [ASTNode, string] }
    | { readonly op: '.?'; readonly args: readonly [ASTNode, string] }
    | { readonly op: '[]' | '[?]'; readonly args: readonly [ASTNode, ASTNode] }
    | { readonly op: 'call'; readonly args: readonly [string, readonly ASTNode[]] }
    | { readonly op: 'rcall'; readonly args: readonly [string, ASTNode, readonly ASTNode[]] }
    /** `optional`: which of them are there only when they have a value. */
    | { readonly op: 'list'; readonly args: readonly ASTNode[]; readonly optional: ReadonlySet<number> }
    | {
        readonly op: 'map';
        readonly args: readonly (readonly [ASTNode, ASTNode])[];
        readonly optional: ReadonlySet<number>;
      }
    | { readonly op: 'struct'; readonly args: readonly [string, readonly StructField[]] }
    | { readonly op: '?:'; readonly args: readonly [ASTNode, ASTNode, ASTNode] }
    | { readonly op: '||' | '&&'; readonly args: readonly [ASTNode, ASTNode] }
    | { readonly op: '!_' | '-_'; readonly args: ASTNode }
    | BinaryParts
  );
