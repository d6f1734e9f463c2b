// What a kubelet may do, as a table: the request, and what is said of it.
import { describe, expect, it } from 'vitest';
import type { PersistentVolume, Pod } from '../../resources/generated/core-v1.ts';
import type { Attributes } from './authorizer.ts';
import { nodeAuthorizer } from './node-authorizer.ts';
import type { NodeKind, NodeRelations } from './node-graph.ts';
import { podReferences, volumeReferences } from './pod-references.ts';

const POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a' },
  spec: {
    nodeName: 'n1',
    serviceAccountName: 'sa',
    containers: [{ name: 'c', envFrom: [{ configMapRef: { name: 'cm' } }] }],
    resourceClaims: [
      { name: 'x', resourceClaimName: 'named' },
      { name: 'y', resourceClaimTemplateName: 'template' },
    ],
    volumes: [
      { name: 'v', secret: { secretName: 's' } },
      { name: 'w', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'e', ephemeral: { volumeClaimTemplate: { spec: {} } } },
    ],
  },
  status: {
    resourceClaimStatuses: [{ name: 'y', resourceClaimName: 'made' }],
    extendedResourceClaimStatus: { resourceClaimName: 'extended', requestMappings: [] },
  },
};

const VOLUME: PersistentVolume = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv' },
  spec: {
    claimRef: { namespace: 'a', name: 'claim' },
    csi: {
      driver: 'd',
      volumeHandle: 'h',
      nodeStageSecretRef: { namespace: 'vault', name: 'stage' },
      controllerPublishSecretRef: { namespace: 'vault', name: 'controller' },
    },
  },
};

const NODES: Readonly<Record<NodeKind, Readonly<Record<string, string>>>> = {
  pods: { 'a/p': 'n1', 'a/q': 'n2' },
  volumeattachments: { va: 'n1', other: 'n2' },
  resourceslices: { slice: 'n1', other: 'n2' },
  podcertificaterequests: { 'a/pcr': 'n1', 'a/other': 'n2' },
};

const present = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
const relations: NodeRelations = {
  podsOf: (node) => (node === 'n1' ? present(podReferences(POD)) : []),
  nodeOf: (kind, key) => NODES[kind][key],
  volume: (name) => (name === 'pv' ? volumeReferences(VOLUME) : undefined),
  volumesOf: (claim) => (claim === 'a/claim' ? present(volumeReferences(VOLUME)) : []),
};
const authorizer = nodeAuthorizer(relations);

const kubelet = (node: string) => ({
  username: `system:node:${node}`,
  groups: ['system:nodes', 'system:authenticated'],
});

