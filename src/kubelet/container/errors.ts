// Why a container could not be made: the reason its status shows and the message of its event.

/** `reason` goes to `state.waiting.reason`. */
export class StartError extends Error {
  constructor(
    readonly reason: string,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StartError';
  }
}

export function configError(message: string, cause?: unknown): StartError {
  return new StartError('CreateContainerConfigError', message, cause);
}

/** As a runtime's answer over gRPC reads, which is how users know it. */
export function asRpcError(message: string, code = 'Unknown'): string {
  return message.startsWith('rpc error: ') ? message : `rpc error: code = ${code} desc = ${message}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
