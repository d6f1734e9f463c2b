// The files of configMap, secret, downwardAPI and projected volumes.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/
import type {
  ClusterTrustBundleProjection,
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  PodCertificateProjection,
  ProjectedVolumeSource,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '../../resources/generated/core-v1.ts';
import type { ObjectSource } from '../container/env.ts';
import { messageOf } from '../container/errors.ts';
import { type FieldContext, fieldValue, resourceValue } from '../container/fields.ts';
import { namesOf } from '../pod/identity.ts';
import type { PayloadFile } from './atomic-writer.ts';
import type { Credentials } from './pod-certificates.ts';

/** Gets tokens for the pod's service account; kept and renewed by who hands it in. */
export type TokenSource = (pod: Pod, source: ServiceAccountTokenProjection) => Promise<string>;

/** Reads the certificates of the trust bundles that a source selects. */
export type TrustSource = (source: ClusterTrustBundleProjection) => Promise<string>;

/** The key and the chain for one source of one volume; throws until a signer has issued them. */
export type CertificateSource = (place: string, source: PodCertificateProjection) => Credentials;

export interface PayloadContext {
  readonly pod: Pod;
  readonly fields: FieldContext;
  readonly objects: ObjectSource;
  readonly token: TokenSource;
  readonly trust: TrustSource;
  readonly certificate: CertificateSource;
  /** The one user of all containers, if there is one: the owner of token files. */
  readonly user: number | undefined;
  readonly fsGroup: number | undefined;
}

type Files = Map<string, PayloadFile>;

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as { reason?: unknown }).reason === 'NotFound';
}

interface KeyedInput {
  readonly data: ReadonlyMap<string, Uint8Array>;
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
  readonly mode: number;
  readonly what: 'configmap references non-existent config' | 'references non-existent secret';
}

function keyed(input: KeyedInput, out: Files): void {
  if (input.items === undefined || input.items.length === 0) {
    for (const [name, data] of input.data) out.set(name, { data, mode: input.mode });
    return;
  }
  for (const item of input.items) {
    const data = input.data.get(item.key);
    if (data === undefined) {
      if (input.optional) continue;
      throw new Error(`${input.what} key: ${item.key}`);
    }
    out.set(item.path, { data, mode: item.mode ?? input.mode });
  }
}

function configData(map: ConfigMap | undefined): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const [k, v] of Object.entries(map?.data ?? {})) out.set(k, Buffer.from(v, 'utf8'));
  for (const [k, v] of Object.entries(map?.binaryData ?? {})) out.set(k, Buffer.from(v, 'base64'));
  return out;
}

function secretData(secret: Secret | undefined): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const [k, v] of Object.entries(secret?.data ?? {})) out.set(k, Buffer.from(v, 'base64'));
  return out;
}

async function load<T>(promise: Promise<T>, optional: boolean): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (optional && isMissing(error)) return undefined;
    throw error;
  }
}

interface KeyedSource {
  readonly name: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
  readonly mode: number;
}

async function addConfigMap(context: PayloadContext, source: KeyedSource, out: Files): Promise<void> {
  const { namespace } = namesOf(context.pod);
  const optional = source.optional === true;
  const map = await load(context.objects.configMap(namespace, source.name), optional);
  keyed(
    {
      data: configData(map),
      items: source.items,
      optional,
      mode: source.mode,
      what: 'configmap references non-existent config',
    },
    out,
  );
}

async function addSecret(context: PayloadContext, source: KeyedSource, out: Files): Promise<void> {
  const { namespace } = namesOf(context.pod);
  const optional = source.optional === true;
  const secret = await load(context.objects.secret(namespace, source.name), optional);
  keyed(
    {
      data: secretData(secret),
      items: source.items,
      optional,
      mode: source.mode,
      what: 'references non-existent secret',
    },
    out,
  );
}

function addDownward(context: PayloadContext, items: readonly DownwardAPIVolumeFile[], mode: number, out: Files): void {
  for (const item of items) {
    const text =
      item.fieldRef === undefined
        ? item.resourceFieldRef === undefined
          ? ''
          : resourceValue(item.resourceFieldRef, undefined, context.fields)
        : fieldValue(item.fieldRef, context.fields);
    out.set(item.path, { data: Buffer.from(text, 'utf8'), mode: item.mode ?? mode });
  }
}

/** A file for its pod's user alone, where there is one. */
function ownFile(context: PayloadContext, text: string, defaultMode: number): PayloadFile {
  const mode = context.user !== undefined || context.fsGroup !== undefined ? 0o600 : defaultMode;
  return { data: Buffer.from(text, 'utf8'), mode, ...(context.user === undefined ? {} : { uid: context.user }) };
}

function certificateFiles(source: PodCertificateProjection, { key, chain }: Credentials): [string, string][] {
  const { credentialBundlePath = '', keyPath = '', certificateChainPath = '' } = source;
  const all: [string, string][] = [
    [credentialBundlePath, key + chain],
    [keyPath, key],
    [certificateChainPath, chain],
  ];
  return all.filter(([path]) => path !== '');
}

async function addProjected(
  context: PayloadContext,
  { name, projected }: { readonly name: string; readonly projected: ProjectedVolumeSource },
  out: Files,
): Promise<void> {
  const mode = projected.defaultMode ?? 0o644;
  const add = (path: string, text: string): unknown => out.set(path, ownFile(context, text, mode));
  const one = async (source: VolumeProjection, i: number): Promise<void> => {
    const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
    if (secret !== undefined) await addSecret(context, { ...secret, name: secret.name ?? '', mode }, out);
    if (configMap !== undefined) await addConfigMap(context, { ...configMap, name: configMap.name ?? '', mode }, out);
    if (downwardAPI !== undefined) addDownward(context, downwardAPI.items ?? [], mode, out);
    if (serviceAccountToken !== undefined)
      add(serviceAccountToken.path, await context.token(context.pod, serviceAccountToken));
    if (clusterTrustBundle !== undefined) add(clusterTrustBundle.path, await context.trust(clusterTrustBundle));
    if (podCertificate !== undefined) {
      const credentials = context.certificate(`${name}/${i}`, podCertificate);
      for (const [path, text] of certificateFiles(podCertificate, credentials)) add(path, text);
    }
  };
  const failed: unknown[] = [];
  for (const [i, source] of (projected.sources ?? []).entries()) {
    await one(source, i).catch((error: unknown) => failed.push(error));
  }
  if (failed.length === 1) throw failed[0];
  // All that is missing is told at once.
  if (failed.length > 1) throw new Error(`[${[...new Set(failed.map(messageOf))].join(', ')}]`);
}

/** Undefined for volumes that are not made of files from the API. */
export async function payloadOf(context: PayloadContext, volume: Volume): Promise<Files | undefined> {
  const out: Files = new Map();
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    await addConfigMap(
      context,
      { ...configMap, name: configMap.name ?? '', mode: configMap.defaultMode ?? 0o644 },
      out,
    );
  } else if (secret !== undefined) {
    await addSecret(context, { ...secret, name: secret.secretName ?? '', mode: secret.defaultMode ?? 0o644 }, out);
  } else if (downwardAPI !== undefined) {
    addDownward(context, downwardAPI.items ?? [], downwardAPI.defaultMode ?? 0o644, out);
  } else if (projected !== undefined) {
    await addProjected(context, { name: volume.name, projected }, out);
  } else return undefined;
  for (const name of out.keys()) {
    if (name.startsWith('/') || name.split('/').some((part) => part === '..' || part === '')) {
      throw new Error(`invalid path: must be relative and without '..': ${name}`);
    }
  }
  return out;
}