/** `verb group/resource/subresource namespace/name?fieldSelector`; `-` for no namespace. */
function asked(text: string, node = 'n1'): Attributes {
  const [verb = '', kind = '', where = ''] = text.split(' ');
  const [group = '', resource = '', subresource = ''] = kind.split('/');
  const [place = '', fieldSelector] = where.split('?');
  const [namespace = '', name = ''] = place.split('/');
  return {
    user: kubelet(node),
    verb,
    isResource: true,
    group,
    version: 'v1',
    resource,
    subresource,
    namespace: namespace === '-' ? '' : namespace,
    name,
    path: '',
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

const RELATED = "no relationship found between node 'n1' and this object";
const OK = 'yes';
const SILENT = '';
const LEASE_NAME = 'can only access node lease with the same name as the requesting node';
const CSI_NAME = 'can only access CSINode with the same name as the requesting node';
const SLICES = 'can only list/watch/deletecollection resourceslices with nodeName field selector';
const GET_ONLY = 'can only get individual resources of this type';
const SLICE = 'resource.k8s.io/resourceslices';
const LEASE = 'coordination.k8s.io/leases';
const CSI = 'storage.k8s.io/csinodes';
const PCR = 'certificates.k8s.io/podcertificaterequests';

const TABLE: readonly (readonly [request: string, said: string])[] = [
  // Secrets and ConfigMaps: those of its pods, one by one.
  ['get /secrets a/s', OK],
  ['list /secrets a/s', OK],
  ['watch /secrets a/s', OK],
  ['get /secrets b/s', RELATED],
  ['get /secrets a/other', RELATED],
  ['get /secrets vault/stage', OK],
  ['get /secrets vault/controller', RELATED],
  ['list /secrets a/', 'No Object name found'],
  ['list /secrets -/', 'can only read namespaced object of this type'],
  ['update /secrets a/s', 'can only read resources of this type'],
  ['get /secrets/status a/s', 'cannot read subresource'],
  ['get /configmaps a/cm', OK],
  ['get /configmaps a/other', RELATED],
  // Claims and volumes.
  ['get /persistentvolumeclaims a/claim', OK],
  ['get /persistentvolumeclaims a/p-e', OK],
  ['get /persistentvolumeclaims a/p-w', RELATED],
  ['list /persistentvolumeclaims a/claim', GET_ONLY],
  ['patch /persistentvolumeclaims/status a/claim', OK],
  ['patch /persistentvolumeclaims/status a/other', RELATED],
  ['get /persistentvolumeclaims/status a/claim', 'can only get/update/patch this type'],
  ['get /persistentvolumes -/pv', OK],
  ['get /persistentvolumes -/other', RELATED],
  ['list /persistentvolumes -/', GET_ONLY],
  ['get /persistentvolumes/status -/pv', 'cannot get subresource'],
  ['get storage.k8s.io/volumeattachments -/va', OK],
  ['get storage.k8s.io/volumeattachments -/other', RELATED],
  // Devices.
  ['get resource.k8s.io/resourceclaims a/named', OK],
  ['get resource.k8s.io/resourceclaims a/made', OK],
  ['get resource.k8s.io/resourceclaims a/extended', OK],
  ['get resource.k8s.io/resourceclaims a/template', RELATED],
  [`create ${SLICE} -/`, OK],
  [`get ${SLICE} -/slice`, OK],
  [`delete ${SLICE} -/slice`, OK],
  [`patch ${SLICE} -/other`, RELATED],
  [`list ${SLICE} -/`, SLICES],
  [`list ${SLICE} -/?spec.nodeName=n1`, OK],
  [`watch ${SLICE} -/?spec.nodeName==n1`, OK],
  [`deletecollection ${SLICE} -/?spec.driver=d,spec.nodeName=n1`, OK],
  [`deletecollection ${SLICE} -/?spec.nodeName=n2`, SLICES],
  [`deletecollection ${SLICE} -/?spec.nodeName!=n1`, SLICES],
  [`deletecollection ${SLICE} -/?spec.nodeName`, SLICES],
  [`update ${SLICE}/status -/slice`, 'cannot authorize ResourceSlice subresources'],
  [
    `escalate ${SLICE} -/slice`,
    'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
  ],
  // Its own node.
  ['get /nodes -/n1', OK],
  ['watch /nodes -/n1', OK],
  ['get /nodes -/n2', "node 'n1' cannot read 'n2', only its own Node object"],
  ['list /nodes -/', "node 'n1' cannot read all nodes, only its own Node object"],
  ['create /nodes -/', OK],
  ['patch /nodes -/n2', OK],
  ['patch /nodes/status -/n1', OK],
  ['get /nodes/status -/n1', SILENT],
  ['delete /nodes -/n1', SILENT],
  ['get /nodes/proxy -/n1', SILENT],
  // Pods.
  ['get /pods a/p', OK],
  ['get /pods a/q', RELATED],
  ['list /pods -/?spec.nodeName=n1', OK],
  ['watch /pods a/?spec.nodeName=n1,metadata.name=p', OK],
  ['list /pods -/', 'can only list/watch pods with spec.nodeName field selector'],
  ['list /pods -/?spec.nodeName=n2', 'can only list/watch pods with spec.nodeName field selector'],
  ['watch /pods a/p', OK],
  ['watch /pods a/q', RELATED],
  ['create /pods a/', OK],
  ['delete /pods a/q', OK],
  ['update /pods a/p', SILENT],
  ['deletecollection /pods a/?spec.nodeName=n1', SILENT],
  ['patch /pods/status a/q', OK],
  ['get /pods/status a/p', SILENT],
  ['create /pods/eviction a/p', OK],
  ['create /pods/exec a/p', SILENT],
  // Service accounts.
  ['get /serviceaccounts a/sa', OK],
  ['get /serviceaccounts a/other', RELATED],
  ['create /serviceaccounts/token a/sa', OK],
  ['create /serviceaccounts/token a/other', RELATED],
  ['create /serviceaccounts a/', 'can only create tokens for individual service accounts'],
  ['list /serviceaccounts a/', 'can only create tokens for individual service accounts'],
  ['create /serviceaccounts a/sa', 'can only create token subresource of serviceaccount'],
  // What is named after it.
  [`patch ${LEASE} kube-node-lease/n1`, OK],
  [`create ${LEASE} kube-node-lease/`, OK],
  [`get ${LEASE} kube-node-lease/n2`, LEASE_NAME],
  [`get ${LEASE} kube-system/n1`, 'can only access leases in the "kube-node-lease" system namespace'],
  [`list ${LEASE} kube-node-lease/`, 'can only get, create, update, patch, or delete a node lease'],
  [`delete ${CSI} -/n1`, OK],
  [`create ${CSI} -/`, OK],
  [`get ${CSI} -/n2`, CSI_NAME],
  [`list ${CSI} -/`, 'can only get, create, update, patch, or delete a CSINode'],
  [`get ${CSI}/status -/n1`, 'cannot authorize CSINode subresources'],
  // Certificates.
  ['create certificates.k8s.io/certificatesigningrequests -/', OK],
  ['watch certificates.k8s.io/certificatesigningrequests -/', OK],
  ['update certificates.k8s.io/certificatesigningrequests/approval -/x', SILENT],
  ['list certificates.k8s.io/clustertrustbundles -/', OK],
  [`create ${PCR} a/`, OK],
  [`get ${PCR} a/pcr`, OK],
  [`get ${PCR} a/other`, RELATED],
  [`watch ${PCR} a/?metadata.name=pcr,spec.nodeName=n1`, OK],
  [`watch ${PCR} a/pcr`, 'can only list/watch podcertificaterequests with nodeName field selector'],
  [`delete ${PCR} a/pcr`, 'nodes may not delete podcertificaterequests'],
  [`update ${PCR}/status a/pcr`, 'nodes may not access the status subresource of PodCertificateRequests'],
  // What every node may do alike.
  ['list /services -/', OK],
  ['create /services a/', SILENT],
  ['get /endpoints a/x', OK],
  ['create /events a/', OK],
  ['patch events.k8s.io/events a/x', OK],
  ['delete /events a/x', SILENT],
  ['get node.k8s.io/runtimeclasses -/x', OK],
  ['list storage.k8s.io/csidrivers -/', OK],
  ['create authentication.k8s.io/tokenreviews -/', OK],
  ['create authorization.k8s.io/subjectaccessreviews -/', OK],
  ['get /constructor a/x', SILENT],
  ['get apps/deployments a/x', SILENT],
];

describe('a kubelet asks to', () => {
  it.each(TABLE)('%s', (request, said) => {
    const { allowed, reason } = authorizer.authorize(asked(request));
    expect(allowed ? OK : reason).toBe(said);
  });
});

describe('the node authorizer', () => {
  it('gives another node nothing of what is this one’s', () => {
    for (const request of ['get /secrets a/s', 'get /persistentvolumes -/pv', 'get /pods a/p', `get ${SLICE} -/slice`])
      expect(authorizer.authorize(asked(request, 'n2')).allowed, request).toBe(false);
  });

  it('has nothing to say of who is no node, and does not know a node without a name', () => {
    const stranger = { ...asked('get /secrets a/s'), user: { username: 'system:node:n1', groups: [] } };
    expect(authorizer.authorize(stranger)).toEqual({ allowed: false, reason: '' });
    expect(authorizer.authorize(asked('get /secrets a/s', ''))).toEqual({
      allowed: false,
      reason: 'unknown node for user "system:node:"',
    });
  });

  it('allows no paths', () => {
    const path: Attributes = { ...asked('get / -/'), isResource: false, path: '/metrics' };
    expect(authorizer.authorize(path)).toEqual({ allowed: false, reason: '' });
  });
});
