// Puts what crun says into the frame that containerd gives it, and any failure into a RuntimeError.
import { ProgramError } from '../../host/programs.ts';
import { RuntimeError, type RuntimeErrorKind } from '../port.ts';

function known(message: string): string {
  return message.replace(/^\S+ error: /, '').trim();
}

/** What the kubelet's users see when a container cannot be started. */
export function startFailure(message: string): string {
  return `failed to create containerd task: failed to create shim task: OCI runtime create failed: ${known(message)}: unknown`;
}

export function execFailure(id: string, message: string): string {
  return `failed to exec in container: failed to start exec "${id}": OCI runtime exec failed: ${known(message)}: unknown`;
}

export function isExecStartFailure(message: string): boolean {
  return /executable file|open executable|exec |chdir|cwd/i.test(message);
}

export function asRuntimeError(error: unknown, kind: RuntimeErrorKind, context = ''): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const missing = error instanceof ProgramError && error.reason === 'missing';
  return new RuntimeError(missing ? 'unavailable' : kind, context === '' ? text : `${context}: ${text}`, error);
}
