// The environment of a container, from its spec and what that refers to.
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
import type { ConfigMap, Container, EnvVar, Secret, Service } from '../../resources/generated/core-v1.ts';
import { namesOf, podText, specOf } from '../pod/identity.ts';
import { envFileValue } from './env-file.ts';
import { configError, messageOf } from './errors.ts';
import { expand } from './expand.ts';
import { type FieldContext, fieldValue, resourceValue } from './fields.ts';
import { serviceEnv } from './services.ts';

/** How the kubelet reads the objects that a pod names; throws the API's own error when one is missing. */
export interface ObjectSource {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
}

export interface EnvInput {
  readonly container: Container;
  readonly fields: FieldContext;
  readonly objects: ObjectSource;
  readonly services: readonly Service[];
  /** A file of one of the pod's volumes (KEP-3721); undefined when the volume is not mounted. */
  readonly readFile: (volume: string, file: string) => Promise<VolumeFile | undefined>;
}

export interface VolumeFile {
  /** On the host. */
  readonly path: string;
  readonly text: () => Promise<string>;
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as { reason?: unknown }).reason === 'NotFound';
}

/** Undefined when the object is missing and may be. */
async function optional<T>(load: Promise<T>, may: boolean | undefined): Promise<T | undefined> {
  try {
    return await load;
  } catch (error) {
    if (may === true && isMissing(error)) return undefined;
    throw configError(messageOf(error), error);
  }
}

async function fromSources(input: EnvInput): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  const { namespace } = namesOf(input.fields.pod);
  for (const source of input.container.envFrom ?? []) {
    const prefix = source.prefix ?? '';
    const { configMapRef, secretRef } = source;
    if (configMapRef !== undefined) {
      const load = input.objects.configMap(namespace, configMapRef.name ?? '');
      const map = await optional(load, configMapRef.optional);
      for (const [k, v] of Object.entries(map?.data ?? {})) out.set(prefix + k, v);
    } else if (secretRef !== undefined) {
      const load = input.objects.secret(namespace, secretRef.name ?? '');
      const secret = await optional(load, secretRef.optional);
      for (const [k, v] of Object.entries(secret?.data ?? {})) out.set(prefix + k, decode(v));
    }
  }
  return out;
}

function own(map: Record<string, string> | undefined, key: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

async function fromConfigMap(input: EnvInput, entry: EnvVar): Promise<string | undefined> {
  const ref = entry.valueFrom?.configMapKeyRef;
  if (ref === undefined) return undefined;
  const { namespace } = namesOf(input.fields.pod);
  const map = await optional(input.objects.configMap(namespace, ref.name ?? ''), ref.optional);
  const value = own(map?.data, ref.key);
  if (value !== undefined || ref.optional === true) return value;
  throw configError(`couldn't find key ${ref.key} in ConfigMap ${namespace}/${ref.name ?? ''}`);
}

async function fromSecret(input: EnvInput, entry: EnvVar): Promise<string | undefined> {
  const ref = entry.valueFrom?.secretKeyRef;
  if (ref === undefined) return undefined;
  const { namespace } = namesOf(input.fields.pod);
  const secret = await optional(input.objects.secret(namespace, ref.name ?? ''), ref.optional);
  const value = own(secret?.data, ref.key);
  if (value !== undefined) return decode(value);
  if (ref.optional === true) return undefined;
  throw configError(`couldn't find key ${ref.key} in Secret ${namespace}/${ref.name ?? ''}`);
}

async function fromFile(input: EnvInput, entry: EnvVar): Promise<string | undefined> {
  const ref = entry.valueFrom?.fileKeyRef;
  if (ref === undefined) return undefined;
  const file = await input.readFile(ref.volumeName, ref.path);
  if (file === undefined) throw configError(`cannot find the volume "${ref.volumeName}" referenced by FileKeyRef`);
  let value: string | undefined;
  try {
    value = envFileValue(await file.text(), ref.key);
  } catch (error) {
    throw configError("couldn't parse env file", error);
  }
  if (value !== undefined && value !== '') return value;
  if (ref.optional === true) return undefined;
  throw configError(`environment variable key "${ref.key}" not found in file "${file.path}"`);
}

async function envValue(input: EnvInput, entry: EnvVar): Promise<string | undefined> {
  const from = entry.valueFrom;
  if (from === undefined) return entry.value ?? '';
  try {
    if (from.fieldRef !== undefined) return fieldValue(from.fieldRef, input.fields);
    if (from.resourceFieldRef !== undefined) {
      return resourceValue(from.resourceFieldRef, input.container, input.fields);
    }
  } catch (error) {
    throw configError(messageOf(error), error);
  }
  if (from.configMapKeyRef !== undefined) return fromConfigMap(input, entry);
  if (from.secretKeyRef !== undefined) return fromSecret(input, entry);
  return fromFile(input, entry);
}

/** Sources first, then `env` in order; Services only where nothing else took the name. */
export async function containerEnv(input: EnvInput): Promise<ReadonlyMap<string, string>> {
  const { pod } = input.fields;
  const services = serviceEnv(input.services, namesOf(pod).namespace, specOf(pod).enableServiceLinks !== false);
  const out = await fromSources(input);
  const expanded = new Map<string, string>();
  for (const entry of input.container.env ?? []) {
    const value = await envValue(input, entry);
    if (value === undefined) continue;
    const text =
      entry.valueFrom === undefined
        ? expand(value, (name) => expanded.get(name) ?? out.get(name) ?? services.get(name))
        : value;
    expanded.set(entry.name, text);
    out.set(entry.name, text);
  }
  for (const [k, v] of services) if (!out.has(k)) out.set(k, v);
  for (const [k, v] of out) {
    if (v.includes('\0')) throw configError(`environment variable ${k} of pod ${podText(pod)} holds a null byte`);
  }
  return out;
}
