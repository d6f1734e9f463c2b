// What a kubelet may do: its own node, the pods bound to it, and what those pods refer to.
// Sources: https://kubernetes.io/docs/reference/access-authn-authz/node/ and
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-field-selectors (KEP-4601: AuthorizeNodeWithSelectors)
import { parseFieldSelector } from '../../machinery/field-selector.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';
import { isRelated, type NodeRelations, type RelatedKind } from './node-graph.ts';

const ALLOWED: Decision = { allowed: true, reason: '' };
const no = (reason: string): Decision => ({ allowed: false, reason });
const NO_OPINION = no('');

const READ = ['get', 'list', 'watch'];
const OWN_OBJECT = ['get', 'create', 'update', 'patch', 'delete'];
const WRITE_STATUS = ['update', 'patch'];
const LEASES = 'kube-node-lease';
const SLICE_VERBS = 'get, watch, list, create, update, patch, delete, deletecollection';

/** The node that a user is: '' for one that says none, undefined for one that is no node. */
export function nodeOf(user: Attributes['user']): string | undefined {
  if (!user.groups.includes('system:nodes') || !user.username.startsWith('system:node:')) return undefined;
  return user.username.slice('system:node:'.length);
}

interface Asked {
  readonly node: string;
  readonly a: Attributes;
  readonly relations: NodeRelations;
}

type Rule = (asked: Asked) => Decision;

function related({ node, a, relations }: Asked, kind: RelatedKind): Decision {
  if (a.name === '') return no('No Object name found');
  return isRelated(relations, node, { kind, namespace: a.namespace, name: a.name })
    ? ALLOWED
    : no(`no relationship found between node '${node}' and this object`);
}

/** Whether the request is narrowed to objects of which a field is the node's name. */
function selects({ node, a }: Asked, path: string): boolean {
  try {
    return parseFieldSelector(a.fieldSelector ?? '').some((r) => r.path === path && r.op === '=' && r.value === node);
  } catch {
    return false;
  }
}

function onlyGet(kind: RelatedKind): Rule {
  return (asked) => {
    if (asked.a.verb !== 'get') return no('can only get individual resources of this type');
    if (asked.a.subresource !== '') return no('cannot get subresource');
    return related(asked, kind);
  };
}

/** Lists and watches are allowed where they are narrowed to one name. */
function onlyRead(kind: RelatedKind): Rule {
  return (asked) => {
    const { verb, subresource, namespace } = asked.a;
    if (!READ.includes(verb)) return no('can only read resources of this type');
    if (subresource !== '') return no('cannot read subresource');
    if (namespace === '') return no('can only read namespaced object of this type');
    return related(asked, kind);
  };
}

const claims: Rule = (asked) => {
  if (asked.a.subresource !== 'status') return onlyGet('persistentvolumeclaims')(asked);
  return WRITE_STATUS.includes(asked.a.verb)
    ? related(asked, 'persistentvolumeclaims')
    : no('can only get/update/patch this type');
};

const serviceAccounts: Rule = (asked) => {
  const { verb, subresource, name } = asked.a;
  if (verb === 'get' && subresource === '') return related(asked, 'serviceaccounts');
  if (verb !== 'create' || name === '') return no('can only create tokens for individual service accounts');
  if (subresource !== 'token') return no('can only create token subresource of serviceaccount');
  return related(asked, 'serviceaccounts');
};

// NodeRestriction looks at the name of what is created: here it is not known yet.
const leases: Rule = ({ node, a }) => {
  if (!OWN_OBJECT.includes(a.verb)) return no('can only get, create, update, patch, or delete a node lease');
  if (a.namespace !== LEASES) return no(`can only access leases in the ${JSON.stringify(LEASES)} system namespace`);
  if (a.verb !== 'create' && a.name !== node)
    return no('can only access node lease with the same name as the requesting node');
  return ALLOWED;
};

const csiNodes: Rule = ({ node, a }) => {
  if (!OWN_OBJECT.includes(a.verb)) return no('can only get, create, update, patch, or delete a CSINode');
  if (a.subresource !== '') return no('cannot authorize CSINode subresources');
  if (a.verb !== 'create' && a.name !== node)
    return no('can only access CSINode with the same name as the requesting node');
  return ALLOWED;
};

const resourceSlices: Rule = (asked) => {
  if (asked.a.subresource !== '') return no('cannot authorize ResourceSlice subresources');
  switch (asked.a.verb) {
    case 'create':
      return ALLOWED;
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return related(asked, 'resourceslices');
    case 'watch':
    case 'list':
    case 'deletecollection':
      return selects(asked, 'spec.nodeName')
        ? ALLOWED
        : no('can only list/watch/deletecollection resourceslices with nodeName field selector');
    default:
      return no(`only the following verbs are allowed for a ResourceSlice: ${SLICE_VERBS}`);
  }
};

