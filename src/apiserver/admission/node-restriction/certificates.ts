// Which certificates a kubelet may ask for: its own, and those of pods that it runs.
// Sources: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction and KEP-4317 (PodCertificateRequest)
import { isApiError } from '../../../machinery/errors.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { CertificateSigningRequest } from '../../../resources/generated/certificates-v1.ts';
import type { PodCertificateRequest } from '../../../resources/generated/certificates-v1beta1.ts';
import { plainError } from '../../http/responses.ts';
import type { LiveLookup } from '../lookup.ts';
import { MIRROR_ANNOTATION, refuse } from '../match.ts';
import type { AdmissionRequest } from '../plugin.ts';
import { podNamed } from './pods.ts';

const KUBELET_SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];

/** The common name that a PEM certificate request in base64 asks for. */
async function commonNameOf(requestBase64: string): Promise<string> {
  // Its dependency wants to be there first; both are loaded only when such a request comes.
  await import('reflect-metadata');
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
  const pem = Buffer.from(requestBase64, 'base64').toString('utf8');
  if (/-----BEGIN ([^-\n]*)-----/.exec(pem)?.[1] !== 'CERTIFICATE REQUEST')
    throw new Error('PEM block type must be CERTIFICATE REQUEST');
  return new Pkcs10CertificateRequest(pem).subjectName.getField('CN').at(-1) ?? '';
}

export async function checkCertificateRequest(request: AdmissionRequest, node: string): Promise<void> {
  if (request.operation !== 'CREATE') return;
  const { spec } = request.object as CertificateSigningRequest & KubeObject;
  if (!KUBELET_SIGNERS.includes(spec?.signerName ?? '')) return;
  const name = await commonNameOf(spec?.request ?? '').catch((error: unknown) => {
    throw refuse(request, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (name !== `system:node:${node}`) throw refuse(request, `can only create a node CSR with CN=system:node:${node}`);
}

/** What a copy of the API that lags behind may explain is no refusal: the kubelet asks again. */
function stale(what: string): Error {
  return plainError(what);
}

async function checkPodOf(request: AdmissionRequest, lookup: LiveLookup): Promise<string> {
  const { namespace } = request;
  const { spec } = request.object as PodCertificateRequest & KubeObject;
  const { podName = '', podUID = '', nodeName = '', serviceAccountName = '' } = spec ?? {};
  const shown = JSON.stringify(`${namespace}/${podName}`);
  const pod = await podNamed(lookup, namespace, podName).catch((error: unknown) => {
    if (!isApiError(error, 'NotFound')) throw error;
    throw stale(`while retrieving pod ${shown} named in the PodCertificateRequest: ${(error as Error).message}`);
  });
  const { uid = '', annotations } = pod.metadata;
  if (podUID !== uid) {
    const differs = `which differs from running pod ${JSON.stringify(uid)}`;
    throw stale(`PodCertificateRequest for pod ${shown} contains pod UID (${JSON.stringify(podUID)}) ${differs}`);
  }
  if (pod.spec?.nodeName !== nodeName) {
    const where = `node ${JSON.stringify(nodeName)} named in the PodCertificateRequest`;
    throw refuse(request, `pod ${shown} is not running on ${where}`);
  }
  if (annotations?.[MIRROR_ANNOTATION] !== undefined) throw refuse(request, `pod ${shown} is a mirror pod`);
  const account = pod.spec.serviceAccountName ?? '';
  if (serviceAccountName !== account) {
    const told = `contains serviceAccountName (${JSON.stringify(serviceAccountName)})`;
    const differs = `that differs from running pod (${JSON.stringify(account)})`;
    throw refuse(request, `PodCertificateRequest for pod ${shown} ${told} ${differs}`);
  }
  return shown;
}

export async function checkPodCertificateRequest(
  request: AdmissionRequest,
  node: string,
  lookup: LiveLookup,
): Promise<void> {
  if (request.operation !== 'CREATE') throw refuse(request, `unexpected operation ${request.operation}`);
  if (request.subresource !== '') throw refuse(request, `unexpected subresource ${request.subresource}`);
  const { namespace } = request;
  const { spec } = request.object as PodCertificateRequest & KubeObject;
  const { nodeName = '', nodeUID = '', podName = '', serviceAccountName = '', serviceAccountUID = '' } = spec ?? {};
  if (nodeName !== node) {
    const told = `PodCertificateRequest.Spec.NodeName=${JSON.stringify(nodeName)}`;
    throw refuse(request, `${told}, which is not the requesting node ${JSON.stringify(node)}`);
  }
  const found = await lookup('nodes', '', nodeName);
  const where = `node ${JSON.stringify(nodeName)}`;
  if (found === undefined)
    throw stale(`while retrieving ${where} named in the PodCertificateRequest: ${where} not found`);
  const pod = JSON.stringify(`${namespace}/${podName}`);
  if (found.metadata.uid !== nodeUID) {
    const told = `names node UID ${JSON.stringify(nodeUID)}`;
    const running = JSON.stringify(found.metadata.uid ?? '');
    throw stale(`PodCertificateRequest for pod ${pod} ${told}, inconsistent with the running node (${running})`);
  }
  await checkPodOf(request, lookup);
  const account = await lookup('serviceaccounts', namespace, serviceAccountName);
  if (account === undefined) {
    const key = JSON.stringify(`${namespace}/${serviceAccountName}`);
    const missing = `serviceaccount ${JSON.stringify(serviceAccountName)} not found`;
    throw stale(`while retrieving service account ${key} named in the PodCertificateRequest: ${missing}`);
  }
  if (account.metadata.uid !== serviceAccountUID) {
    const told = `names service account UID ${JSON.stringify(serviceAccountUID)}`;
    const running = JSON.stringify(account.metadata.uid ?? '');
    throw stale(
      `PodCertificateRequest for pod ${pod} ${told}, which differs from the running service account (${running})`,
    );
  }
}
