// `minke why pod/NAME`: says in plain words what keeps a pod from running, and what to type.
import { createClient, EVENTS, httpsTransport, NODES, PODS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { diagnose } from '../why/rules.ts';
import { viewOf } from '../why/view.ts';
import { answer, languageOf } from '../why/words.ts';
import { type CommandSpec, text, UserError } from './command.ts';
import { runningServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';
import { kubeconfigInput } from './up.ts';

export const why: CommandSpec = {
  name: 'why',
  summary: 'say in plain words why a pod does not run, and what to type (English or Korean, by locale)',
  args: ['<pod>'],
  options: [
    DATA_DIR,
    { flags: '-n, --namespace <namespace>', description: 'the namespace of the pod', default: 'default' },
  ],
  async run([target = ''], options, io) {
    const paths = pathsOf(options);
    const running = runningServer(paths);
    if (running === undefined) throw new UserError(`no cluster runs in ${paths.root}`, 'minke up starts one');
    const name = target.replace(/^(po|pod|pods)\//, '');
    const namespace = text(options, 'namespace');
    const transport = httpsTransport(kubeconfigInput(running.config));
    const client = createClient({ transport, userAgent: 'minke' });
    const pod = await client
      .resource(PODS)
      .get(namespace, name)
      .catch((error: unknown) => {
        throw isApiError(error, 'NotFound') ? new UserError(error.message, `kubectl get pods -n ${namespace}`) : error;
      });
    const [events, nodes] = await Promise.all([
      client
        .resource(EVENTS)
        .list(namespace, { fieldSelector: `involvedObject.name=${name},involvedObject.uid=${pod.metadata.uid ?? ''}` }),
      client.resource(NODES).list(''),
    ]);
    const sorted = [...events.items].sort((a, b) =>
      (a.lastTimestamp ?? a.eventTime ?? '') < (b.lastTimestamp ?? b.eventTime ?? '') ? -1 : 1,
    );
    const images = nodes.items.flatMap((n) => (n.status?.images ?? []).flatMap((i) => i.names ?? []));
    const { id, facts } = diagnose(viewOf(pod, sorted, images));
    const { wrong, type } = answer(id, facts, languageOf(io.env));
    io.out(`${wrong}\n`);
    for (const line of type) io.out(`  ${line}\n`);
    return 0;
  },
};
