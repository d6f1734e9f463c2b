// An error that a person can mend: told in a sentence, with what to type next, and without a stack.

export class UserError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
    this.name = 'UserError';
  }
}
