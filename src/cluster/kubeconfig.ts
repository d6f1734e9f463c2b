// Kubeconfig files: the cluster's own, and the context that is merged into the user's, as kind does.
// Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { writeFileAtomicSync } from './files.ts';

export interface KubeconfigInput {
  /** Name of cluster, user and context. */
  readonly name: string;
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Named {
  name: string;
  [key: string]: unknown;
}

interface Kubeconfig {
  apiVersion: 'v1';
  kind: 'Config';
  preferences?: Record<string, unknown>;
  clusters: Named[];
  users: Named[];
  contexts: Named[];
  'current-context': string;
}

const b64 = (text: string) => Buffer.from(text).toString('base64');

function entries(input: KubeconfigInput): Pick<Kubeconfig, 'clusters' | 'users' | 'contexts'> {
  return {
    clusters: [{ name: input.name, cluster: { server: input.server, 'certificate-authority-data': b64(input.ca) } }],
    users: [
      { name: input.name, user: { 'client-certificate-data': b64(input.cert), 'client-key-data': b64(input.key) } },
    ],
    contexts: [{ name: input.name, context: { cluster: input.name, user: input.name } }],
  };
}

export function kubeconfigText(input: KubeconfigInput): string {
  const config: Kubeconfig = { apiVersion: 'v1', kind: 'Config', ...entries(input), 'current-context': input.name };
  return stringify(config);
}

/** The file that kubectl would change: the first of $KUBECONFIG, else ~/.kube/config. */
export function userKubeconfigPath(env: NodeJS.ProcessEnv = process.env): string {
  const first = (env.KUBECONFIG ?? '').split(':').find((p) => p !== '');
  return first ?? join(env.HOME ?? homedir(), '.kube', 'config');
}

function readConfig(text: string): Kubeconfig {
  const raw: Partial<Kubeconfig> | null = parse(text);
  return {
    apiVersion: 'v1',
    kind: 'Config',
    ...raw,
    clusters: raw?.clusters ?? [],
    users: raw?.users ?? [],
    contexts: raw?.contexts ?? [],
    'current-context': raw?.['current-context'] ?? '',
  };
}

const without = (list: readonly Named[], name: string) => list.filter((x) => x.name !== name);

/** The user's kubeconfig with this cluster's context in it and made current. Other entries stay as they are. */
export function withContext(text: string, input: KubeconfigInput): string {
  const config = readConfig(text);
  const ours = entries(input);
  return stringify({
    ...config,
    clusters: [...without(config.clusters, input.name), ...ours.clusters],
    users: [...without(config.users, input.name), ...ours.users],
    contexts: [...without(config.contexts, input.name), ...ours.contexts],
    'current-context': input.name,
  });
}

/** The user's kubeconfig without this cluster. */
export function withoutContext(text: string, name: string): string {
  const config = readConfig(text);
  return stringify({
    ...config,
    clusters: without(config.clusters, name),
    users: without(config.users, name),
    contexts: without(config.contexts, name),
    'current-context': config['current-context'] === name ? '' : config['current-context'],
  });
}

export function mergeIntoUserKubeconfig(path: string, input: KubeconfigInput): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  writeFileAtomicSync(path, withContext(text, input), 0o600);
}

export function removeFromUserKubeconfig(path: string, name: string): void {
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  const next = withoutContext(text, name);
  if (next !== stringify(readConfig(text))) writeFileAtomicSync(path, next, 0o600);
}
