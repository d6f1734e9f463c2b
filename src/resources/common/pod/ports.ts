// Container ports: names, numbers, and host ports that two containers cannot share.
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { isValidPortName } from '../../../machinery/names.ts';
import type { Container, ContainerPort, PodSpec } from '../../generated/core-v1.ts';
import { addInvalid, type Findings } from '../collect.ts';
import { checkPortNumber } from '../names.ts';

export const PORT_PROTOCOLS: readonly string[] = ['SCTP', 'TCP', 'UDP'];

export function checkProtocol(protocol: string | undefined, path: FieldPath, out: Findings): void {
  if (protocol === 'TCP') return;
  if (protocol === undefined || protocol === '') out.push(fieldErrors.required(path));
  else if (!PORT_PROTOCOLS.includes(protocol)) out.push(fieldErrors.notSupported(path, protocol, PORT_PROTOCOLS));
}

export function checkContainerPorts(ports: readonly ContainerPort[], path: FieldPath, out: Findings): void {
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = path.index(i);
    checkPortName(port.name ?? '', at.child('name'), names, out);
    if (!port.containerPort) out.push(fieldErrors.required(at.child('containerPort')));
    else checkPortNumber(port.containerPort, at.child('containerPort'), out);
    if (port.hostPort) checkPortNumber(port.hostPort, at.child('hostPort'), out);
    checkProtocol(port.protocol, at.child('protocol'), out);
  }
}

function checkPortName(name: string, path: FieldPath, seen: Set<string>, out: Findings): void {
  if (name === '') return;
  const messages = isValidPortName(name);
  if (messages.length > 0) addInvalid(name, path, messages, out);
  else if (seen.has(name)) out.push(fieldErrors.duplicate(path, name));
  else seen.add(name);
}

/** Two containers that want the same port of the host. */
export function checkHostPortConflicts(containers: readonly Container[], path: FieldPath, out: Findings): void {
  let taken: Set<string> | undefined;
  for (const [i, container] of containers.entries()) {
    for (const [j, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      taken ??= new Set();
      if (taken.has(key)) out.push(fieldErrors.duplicate(path.index(i).child('ports').index(j).child('hostPort'), key));
      else taken.add(key);
    }
  }
}

/** In the host's network a port of the container is a port of the host. A template may leave the host port to the pod's defaults. */
export function checkHostNetworkPorts(spec: PodSpec, path: FieldPath, isPod: boolean, out: Findings): void {
  if (spec.hostNetwork !== true) return;
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [j, port] of (container.ports ?? []).entries()) {
      const hostPort = port.hostPort ?? 0;
      if ((!isPod && hostPort === 0) || hostPort === (port.containerPort ?? 0)) continue;
      out.push(
        fieldErrors.invalid(
          path.child('containers').index(i).child('ports').index(j).child('hostPort'),
          hostPort,
          'must match `containerPort` when `hostNetwork` is true',
        ),
      );
    }
  }
}
