// Volume mounts and block devices of containers: they must name a sound volume and not get in each other's way.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type { Container, VolumeDevice, VolumeMount } from '../../generated/core-v1.ts';
import { checkOneOf } from '../collect.ts';
import { checkDescendingPath } from '../paths.ts';
import type { PodScope } from './scope.ts';

export function checkMounts(container: Container, path: FieldPath, scope: PodScope): void {
  const mounts = container.volumeMounts ?? [];
  const devices = container.volumeDevices ?? [];
  const seen = new Set<string>();
  for (const [i, mount] of mounts.entries()) {
    checkMount(mount, { container, devices, seen }, path.child('volumeMounts'), i, scope);
  }
  if (devices.length > 0) checkDevices(devices, mounts, path.child('volumeDevices'), scope);
}

interface Around {
  readonly container: Container;
  readonly devices: readonly VolumeDevice[];
  readonly seen: Set<string>;
}

function checkMount(mount: VolumeMount, around: Around, list: FieldPath, i: number, scope: PodScope): void {
  const { out } = scope;
  const path = list.index(i);
  const name = mount.name ?? '';
  const mountPath = mount.mountPath ?? '';
  if (name === '') out.push(fieldErrors.required(path.child('name')));
  const volume = scope.volumes.get(name);
  if (volume === undefined) out.push(fieldErrors.notFound(path.child('name'), name));
  if (mountPath === '') out.push(fieldErrors.required(path.child('mountPath')));
  if (around.seen.has(mountPath)) out.push(fieldErrors.invalid(path.child('mountPath'), mountPath, 'must be unique'));
  around.seen.add(mountPath);
  if (around.devices.some((d) => d.name === name))
    out.push(fieldErrors.invalid(path.child('name'), name, 'must not already exist in volumeDevices'));
  if (around.devices.some((d) => d.devicePath === mountPath))
    out.push(
      fieldErrors.invalid(path.child('mountPath'), mountPath, 'must not already exist as a path in volumeDevices'),
    );
  if (mount.subPath || mount.subPathExpr) checkSubPaths(mount, { list, path }, scope);
  // The path of these two has no index: so Kubernetes reports them.
  if (mount.mountPropagation !== undefined)
    checkPropagation(mount.mountPropagation, around.container, list.child('mountPropagation'), scope);
  if (mount.recursiveReadOnly !== undefined) checkRecursiveReadOnly(mount, list.child('recursiveReadOnly'), scope);
}

function checkSubPaths(
  mount: VolumeMount,
  at: { readonly list: FieldPath; readonly path: FieldPath },
  scope: PodScope,
): void {
  const { out } = scope;
  const { subPath, subPathExpr } = mount;
  if (subPath) checkDescendingPath(subPath, at.list.child('subPath'), out);
  if (!subPathExpr) return;
  if (subPath)
    out.push(
      fieldErrors.invalid(at.path.child('subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
    );
  checkDescendingPath(subPathExpr, at.list.child('subPathExpr'), out);
}

const PROPAGATION = { supported: ['Bidirectional', 'HostToContainer', 'None'] };

function checkPropagation(mode: string, container: Container, path: FieldPath, scope: PodScope): void {
  checkOneOf(mode, path, PROPAGATION, scope.out);
  if (mode === 'Bidirectional' && container.securityContext?.privileged !== true)
    scope.out.push(
      fieldErrors.forbidden(path, 'Bidirectional mount propagation is available only to privileged containers'),
    );
}

const RECURSIVE_READ_ONLY = { supported: ['Disabled', 'Enabled', 'IfPossible'] };

function checkRecursiveReadOnly(mount: VolumeMount, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  const mode = mount.recursiveReadOnly ?? '';
  if (!checkOneOf(mode, path, RECURSIVE_READ_ONLY, out) || mode === 'Disabled') return;
  if (mount.readOnly !== true) out.push(fieldErrors.forbidden(path, 'may only be specified when readOnly is true'));
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None')
    out.push(fieldErrors.forbidden(path, 'may only be specified when mountPropagation is None or not specified'));
}

function checkDevices(
  devices: readonly VolumeDevice[],
  mounts: readonly VolumeMount[],
  path: FieldPath,
  scope: PodScope,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [i, device] of devices.entries()) {
    const at = path.index(i);
    checkDeviceName(device.name ?? '', names, at.child('name'), scope);
    checkDevicePath(device.devicePath ?? '', paths, at.child('devicePath'), scope);
    if (mounts.some((m) => m.name === device.name))
      scope.out.push(
        fieldErrors.invalid(at.child('name'), device.name ?? '', 'must not already exist in volumeMounts'),
      );
    if (mounts.some((m) => m.mountPath === device.devicePath))
      scope.out.push(
        fieldErrors.invalid(
          at.child('devicePath'),
          device.devicePath ?? '',
          'must not already exist as a path in volumeMounts',
        ),
      );
  }
}

function checkDeviceName(name: string, seen: Set<string>, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  if (name === '') out.push(fieldErrors.required(path));
  if (seen.has(name)) out.push(fieldErrors.invalid(path, name, 'must be unique'));
  const volume = scope.volumes.get(name);
  if (volume === undefined) out.push(fieldErrors.notFound(path, name));
  else if (!volume.persistentVolumeClaim && !volume.ephemeral)
    out.push(
      fieldErrors.invalid(
        path,
        name,
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      ),
    );
  if (name !== '') seen.add(name);
}

function checkDevicePath(devicePath: string, seen: Set<string>, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  if (devicePath === '') out.push(fieldErrors.required(path));
  if (seen.has(devicePath)) out.push(fieldErrors.invalid(path, devicePath, 'must be unique'));
  if (devicePath.split('/').includes('..'))
    out.push(fieldErrors.invalid(path, devicePath, "can not contain backsteps ('..')"));
  else seen.add(devicePath);
}
