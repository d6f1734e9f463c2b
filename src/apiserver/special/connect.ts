// pods/exec, attach and portforward: checks the request, finds the node, and hands the connection to the streaming protocols.
// Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#-strong-proxy-operations-pod-v1-core-strong-
import type { NodeConnector } from '../../client/node-api.ts';
import { badRequest } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { parseBool } from '../registry/options.ts';
import { admissionRequest } from '../registry/write.ts';
import {
  servePortForward,
  serveRemoteCommand,
  serveStream,
  type UpgradedConnection,
  upgradeKind,
} from '../streaming/index.ts';
import { readOne } from './direct.ts';
import { chooseContainer, nodeApiOf, type StoredPod } from './nodes.ts';

export const UPGRADED_SUBRESOURCES: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

function streamsOf(query: URLSearchParams): Streams {
  return {
    stdin: parseBool(query.get('stdin')),
    stdout: parseBool(query.get('stdout')),
    stderr: parseBool(query.get('stderr')),
    tty: parseBool(query.get('tty')),
  };
}

function checkStreams(streams: Streams): FieldError[] {
  if (streams.stdin || streams.stdout || streams.stderr) return [];
  return [fieldErrors.required(FieldPath.of(), 'must specify at least one of stdin, stdout, stderr')];
}

function checkOptions(kind: 'exec' | 'attach', streams: Streams, command: readonly string[]): void {
  const errors = checkStreams(streams);
  if (kind === 'exec' && command.length === 0) errors.push(fieldErrors.required(FieldPath.of('command')));
  if (errors.length > 0) throw invalid(kind === 'exec' ? 'PodExecOptions' : 'PodAttachOptions', '', '', errors);
}

function nodeOf(pod: StoredPod): string {
  const node = pod.spec?.nodeName ?? '';
  if (node === '') throw badRequest(`pod ${pod.metadata.name ?? ''} does not have a host assigned`);
  return node;
}

async function admitConnect(context: RequestContext, target: Target, kind: string, options: JsonObject): Promise<void> {
  const object = { kind, apiVersion: 'v1', metadata: {}, ...options } as KubeObject;
  const request = admissionRequest(context, target, {
    operation: 'CONNECT',
    object,
    old: undefined,
    dryRun: false,
    options: null,
  });
  await context.kernel.admission.admit(request);
  await context.kernel.admission.validate(request);
}

function portsOf(query: URLSearchParams): number[] {
  return query.getAll('ports').flatMap((text) =>
    text.split(',').map((one) => {
      const port = Number(one);
      if (!Number.isInteger(port) || port < 1 || port > 65535)
        throw badRequest(`unable to parse ${JSON.stringify(one)} as a port`);
      return port;
    }),
  );
}

/** Everything that may be refused is refused before the connection is taken over; what is returned serves it. */
export type Takeover = (connection: UpgradedConnection) => Promise<void>;

async function prepareForward(
  context: RequestContext,
  target: Target,
  connector: NodeConnector | undefined,
): Promise<Takeover> {
  const pod = await readOne<StoredPod>(context.kernel, target.entry, target.namespace, target.name);
  await admitConnect(context, target, 'PodPortForwardOptions', {});
  const ports = portsOf(context.request.query);
  checkUpgrade(context);
  const api = await nodeApiOf(connector, nodeOf(pod));
  const uid = pod.metadata.uid ?? '';
  const where = { namespace: target.namespace, pod: target.name, uid };
  return (connection) =>
    servePortForward(connection, { ...where, ports }, (port, stream) => api.portForward(where, port, stream));
}

async function prepareCommand(
  context: RequestContext,
  target: Target,
  connector: NodeConnector | undefined,
): Promise<Takeover> {
  const kind = target.subresource === 'exec' ? 'exec' : 'attach';
  const { query } = context.request;
  const pod = await readOne<StoredPod>(context.kernel, target.entry, target.namespace, target.name);
  const streams = streamsOf(query);
  const command = query.getAll('command');
  checkOptions(kind, streams, command);
  const container = chooseContainer({ pod, wanted: query.get('container') ?? '' });
  await admitConnect(context, target, kind === 'exec' ? 'PodExecOptions' : 'PodAttachOptions', {
    ...streams,
    container,
    command,
  });
  checkUpgrade(context);
  const api = await nodeApiOf(connector, nodeOf(pod));
  const where = { namespace: target.namespace, pod: target.name, uid: pod.metadata.uid ?? '', container };
  return (connection) =>
    serveRemoteCommand(connection, { kind, command, ...streams }, (io) =>
      kind === 'exec' ? api.exec(where, command, io) : api.attach(where, io),
    );
}

/** Without an upgrade these paths say what is wrong with the request, and else that they need one. */
export function connectHandler(connector: NodeConnector | undefined) {
  return async (context: RequestContext, target: Target): Promise<WireResponse> => {
    await prepareUpgrade(context, target, connector);
    throw badRequest('Upgrade request required');
  };
}

function checkUpgrade(context: RequestContext): void {
  if (upgradeKind(context.request) === undefined) throw badRequest('Upgrade request required');
}

export function prepareUpgrade(
  context: RequestContext,
  target: Target,
  connector: NodeConnector | undefined,
): Promise<Takeover> {
  return target.subresource === 'portforward'
    ? prepareForward(context, target, connector)
    : prepareCommand(context, target, connector);
}

interface Streaming {
  readonly target: Target;
  readonly handler: (context: RequestContext, target: Target) => Promise<WireResponse>;
}

/** Logs and watches over a WebSocket: the request is served as ever, and its answer goes out as messages, or as a refusal. */
export async function prepareStream(context: RequestContext, route: Streaming): Promise<Takeover | WireResponse> {
  const { verb } = context.info;
  const isLog = route.target.subresource === 'log' && verb === 'get';
  if (upgradeKind(context.request) !== 'websocket' || !(isLog || verb === 'watch')) {
    throw badRequest('this path cannot be upgraded');
  }
  const answer = await route.handler(context, route.target);
  if (answer.status >= 400) return answer;
  return (connection) => serveStream(connection, answer.body, isLog ? 'bytes' : 'events');
}
