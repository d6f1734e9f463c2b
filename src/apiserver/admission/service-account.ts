// ServiceAccount: every pod has one, and its token, the cluster's CA and the namespace's name mounted.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
import type { Random } from '../../host/clock.ts';
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '../../resources/generated/core-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource, MIRROR_ANNOTATION, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and some seconds: kubelets renew the token long before. */
const EXPIRATION_SECONDS = 3607;

function accessVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 420,
    },
  };
}

function hasMount(container: Container): boolean {
  return (container.volumeMounts ?? []).some((mount) => mount.mountPath === MOUNT_PATH);
}

function mountToken(spec: PodSpec, random: Random): void {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const existing = (spec.volumes ?? []).find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = existing?.name ?? `${VOLUME_PREFIX}${random.suffix(5)}`;
  let used = false;
  for (const container of containers) {
    if (hasMount(container)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }];
    used = true;
  }
  if (used && existing === undefined) spec.volumes = [...(spec.volumes ?? []), accessVolume(name)];
}

function wantsToken(account: ServiceAccount, spec: PodSpec): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

function checkMirror(request: AdmissionRequest, spec: PodSpec): void {
  if ((spec.serviceAccountName ?? '') !== '') throw refuse(request, 'a mirror pod may not reference service accounts');
  for (const volume of spec.volumes ?? []) {
    if (volume.secret !== undefined) throw refuse(request, 'a mirror pod may not reference secrets');
    if (volume.projected?.sources?.some((source) => source.serviceAccountToken !== undefined) === true) {
      throw refuse(request, 'a mirror pod may not use ServiceAccountToken volume projections');
    }
  }
}

export function serviceAccountAdmission(accounts: LiveCache<ServiceAccount>, random: Random): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    operations: ['CREATE'],
    admit(request) {
      if (!isResource(request, '', 'pods')) return;
      const pod = request.object as Pod;
      const { spec } = pod;
      if (spec === undefined) return;
      if (pod.metadata?.annotations?.[MIRROR_ANNOTATION] !== undefined) {
        checkMirror(request, spec);
        return;
      }
      if ((spec.serviceAccountName ?? '') === '') spec.serviceAccountName = 'default';
      spec.serviceAccount = spec.serviceAccountName;
      const name = spec.serviceAccountName ?? '';
      const account = accounts.get(`${request.namespace}/${name}`);
      if (account === undefined) {
        const text = `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`;
        throw refuse(request, text);
      }
      if (wantsToken(account, spec)) mountToken(spec, random);
      const secrets = account.imagePullSecrets ?? [];
      if ((spec.imagePullSecrets ?? []).length === 0 && secrets.length > 0) {
        spec.imagePullSecrets = secrets.map((secret) => ({ ...secret }));
      }
    },
  };
}