const podCertificateRequests: Rule = (asked) => {
  const { verb, subresource } = asked.a;
  if (subresource !== '') return no('nodes may not access the status subresource of PodCertificateRequests');
  if (verb === 'create') return ALLOWED;
  if (verb === 'get') return related(asked, 'podcertificaterequests');
  if (!READ.includes(verb)) return no(`nodes may not ${verb} podcertificaterequests`);
  return selects(asked, 'spec.nodeName')
    ? ALLOWED
    : no('can only list/watch podcertificaterequests with nodeName field selector');
};

/** A node reads itself also before it is there. */
const nodes: Rule = ({ node, a }) => {
  if (a.subresource === 'status') return WRITE_STATUS.includes(a.verb) ? ALLOWED : NO_OPINION;
  if (a.subresource !== '') return NO_OPINION;
  if (['create', 'update', 'patch'].includes(a.verb)) return ALLOWED;
  if (!READ.includes(a.verb)) return NO_OPINION;
  if (a.name === node) return ALLOWED;
  return a.name === ''
    ? no(`node '${node}' cannot read all nodes, only its own Node object`)
    : no(`node '${node}' cannot read '${a.name}', only its own Node object`);
};

const pods: Rule = (asked) => {
  const { verb, subresource, name } = asked.a;
  if (subresource === 'status') return WRITE_STATUS.includes(verb) ? ALLOWED : NO_OPINION;
  if (subresource === 'eviction') return verb === 'create' ? ALLOWED : NO_OPINION;
  if (subresource !== '') return NO_OPINION;
  if (verb === 'create' || verb === 'delete') return ALLOWED;
  if (verb === 'get') return related(asked, 'pods');
  if (!READ.includes(verb)) return NO_OPINION;
  if (selects(asked, 'spec.nodeName')) return ALLOWED;
  return name === '' ? no('can only list/watch pods with spec.nodeName field selector') : related(asked, 'pods');
};

/** By group and resource: what depends on the node. */
const RULES: Readonly<Record<string, Rule>> = {
  '/configmaps': onlyRead('configmaps'),
  '/nodes': nodes,
  '/persistentvolumeclaims': claims,
  '/persistentvolumes': onlyGet('persistentvolumes'),
  '/pods': pods,
  '/secrets': onlyRead('secrets'),
  '/serviceaccounts': serviceAccounts,
  'certificates.k8s.io/podcertificaterequests': podCertificateRequests,
  'coordination.k8s.io/leases': leases,
  'resource.k8s.io/resourceclaims': onlyGet('resourceclaims'),
  'resource.k8s.io/resourceslices': resourceSlices,
  'storage.k8s.io/csinodes': csiNodes,
  'storage.k8s.io/volumeattachments': onlyGet('volumeattachments'),
};

/** What every node may do alike. */
const FOR_ALL: Readonly<Record<string, readonly string[]>> = {
  '/endpoints': ['get'],
  '/events': ['create', 'update', 'patch'],
  '/services': READ,
  'authentication.k8s.io/tokenreviews': ['create'],
  'authorization.k8s.io/localsubjectaccessreviews': ['create'],
  'authorization.k8s.io/subjectaccessreviews': ['create'],
  'certificates.k8s.io/certificatesigningrequests': ['create', 'get', 'list', 'watch'],
  'certificates.k8s.io/clustertrustbundles': READ,
  'events.k8s.io/events': ['create', 'update', 'patch'],
  'node.k8s.io/runtimeclasses': READ,
  'storage.k8s.io/csidrivers': READ,
};

export function nodeAuthorizer(relations: NodeRelations): Authorizer {
  return {
    authorize(a) {
      const node = nodeOf(a.user);
      if (node === undefined) return NO_OPINION;
      if (node === '') return no(`unknown node for user ${JSON.stringify(a.user.username)}`);
      if (!a.isResource) return NO_OPINION;
      const kind = `${a.group}/${a.resource}`;
      const rule = Object.hasOwn(RULES, kind) ? RULES[kind] : undefined;
      if (rule !== undefined) return rule({ node, a, relations });
      const verbs = a.subresource === '' && Object.hasOwn(FOR_ALL, kind) ? FOR_ALL[kind] : undefined;
      return verbs?.includes(a.verb) === true ? ALLOWED : NO_OPINION;
    },
  };
}
