// `minke why [pod/NAME | deploy/NAME …]`: says in plain words what keeps pods from running, and what to type.
import { type Client, createClient, EVENTS, httpsTransport, NODES } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { Transport } from '../../machinery/http.ts';
import type { Node, Pod } from '../../resources/generated/core-v1.ts';
import { type Diagnosis, diagnose } from '../why/rules.ts';
import { type Subject, subjectOf } from '../why/subject.ts';
import { type PodEvent, type PodView, viewOf } from '../why/view.ts';
import { answer, type Language, languageOf } from '../why/words.ts';
import { type CommandIo, type CommandSpec, text, UserError } from './command.ts';
import { runningServer } from './daemon.ts';
import { DATA_DIR, pathsOf } from './options.ts';
import { kubeconfigInput } from './up.ts';

const LOG_LINES = 5;
const WELL = ['well', 'succeeded'];

interface Asking {
  readonly client: Client;
  readonly transport: Transport;
  readonly nodes: readonly Node[];
}

export const why: CommandSpec = {
  name: 'why',
  summary: 'say in plain words why pods do not run, and what to type (English or Korean, by locale)',
  args: ['[target]'],
  options: [
    DATA_DIR,
    { flags: '-n, --namespace <namespace>', description: 'the namespace of the pods', default: 'default' },
  ],
  async run([target = ''], options, io) {
    const paths = pathsOf(options);
    const running = runningServer(paths);
    if (running === undefined) throw new UserError(`no cluster runs in ${paths.root}`, 'minke up starts one');
    const namespace = text(options, 'namespace');
    const transport = httpsTransport(kubeconfigInput(running.config));
    const client = createClient({ transport, userAgent: 'minke' });
    const [subject, nodes] = await Promise.all([
      subjectOf(client, namespace, target).catch((error: unknown) => {
        throw isApiError(error, 'NotFound') ? new UserError(error.message, `kubectl get all -n ${namespace}`) : error;
      }),
      client.resource(NODES).list(''),
    ]);
    await tell({ client, transport, nodes: nodes.items }, subject, io);
    return 0;
  },
};

/** One pod is told about in any case; of several, those that something is wrong with. */
async function tell(asking: Asking, subject: Subject, io: CommandIo): Promise<void> {
  const language = languageOf(io.env);
  if (subject.without !== undefined) return print(subject.without, language, io);
  const [only] = subject.pods;
  if (subject.pods.length === 1 && only !== undefined) return print(await examine(asking, only), language, io);
  let told = 0;
  for (const pod of subject.pods) {
    const diagnosis = await examine(asking, pod);
    if (WELL.includes(diagnosis.id)) continue;
    io.out(`${told++ === 0 ? '' : '\n'}pod/${pod.metadata.name ?? ''}\n`);
    print(diagnosis, language, io);
  }
  if (told === 0) io.out(allWell(subject.pods.length, language));
}

function allWell(count: number, language: Language): string {
  if (language === 'ko')
    return count === 0 ? '이 네임스페이스에 Pod가 없습니다.\n' : `문제가 없습니다: Pod ${count}개 모두 정상입니다.\n`;
  return count === 0 ? 'There are no pods in this namespace.\n' : `Nothing is wrong with any of ${count} pods.\n`;
}

function print({ id, facts }: Diagnosis, language: Language, io: CommandIo): void {
  const { wrong, log, type } = answer(id, facts, language);
  io.out(`${wrong}\n`);
  for (const line of log) io.out(`  | ${line}\n`);
  for (const line of type) io.out(`  ${line}\n`);
}

async function examine(asking: Asking, pod: Pod): Promise<Diagnosis> {
  const { client, nodes } = asking;
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  const fieldSelector = `involvedObject.name=${name},involvedObject.uid=${uid}`;
  const found = await client.resource(EVENTS).list(namespace, { fieldSelector });
  const events: PodEvent[] = [...found.items].sort((a, b) =>
    (a.lastTimestamp ?? a.eventTime ?? '') < (b.lastTimestamp ?? b.eventTime ?? '') ? -1 : 1,
  );
  const view = viewOf(pod, { events, nodes });
  const first = diagnose(view);
  // What ended a container is often said in its log only.
  return 'log' in first.facts ? diagnose(await withLog(asking, view, first.facts.container ?? '')) : first;
}

async function withLog({ transport }: Asking, view: PodView, container: string): Promise<PodView> {
  const { namespace = '', name = '' } = view.pod.metadata;
  const response = await transport({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${name}/log`,
    query: new URLSearchParams({ container, tailLines: String(LOG_LINES) }),
    headers: {},
  });
  const { status, body } = response;
  const lines = status === 200 && body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '';
  return { ...view, logs: new Map([[container, lines]]) };
}
