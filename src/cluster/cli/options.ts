// Options that several commands share.
import { type ClusterPaths, clusterPaths, DEFAULT_DATA_DIR } from '../config.ts';
import { type OptionSpec, type OptionValues, text } from './command.ts';

export const DATA_DIR: OptionSpec = {
  flags: '--data-dir <dir>',
  description: 'where the cluster keeps its data',
  default: process.env.MINKE_DATA_DIR ?? DEFAULT_DATA_DIR,
};

export function pathsOf(options: OptionValues): ClusterPaths {
  return clusterPaths(text(options, 'dataDir'));
}
