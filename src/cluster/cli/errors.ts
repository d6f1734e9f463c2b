// What an error means to the person at the keyboard: a sentence, and what to type next. Errors that nobody foresaw keep their stack.
import { isApiError } from '../../machinery/errors.ts';
import { UserError } from '../user-error.ts';

export interface Explained {
  readonly message: string;
  readonly hint?: string;
}

type SystemError = Error & {
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
};

/** undefined: nobody foresaw it. */
export function explain(error: unknown): Explained | undefined {
  if (error instanceof UserError)
    return error.hint === undefined ? { message: error.message } : { message: error.message, hint: error.hint };
  if (isApiError(error)) return { message: error.message };
  if (!(error instanceof Error)) return undefined;
  return explainSystem(error as SystemError);
}

function explainSystem(error: SystemError): Explained | undefined {
  if (error.syscall === 'listen' || error.syscall === 'bind') return explainListening(error);
  const where = error.path === undefined ? '' : `: ${error.path}`;
  switch (error.code) {
    case 'ENOSPC':
      return {
        message: `the disk is full${where}`,
        hint: 'df -h shows it; make room, or take another: --data-dir DIR',
      };
    case 'EROFS':
      return {
        message: `the file system is read-only${where}`,
        hint: 'take a place that can be written: --data-dir DIR',
      };
    case 'EACCES':
    case 'EPERM':
      return { message: `not allowed${where}`, hint: 'the cluster belongs to root; type the same with sudo' };
    case 'ENOENT':
      return error.path === undefined ? undefined : { message: `there is no ${error.path}` };
    case 'ENOTDIR':
    case 'EEXIST':
      return error.path === undefined ? undefined : { message: `${error.path} is a file, not a directory` };
    case 'EISDIR':
      return error.path === undefined ? undefined : { message: `${error.path} is a directory, not a file` };
    case 'EMFILE':
    case 'ENFILE':
      return { message: 'too many open files', hint: 'ulimit -n 65536, and the same again' };
    default:
      return undefined;
  }
}

function explainListening(error: SystemError): Explained | undefined {
  const port = error.port ?? 0;
  switch (error.code) {
    case 'EADDRINUSE':
      return {
        message: `port ${port} of ${error.address ?? 'this host'} is taken by another program`,
        hint: `ss -ltnp 'sport = :${port}' shows which; minke up --port ${port + 1} takes another port`,
      };
    case 'EADDRNOTAVAIL':
      return {
        message: `this host has no address ${error.address ?? ''}`,
        hint: 'ip -brief address shows those it has',
      };
    case 'EACCES':
      return {
        message: `not allowed to listen on port ${port}`,
        hint: 'type the same with sudo, or take a port above 1023',
      };
    default:
      return undefined;
  }
}
