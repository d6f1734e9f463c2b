// Environment variables of containers: names and where their values come from.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isConfigMapKey, isRelaxedEnvVarName } from '../../../machinery/names.ts';
import type { EnvFromSource, EnvVar, EnvVarSource, FileKeySelector, PodSpec } from '../../generated/core-v1.ts';
import { addInvalid, type Findings } from '../collect.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../names.ts';
import { nameCheck } from '../object-meta.ts';
import { checkNoBacksteps } from '../paths.ts';
import { checkFieldSelector, checkResourceFieldSelector, ENV_FIELDS } from './field-refs.ts';
import type { PodScope } from './scope.ts';
import { visitContainers } from './visit.ts';

/** Any printable ASCII but `=`. Source: KEP-4369. */
function checkEnvName(name: string, path: FieldPath, out: Findings): void {
  addInvalid(name, path, isRelaxedEnvVarName(name), out);
}

export function checkEnv(vars: readonly EnvVar[], path: FieldPath, scope: PodScope): void {
  for (const [i, variable] of vars.entries()) {
    const at = path.index(i);
    if (!variable.name) scope.out.push(fieldErrors.required(at.child('name')));
    else checkEnvName(variable.name, at.child('name'), scope.out);
    if (variable.valueFrom !== undefined && variable.valueFrom !== null)
      checkValueFrom(variable, variable.valueFrom, at.child('valueFrom'), scope);
  }
}

function checkValueFrom(variable: EnvVar, from: EnvVarSource, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  let sources = 0;
  if (from.fieldRef) {
    sources++;
    checkFieldSelector(from.fieldRef, path.child('fieldRef'), ENV_FIELDS, out);
  }
  if (from.resourceFieldRef) {
    sources++;
    checkResourceFieldSelector(from.resourceFieldRef, path.child('resourceFieldRef'), false, out);
  }
  if (from.configMapKeyRef) {
    sources++;
    checkKeySelector(from.configMapKeyRef, path.child('configMapKeyRef'), out);
  }
  if (from.secretKeyRef) {
    sources++;
    checkKeySelector(from.secretKeyRef, path.child('secretKeyRef'), out);
  }
  if (from.fileKeyRef) {
    sources++;
    checkFileKeySelector(from.fileKeyRef, path.child('fileKeyRef'), out);
  }
  const problem = sourceProblem(sources, variable.value ?? '');
  if (problem !== '') out.push(fieldErrors.invalid(path, '', problem));
}

function sourceProblem(sources: number, value: string): string {
  if (sources === 0)
    return 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
  if (value !== '') return 'may not be specified when `value` is not empty';
  return sources > 1 ? 'may not have more than one field specified at a time' : '';
}

function checkKeySelector(selector: { name?: string; key?: string }, path: FieldPath, out: Findings): void {
  checkDnsSubdomain(selector.name ?? '', path.child('name'), out);
  checkKey(selector.key ?? '', path.child('key'), out);
}

function checkKey(key: string, path: FieldPath, out: Findings): void {
  if (key === '') out.push(fieldErrors.required(path));
  else addInvalid(key, path, isConfigMapKey(key), out);
}

/** A variable out of a file in an emptyDir. Source: KEP-3721. */
function checkFileKeySelector(selector: FileKeySelector, path: FieldPath, out: Findings): void {
  if (!selector.key) out.push(fieldErrors.required(path.child('key')));
  else checkEnvName(selector.key, path.child('key'), out);
  if (!selector.volumeName) out.push(fieldErrors.required(path.child('volumeName')));
  else checkDnsLabel(selector.volumeName, path.child('volumeName'), out);
  if (!selector.path) out.push(fieldErrors.required(path.child('path')));
  else checkNoBacksteps(selector.path, path.child('path'), out);
}

/** The last check of a spec: files of variables are in an emptyDir, sound or not. */
export function checkFileVolumes(spec: PodSpec, path: FieldPath, out: Findings): void {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name ?? '', volume]));
  visitContainers(spec, path, (container, at) => {
    for (const [i, variable] of (container.env ?? []).entries()) {
      const ref = variable.valueFrom?.fileKeyRef;
      if (!ref) continue;
      const name = ref.volumeName ?? '';
      const place = at.child('env').index(i).child('valueFrom', 'fileKeyRef', 'volumeName');
      const volume = volumes.get(name);
      if (volume === undefined) out.push(fieldErrors.notFound(place, name));
      else if (!volume.emptyDir)
        out.push(fieldErrors.invalid(place, name, 'referenced volume must be of type emptyDir'));
    }
  });
}

export function checkEnvFrom(sources: readonly EnvFromSource[], path: FieldPath, out: Findings): void {
  for (const [i, source] of sources.entries()) {
    const at = path.index(i);
    if (source.prefix) checkEnvName(source.prefix, at.child('prefix'), out);
    let count = 0;
    if (source.configMapRef) {
      count++;
      checkSourceName(source.configMapRef.name ?? '', at.child('configMapRef', 'name'), out);
    }
    if (source.secretRef) {
      count++;
      checkSourceName(source.secretRef.name ?? '', at.child('secretRef', 'name'), out);
    }
    if (count === 0) out.push(fieldErrors.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (count > 1) out.push(fieldErrors.invalid(path, '', 'may not have more than one field specified at a time'));
  }
}

const namePrefix = nameCheck('dns-subdomain');

function checkSourceName(name: string, path: FieldPath, out: Findings): void {
  if (name === '') out.push(fieldErrors.required(path));
  else addInvalid(name, path, namePrefix(name, true), out);
}
