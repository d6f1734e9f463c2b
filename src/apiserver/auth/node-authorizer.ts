// What a kubelet may do: its own node, the pods bound to it, and what those pods refer to.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
import { claimsOfPod } from '../../client/index.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';

/** The pods of a node, as the authorizer sees them now. */
export interface NodePods {
  podsOf(nodeName: string): Iterable<Pod>;
}

const READ = new Set(['get', 'list', 'watch']);
const NO_OPINION: Decision = { allowed: false, reason: '' };
const ALLOWED: Decision = { allowed: true, reason: '' };

/** The node that a user is, or undefined. */
export function nodeOf(user: Attributes['user']): string | undefined {
  if (!user.groups.includes('system:nodes') || !user.username.startsWith('system:node:')) return undefined;
  return user.username.slice('system:node:'.length);
}

type Refers = (pod: Pod, name: string) => boolean;

const volumes = (pod: Pod) => pod.spec?.volumes ?? [];
const containers = (pod: Pod) => [
  ...(pod.spec?.initContainers ?? []),
  ...(pod.spec?.containers ?? []),
  ...(pod.spec?.ephemeralContainers ?? []),
];

/** By group and resource. */
const REFERENCES: Readonly<Record<string, Refers>> = {
  '/secrets': (pod, name) =>
    (pod.spec?.imagePullSecrets ?? []).some((s) => s.name === name) ||
    volumes(pod).some(
      (v) => v.secret?.secretName === name || (v.projected?.sources ?? []).some((s) => s.secret?.name === name),
    ) ||
    containers(pod).some(
      (c) =>
        (c.env ?? []).some((e) => e.valueFrom?.secretKeyRef?.name === name) ||
        (c.envFrom ?? []).some((e) => e.secretRef?.name === name),
    ),
  '/configmaps': (pod, name) =>
    volumes(pod).some(
      (v) => v.configMap?.name === name || (v.projected?.sources ?? []).some((s) => s.configMap?.name === name),
    ) ||
    containers(pod).some(
      (c) =>
        (c.env ?? []).some((e) => e.valueFrom?.configMapKeyRef?.name === name) ||
        (c.envFrom ?? []).some((e) => e.configMapRef?.name === name),
    ),
  '/persistentvolumeclaims': (pod, name) =>
    volumes(pod).some(
      (v) =>
        v.persistentVolumeClaim?.claimName === name ||
        (v.ephemeral !== undefined && `${pod.metadata.name}-${v.name}` === name),
    ),
  'resource.k8s.io/resourceclaims': (pod, name) =>
    claimsOfPod(pod).some((known) => known.kind === 'named' && known.name === name),
};

export function nodeAuthorizer(pods: NodePods): Authorizer {
  const refers = (node: string, attributes: Attributes, refersTo: Refers): Decision => {
    if (!READ.has(attributes.verb) || attributes.subresource !== '') return NO_OPINION;
    for (const pod of pods.podsOf(node)) {
      if (pod.metadata.namespace === attributes.namespace && refersTo(pod, attributes.name)) return ALLOWED;
    }
    return { allowed: false, reason: `no relationship found between node '${node}' and this object` };
  };
  const serviceAccount = (node: string, attributes: Attributes): Decision => {
    const isToken = attributes.verb === 'create' && attributes.subresource === 'token';
    const isRead = attributes.verb === 'get' && attributes.subresource === '';
    if (!isToken && !isRead) return NO_OPINION;
    for (const pod of pods.podsOf(node)) {
      if (pod.metadata.namespace === attributes.namespace && pod.spec?.serviceAccountName === attributes.name)
        return ALLOWED;
    }
    return { allowed: false, reason: `no relationship found between node '${node}' and this object` };
  };
  return {
    authorize(attributes) {
      const node = nodeOf(attributes.user);
      if (node === undefined || !attributes.isResource) return NO_OPINION;
      if (attributes.group === '' && attributes.resource === 'serviceaccounts') return serviceAccount(node, attributes);
      const kind = `${attributes.group}/${attributes.resource}`;
      const refersTo = Object.hasOwn(REFERENCES, kind) ? REFERENCES[kind] : undefined;
      if (refersTo !== undefined) return refers(node, attributes, refersTo);
      return NODE_RULES.some(
        ([group, resource, verbs]) =>
          group === attributes.group && resource === withSub(attributes) && verbs.includes(attributes.verb),
      )
        ? ALLOWED
        : NO_OPINION;
    },
  };
}

const withSub = (a: Attributes) => (a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`);

const NODE_RULES: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ['', 'nodes', ['create', 'get', 'list', 'watch', 'update', 'patch']],
  ['', 'nodes/status', ['update', 'patch']],
  ['', 'pods', ['create', 'get', 'list', 'watch', 'delete']],
  ['', 'pods/status', ['update', 'patch']],
  ['', 'pods/eviction', ['create']],
  ['', 'services', ['get', 'list', 'watch']],
  ['', 'events', ['create', 'update', 'patch']],
  ['events.k8s.io', 'events', ['create', 'update', 'patch']],
  ['coordination.k8s.io', 'leases', ['create', 'get', 'update', 'patch', 'delete']],
  ['node.k8s.io', 'runtimeclasses', ['get', 'list', 'watch']],
  ['storage.k8s.io', 'csidrivers', ['get', 'list', 'watch']],
  ['storage.k8s.io', 'csinodes', ['create', 'get', 'update', 'patch', 'delete']],
  ['storage.k8s.io', 'volumeattachments', ['get']],
  ['', 'persistentvolumes', ['get']],
  ['', 'persistentvolumeclaims/status', ['get', 'update', 'patch']],
  ['certificates.k8s.io', 'certificatesigningrequests', ['create', 'get', 'list', 'watch']],
  ['certificates.k8s.io', 'clustertrustbundles', ['get', 'list', 'watch']],
  ['certificates.k8s.io', 'podcertificaterequests', ['create', 'get', 'list', 'watch']],
  ['authentication.k8s.io', 'tokenreviews', ['create']],
  ['authorization.k8s.io', 'subjectaccessreviews', ['create']],
  ['authorization.k8s.io', 'localsubjectaccessreviews', ['create']],
];
