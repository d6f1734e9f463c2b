// Puts what crun says into the words that containerd's users know, and any failure into a RuntimeError.
import { ProgramError } from '../../host/programs.ts';
import { RuntimeError, type RuntimeErrorKind } from '../port.ts';

/** crun names the program in backquotes; everybody knows the sentence of Go's exec package. */
function known(message: string): string {
  const lost = /executable file `([^`]*)` not found(?: in \$PATH)?/.exec(message)?.[1];
  if (lost === undefined) return message.replace(/^\S+ error: /, '').trim();
  return lost.includes('/')
    ? `exec: "${lost}": stat ${lost}: no such file or directory`
    : `exec: "${lost}": executable file not found in $PATH`;
}

/** What the kubelet's users see when a container cannot be started. */
export function startFailure(message: string): string {
  return `failed to create containerd task: failed to create shim task: OCI runtime create failed: ${known(message)}: unknown`;
}

export function execFailure(message: string): string {
  return `OCI runtime exec failed: exec failed: unable to start container process: ${known(message)}: unknown`;
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
