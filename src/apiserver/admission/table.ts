// The ordered table of admission plugins: the order in which Kubernetes runs them.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#which-plugins-are-enabled-by-default
import type { Random } from '../../host/clock.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../../resources/generated/admissionregistration-v1.ts';
import type { LimitRange, Namespace, ResourceQuota, ServiceAccount } from '../../resources/generated/core-v1.ts';
import type { IngressClass } from '../../resources/generated/networking-v1.ts';
import type { RuntimeClass } from '../../resources/generated/node-v1.ts';
import type { PriorityClass } from '../../resources/generated/scheduling-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import type { Store } from '../../store/index.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { Caches } from '../registry/caches.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { ServiceRoutes } from '../registry/service-address.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { claimResize } from './claim-resize.ts';
import { peersAmong } from './dynamic/equivalent.ts';
import { limitRanger } from './limit-ranger.ts';
import { liveLookup } from './lookup.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction/plugin.ts';
import type { AdmissionMeter, AdmissionPlugin } from './plugin.ts';
import { podResize } from './pod-resize.ts';
import { podSecurity } from './pod-security/index.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { mutatingPolicies, type PolicyParts, paramSource, validatingPolicies } from './policies/index.ts';
import { priorityAdmission } from './priority.ts';
import { resourceQuota } from './quota/plugin.ts';
import { runtimeClassAdmission } from './runtime-class.ts';
import { serviceAccountAdmission } from './service-account.ts';
import {
  defaultIngressClass,
  defaultStorageClass,
  defaultTolerationSeconds,
  storageObjectInUseProtection,
  taintNodesByCondition,
} from './small-plugins.ts';
import { mutatingWebhooks, type ServiceResolver, validatingWebhooks, type WebhookParts } from './webhooks/index.ts';

export interface AdmissionParts {
  readonly caches: Caches;
  readonly random: Random;
  readonly route: ServiceRoutes;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly authorizer: Authorizer;
  readonly meter?: AdmissionMeter | undefined;
}

/** Where the Services of webhooks are reached. */
export function serviceResolver(route: ServiceRoutes): ServiceResolver {
  return async (namespace, name, port) => route(namespace, name, port);
}

function webhookParts({ caches, random, route, catalog, authorizer, meter }: AdmissionParts): WebhookParts {
  const group = 'admissionregistration.k8s.io/v1';
  const mutating = caches.of<MutatingWebhookConfiguration & KubeObject>(`${group}/mutatingwebhookconfigurations`);
  const validating = caches.of<ValidatingWebhookConfiguration & KubeObject>(`${group}/validatingwebhookconfigurations`);
  const namespaces = caches.of('/v1/namespaces');
  return {
    mutating: () => mutating.list(),
    validating: () => validating.list(),
    namespaceLabels: (name) => namespaces.get(name)?.metadata.labels,
    peers: peersAmong(() => catalog.all()),
    resolveService: serviceResolver(route),
    random,
    authorizer,
    meter,
  };
}

function policyParts({ caches, random, store, catalog, authorizer }: AdmissionParts): PolicyParts {
  const namespaces = caches.of('/v1/namespaces');
  return {
    peers: peersAmong(() => catalog.all()),
    params: paramSource(store, catalog),
    authorizer,
    namespaceOf: (name) => namespaces.get(name),
    newUid: () => random.uuid(),
  };
}

function validatingPolicyPlugin(parts: AdmissionParts): AdmissionPlugin {
  const group = 'admissionregistration.k8s.io/v1';
  const policies = parts.caches.of<ValidatingAdmissionPolicy & KubeObject>(`${group}/validatingadmissionpolicies`);
  const bindings = parts.caches.of<ValidatingAdmissionPolicyBinding & KubeObject>(
    `${group}/validatingadmissionpolicybindings`,
  );
  return validatingPolicies({
    ...policyParts(parts),
    policies: () => policies.list(),
    bindings: () => bindings.list(),
  });
}

function mutatingPolicyPlugin(parts: AdmissionParts): AdmissionPlugin {
  const group = 'admissionregistration.k8s.io/v1';
  const policies = parts.caches.of<MutatingAdmissionPolicy & KubeObject>(`${group}/mutatingadmissionpolicies`);
  const bindings = parts.caches.of<MutatingAdmissionPolicyBinding & KubeObject>(
    `${group}/mutatingadmissionpolicybindings`,
  );
  return mutatingPolicies({ ...policyParts(parts), policies: () => policies.list(), bindings: () => bindings.list() });
}

export function admissionPlugins(parts: AdmissionParts): AdmissionPlugin[] {
  const { caches, random } = parts;
  const webhooks = webhookParts(parts);
  return [
    namespaceLifecycle(caches.of<Namespace & KubeObject>('/v1/namespaces')),
    limitRanger(caches.of<LimitRange & KubeObject>('/v1/limitranges')),
    serviceAccountAdmission(caches.of<ServiceAccount & KubeObject>('/v1/serviceaccounts'), random),
    nodeRestriction({ lookup: liveLookup(parts.store, parts.catalog), authorizer: parts.authorizer }),
    podResize(liveLookup(parts.store, parts.catalog)),
    taintNodesByCondition,
    podTopologyLabels(liveLookup(parts.store, parts.catalog)),
    podSecurity(caches.of<Namespace & KubeObject>('/v1/namespaces')),
    priorityAdmission(caches.of<PriorityClass & KubeObject>('scheduling.k8s.io/v1/priorityclasses')),
    defaultTolerationSeconds,
    defaultStorageClass(caches.of<StorageClass & KubeObject>('storage.k8s.io/v1/storageclasses')),
    storageObjectInUseProtection,
    claimResize(caches.of<StorageClass & KubeObject>('storage.k8s.io/v1/storageclasses')),
    runtimeClassAdmission(caches.of<RuntimeClass & KubeObject>('node.k8s.io/v1/runtimeclasses')),
    defaultIngressClass(caches.of<IngressClass & KubeObject>('networking.k8s.io/v1/ingressclasses')),
    certificateApproval(parts.authorizer),
    certificateSigning(parts.authorizer),
    certificateSubjectRestriction,
    mutatingPolicyPlugin(parts),
    mutatingWebhooks(webhooks),
    validatingPolicyPlugin(parts),
    validatingWebhooks(webhooks),
    resourceQuota({
      quotas: caches.of<ResourceQuota & KubeObject>('/v1/resourcequotas'),
      store: parts.store,
      catalog: parts.catalog,
    }),
  ];
}
