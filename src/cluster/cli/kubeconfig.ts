// `minke kubeconfig`: prints the administrator's kubeconfig.
import { existsSync, readFileSync } from 'node:fs';
import { type CommandSpec, UserError } from './command.ts';
import { DATA_DIR, pathsOf } from './options.ts';

export const kubeconfig: CommandSpec = {
  name: 'kubeconfig',
  summary: "print the cluster's kubeconfig",
  options: [DATA_DIR],
  async run(_args, options, io) {
    const { kubeconfig: file, root } = pathsOf(options);
    if (!existsSync(file)) throw new UserError(`there is no cluster in ${root}`, 'minke up starts one');
    io.out(readFileSync(file, 'utf8'));
    return 0;
  },
};
