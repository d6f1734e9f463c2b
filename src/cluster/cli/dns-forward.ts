// The option that says of whom names outside the cluster are asked.
import { parseForwardTo } from '../../network/index.ts';
import { type OptionSpec, type OptionValues, text, UserError } from './command.ts';

/** What tests and closed networks set, so that nothing they start asks a server of elsewhere. */
const ENVIRONMENT = process.env.MINKE_DNS_FORWARD;

export const DNS_FORWARD: OptionSpec = {
  flags: '--dns-forward <servers>',
  description:
    "whom the cluster's DNS asks for names of elsewhere: host (the servers of /etc/resolv.conf), none, or addresses separated by commas (host, or as before)",
  ...(ENVIRONMENT === undefined || ENVIRONMENT === '' ? {} : { default: ENVIRONMENT }),
};

export function dnsForwardOf(options: OptionValues, before = 'host'): string {
  if (options.dnsForward === undefined) return before;
  const asked = text(options, 'dnsForward');
  try {
    parseForwardTo(asked);
    return asked;
  } catch (error) {
    throw new UserError(`--dns-forward ${(error as Error).message}`);
  }
}
