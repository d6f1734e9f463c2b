// Starts the controllers of the table.
import type { Client } from '../client/index.ts';
import type { ControllerContext } from './shared/context.ts';
import { CONTROLLERS } from './table.ts';

export interface StartOptions extends Omit<ControllerContext, 'client'> {
  /** A client that acts as a service account in kube-system. */
  readonly clientFor: (account: string) => Client;
  /** Names of the controllers to leave out. */
  readonly without?: readonly string[];
}

/** They run until the signal comes. The informers are started by whoever made them. */
export function startControllers(options: StartOptions): void {
  for (const row of CONTROLLERS) {
    if (options.without?.includes(row.name)) continue;
    row.start({ ...options, client: options.clientFor(row.account) });
  }
}
