// The option that says who makes the pods' network, and whether the host has what it takes.
import { isAbsolute } from 'node:path';
import { whyNoCniNetwork } from '../../network/index.ts';
import type { ClusterConfig } from '../config.ts';
import { type OptionSpec, type OptionValues, text, UserError } from './command.ts';

const CONFIGURATIONS = '/etc/cni/net.d';
const BINARIES = '/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni';

export const POD_NETWORK_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--pod-network <network>',
    description: `who makes the pods' network: minke, cni (the plugins of ${CONFIGURATIONS}), or a directory of CNI configurations (minke, or as before)`,
  },
  {
    flags: '--cni-bin-dir <directories>',
    description: `where CNI plugins are, separated by colons (${BINARIES}, or as before)`,
  },
];

/** The part of the configuration; undefined: the network is Minke's own. */
export function cniOf(options: OptionValues, before: ClusterConfig['cni']): ClusterConfig['cni'] {
  const asked = options.podNetwork === undefined ? undefined : text(options, 'podNetwork');
  if (asked === 'minke') return undefined;
  const configDirectory = asked === undefined ? before?.configDirectory : asked === 'cni' ? CONFIGURATIONS : asked;
  if (configDirectory === undefined) return undefined;
  if (!isAbsolute(configDirectory))
    throw new UserError(`--pod-network takes minke, cni or the path of a directory, not ${JSON.stringify(asked)}`);
  const given = options.cniBinDir === undefined ? undefined : text(options, 'cniBinDir').split(':');
  const binaries = given ?? before?.binaries ?? BINARIES.split(':');
  const missing = whyNoCniNetwork(configDirectory, binaries);
  if (missing !== undefined)
    throw new UserError(
      `--pod-network: ${missing}`,
      'apt-get install containernetworking-plugins brings the usual plugins',
    );
  return { configDirectory, binaries };
}
