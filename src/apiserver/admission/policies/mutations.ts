// What one mutation of a policy makes of an object: an apply configuration merged into it, or a JSON patch carried out on it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/#mutation-type
import { StructValue } from '../../../machinery/cel/values.ts';
import { ApiError, internalError } from '../../../machinery/errors.ts';
import { deepClone, goQuote } from '../../../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../../machinery/object.ts';
import type { Mutation } from '../../../resources/generated/admissionregistration-v1.ts';
import { mergeConfiguration } from '../../apply/index.ts';
import { jsonPatch, TestFailed } from '../../patch/index.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import { decodePatched, schemaOf } from '../../registry/codec.ts';
import { expressionError } from '../dynamic/programs.ts';
import { ConfigurationError } from './bindings.ts';
import { OutOfBudget, type Scope, toJson } from './scope.ts';

function resultOf(expression: string, scope: Scope): unknown {
  try {
    return scope.evaluate(expression.trim());
  } catch (error) {
    throw new ConfigurationError(error instanceof OutOfBudget ? error.message : expressionError(expression, error));
  }
}

/** `Object.spec` belongs under `spec`: what is called otherwise stands in the wrong place. */
function misnamed(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => misnamed(item, path));
  if (!(value instanceof Map)) return [];
  if (!(value instanceof StructValue)) return [...value.values()].flatMap((item) => misnamed(item, path));
  const { name } = value.type;
  const own =
    name === path
      ? []
      : [
          `unexpected type name ${goQuote(name)}, expected ${goQuote(path)}, which matches field name path from root Object type`,
        ];
  return [...own, ...[...value].flatMap(([field, item]) => misnamed(item, `${path}.${String(field)}`))];
}

function checkNames(value: unknown): void {
  if (!(value instanceof StructValue)) return;
  const problems = misnamed(value, value.type.name);
  if (problems.length > 0) throw new ConfigurationError(`type mismatch: ${problems.join('\n')}`);
}

/** What a step refuses is the policy's failure. */
function carryOut<T>(before: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    throw new ConfigurationError(`${before}: ${cause}`);
  }
}

function applied(entry: CatalogEntry, object: KubeObject, value: unknown): unknown {
  checkNames(value);
  const configuration = toJson(value);
  const own: JsonObject = {
    ...(isJsonObject(configuration) ? configuration : {}),
    apiVersion: object.apiVersion,
    kind: object.kind,
  };
  return carryOut('error applying patch', () =>
    mergeConfiguration(schemaOf(entry), object as unknown as JsonObject, own),
  );
}

function operationOf(value: unknown): JsonObject {
  if (!(value instanceof Map)) throw new ConfigurationError('JSON patch must be a list of JSONPatch');
  checkNames(value.get('value'));
  const operation = toJson(value) as JsonObject;
  return { op: '', path: '', ...operation };
}

/** Undefined when a test in the patch failed: then it is not carried out. */
function patched(object: KubeObject, value: unknown): unknown {
  const operations = (Array.isArray(value) ? value : []).map(operationOf);
  try {
    return jsonPatch(object, operations);
  } catch (error) {
    if (error instanceof ApiError && error.cause instanceof TestFailed) return undefined;
    return carryOut('JSON Patch', () => {
      throw error;
    });
  }
}

/** A patch's fields must all be known; of custom resources what is not known is left out. */
function strictly(entry: CatalogEntry, next: unknown): KubeObject {
  const { object, strict } = decodePatched(entry, next, (problem) => internalError(new Error(problem)));
  if (strict.length > 0 && !entry.custom) throw internalError(new Error(`strict decoding error: ${strict.join(', ')}`));
  return object;
}

/** The object as the mutation makes it. Throws ConfigurationError for what the policy's failure policy is about. */
export function mutated(mutation: Mutation, entry: CatalogEntry, object: KubeObject, scope: Scope): KubeObject {
  let next: KubeObject;
  if (mutation.patchType === 'ApplyConfiguration') {
    const merged = applied(entry, object, resultOf(mutation.applyConfiguration?.expression ?? '', scope));
    next = carryOut('error applying patch', () =>
      decodePatched(entry, merged, (problem) => internalError(new Error(problem))),
    ).object;
  } else {
    const made = patched(deepClone(object), resultOf(mutation.jsonPatch?.expression ?? '', scope));
    if (made === undefined) return object;
    next = strictly(entry, made);
  }
  const draft = deepClone(next);
  entry.row.strategy.applyDefaults?.(draft);
  return draft;
}
