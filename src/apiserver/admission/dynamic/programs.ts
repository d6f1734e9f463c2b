// Compiled expressions of webhooks and policies, kept by their text.
import { type CelProgram, compileCel } from '../../../machinery/cel/index.ts';
import { admissionEnvironment, type ExpressionScope } from '../../../resources/index.ts';

/** Said when what several expressions may cost together is used up. */
export const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run';

const MAX_PROGRAMS = 2000;

export class Programs {
  private readonly known = new Map<string, CelProgram>();
  private readonly environment: ReturnType<typeof admissionEnvironment>;

  constructor(scope: ExpressionScope) {
    this.environment = admissionEnvironment(scope);
  }

  /** Throws CelSyntaxError. */
  of(expression: string): CelProgram {
    let program = this.known.get(expression);
    if (program === undefined) {
      program = compileCel(expression, this.environment.types, this.environment.structs);
      if (this.known.size > MAX_PROGRAMS) this.known.clear();
      this.known.set(expression, program);
    }
    return program;
  }
}

/** A failed expression, in Kubernetes' words. */
export function expressionError(expression: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `expression '${expression.trim()}' resulted in error: ${text}`;
}
