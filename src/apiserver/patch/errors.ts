// The few errors that patches share.
import { ApiError, badRequest } from '../../machinery/errors.ts';
import { FieldPath, fieldErrors } from '../../machinery/field-error.ts';

/** A JSON patch that could not be carried out: Kubernetes says no more than this about it. */
export function unprocessable(cause: string | Error): ApiError {
  return new ApiError({
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
    cause: typeof cause === 'string' ? new Error(cause) : cause,
  });
}

/** What a `test` asked for was not so. */
export class TestFailed extends Error {}

export function tooManyOperations(limit: number, got: number): ApiError {
  return new ApiError({
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: The allowed maximum operations in a JSON patch is ${limit}, got ${got}`,
  });
}

/** An error that Kubernetes lets fall through without a reason of its own. */
export function plainError(message: string): ApiError {
  return new ApiError({ reason: '', code: 500, message });
}

export function decodingError(message: string): ApiError {
  return badRequest(`error decoding patch: ${message}`);
}

/** The result of a patch does not fit its type, or has fields that it should not have. `shown` is what was tried. */
export function invalidPatch(shown: string, problem: string): ApiError {
  const error = fieldErrors.invalid(FieldPath.of('patch'), shown, problem);
  return new ApiError({
    reason: 'Invalid',
    message: ` "" is invalid: ${error.field}: ${error.body}`,
    details: { causes: [{ reason: error.type, message: error.body, field: error.field }] },
  });
}
