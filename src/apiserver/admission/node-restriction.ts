// NodeRestriction: a kubelet changes its own node and the pods bound to it, and nothing else.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction

import { deepEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { TokenRequest } from '../../resources/generated/authentication-v1.ts';
import type { Node, Pod } from '../../resources/generated/core-v1.ts';
import { nodeOf } from '../auth/node-authorizer.ts';
import type { LiveLookup } from './lookup.ts';
import { isResource, MIRROR_ANNOTATION, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const LEASES = 'kube-node-lease';
const RESTRICTED_LABEL = /(^|\.)node-restriction\.kubernetes\.io\//;

function checkNewPod(request: AdmissionRequest, node: string): void {
  const pod = request.object as Pod & KubeObject;
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) {
    throw refuse(
      request,
      `pod does not have "${MIRROR_ANNOTATION}" annotation, node ${JSON.stringify(node)} can only create mirror pods`,
    );
  }
  if (pod.spec?.nodeName !== node)
    throw refuse(request, `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`);
  const { serviceAccountName, volumes = [] } = pod.spec;
  if ((serviceAccountName ?? '') !== '') {
    throw refuse(request, `node ${JSON.stringify(node)} can not create pods that reference a service account`);
  }
  for (const volume of volumes) {
    if (volume.secret !== undefined || volume.configMap !== undefined || volume.persistentVolumeClaim !== undefined) {
      throw refuse(
        request,
        `node ${JSON.stringify(node)} can not create pods that reference secrets, config maps or claims`,
      );
    }
  }
}

function checkBoundPod(request: AdmissionRequest, node: string, pod: Pod | undefined): void {
  if (pod === undefined || pod.spec?.nodeName === node) return;
  const what = request.operation === 'DELETE' ? 'delete pods' : 'update pod status for pods';
  throw refuse(request, `node ${JSON.stringify(node)} can only ${what} with spec.nodeName set to itself`);
}

function changedLabels(now: Node & KubeObject, before: (Node & KubeObject) | undefined): string[] {
  const a = now.metadata.labels ?? {};
  const b = before?.metadata.labels ?? {};
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => a[key] !== b[key] && RESTRICTED_LABEL.test(key)).sort();
}

function checkNode(request: AdmissionRequest, node: string): void {
  if (request.name !== node && request.operation !== 'DELETE') {
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(request.name)}`);
  }
  if (request.object === undefined) return;
  const now = request.object as Node & KubeObject;
  const before = request.old as (Node & KubeObject) | undefined;
  const labels = changedLabels(now, before);
  if (labels.length > 0) throw refuse(request, `is not allowed to modify labels: ${labels.join(', ')}`);
  if (
    request.operation === 'UPDATE' &&
    request.subresource === '' &&
    !deepEqual(now.spec?.taints, before?.spec?.taints)
  ) {
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify taints`);
  }
}

function checkLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== LEASES) {
    throw refuse(request, `can only access leases in the ${JSON.stringify(LEASES)} system namespace`);
  }
  if (request.name !== node)
    throw refuse(request, 'can only access node lease with the same name as the requesting node');
}

async function checkToken(request: AdmissionRequest, node: string, lookup: LiveLookup): Promise<void> {
  const ref = (request.object as TokenRequest | undefined)?.spec?.boundObjectRef;
  if (ref === undefined || ref === null || ref.kind !== 'Pod' || (ref.name ?? '') === '') {
    throw refuse(request, 'node requested token not bound to a pod');
  }
  const pod = (await lookup('pods', request.namespace, ref.name ?? '')) as Pod | undefined;
  if (pod?.spec?.nodeName !== node) {
    throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
  }
}

export function nodeRestriction(lookup: LiveLookup): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async admit(request) {
      const node = nodeOf(request.user);
      if (node === undefined) return;
      if (isResource(request, '', 'pods') && request.operation === 'CREATE') checkNewPod(request, node);
      else if (isResource(request, '', 'pods', 'status')) checkBoundPod(request, node, request.old as Pod | undefined);
      else if (isResource(request, '', 'pods') && request.operation === 'UPDATE') {
        throw refuse(
          request,
          `unexpected operation "UPDATE", node ${JSON.stringify(node)} can only create and delete mirror pods`,
        );
      } else if (isResource(request, '', 'nodes') || isResource(request, '', 'nodes', 'status'))
        checkNode(request, node);
      else if (isResource(request, 'coordination.k8s.io', 'leases')) checkLease(request, node);
      else if (isResource(request, '', 'serviceaccounts', 'token')) await checkToken(request, node, lookup);
      else if (isResource(request, 'storage.k8s.io', 'csinodes') && request.name !== node) {
        throw refuse(request, 'can only access CSINode with the same name as the requesting node');
      }
    },
    validate(request) {
      const node = nodeOf(request.user);
      if (node === undefined || request.operation !== 'DELETE') return;
      if (isResource(request, '', 'pods')) checkBoundPod(request, node, request.old as Pod | undefined);
    },
  };
}
