// Defaults of pod specs: what Kubernetes fills in for templates, and what only for pods themselves.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '../../generated/core-v1.ts';
import { roundUpToMilli } from '../resource-lists.ts';
import { defaultPullPolicy } from './image-name.ts';
import { defaultPodResources } from './pod-resources.ts';
import { defaultVolume } from './volume-defaults.ts';

export function defaultPodTemplateSpec(template: PodTemplateSpec): void {
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

export function defaultPodSpec(spec: PodSpec): void {
  // Behind the gate GenericWorkload (KEP-4671), off by default: what it governs is dropped.
  delete spec.schedulingGroup;
  // The list is always sent, as null when nothing was given.
  spec.containers ??= [];
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  // The old name of the field follows the new one.
  if (spec.serviceAccountName) {
    if (spec.serviceAccount !== spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  } else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  roundUpToMilli(spec.overhead);
  if (spec.resources) roundResources(spec.resources);
}

function roundResources(resources: ResourceRequirements): void {
  roundUpToMilli(resources.limits);
  roundUpToMilli(resources.requests);
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= defaultPullPolicy(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  roundResources(container.resources);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const variable of container.env ?? []) {
    const from = variable.valueFrom;
    if (from?.fieldRef) from.fieldRef.apiVersion ||= 'v1';
    if (from?.fileKeyRef) from.fileKeyRef.optional ??= false;
  }
  if (container.livenessProbe) defaultProbe(container.livenessProbe);
  if (container.readinessProbe) defaultProbe(container.readinessProbe);
  if (container.startupProbe) defaultProbe(container.startupProbe);
  if (container.lifecycle) defaultLifecycle(container.lifecycle);
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultLifecycle(lifecycle: Lifecycle): void {
  if (lifecycle.postStart?.httpGet) defaultHttpGet(lifecycle.postStart.httpGet);
  if (lifecycle.preStop?.httpGet) defaultHttpGet(lifecycle.preStop.httpGet);
}

function defaultHttpGet(http: HTTPGetAction): void {
  http.path ||= '/';
  http.scheme ||= 'HTTP';
}

/** What is filled in for pods, never for templates: the template would differ from what its author wrote. */
export function defaultPod(spec: PodSpec): void {
  for (const list of [spec.containers, spec.initContainers]) {
    for (const container of list ?? []) defaultRequests(container);
  }
  defaultPodResources(spec);
  // Kubernetes reads a negative time as one second, in pods only.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork === true)
    for (const list of [spec.containers, spec.initContainers])
      for (const container of list ?? [])
        for (const port of container.ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort;
}

/** A limit without a request asks for all of the limit. */
function defaultRequests(container: Container): void {
  const limits = container.resources?.limits;
  if (limits === undefined || container.resources === undefined) return;
  const given = container.resources.requests;
  const missing = Object.keys(limits).filter((name) => given === undefined || !Object.hasOwn(given, name));
  if (missing.length === 0) return;
  const requests = { ...given };
  for (const name of missing) requests[name] = limits[name] ?? '0';
  container.resources.requests = requests;
}
