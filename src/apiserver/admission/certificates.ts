// Who may approve and sign certificate requests, and which subjects a client certificate may not have.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificateapproval

import type { UserInfo } from '../../machinery/http.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { CertificateSigningRequest } from '../../resources/generated/certificates-v1.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const GROUP = 'certificates.k8s.io';
const PLURAL = 'certificatesigningrequests';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const MASTERS = 'system:masters';

type Csr = CertificateSigningRequest & KubeObject;

/** The right is for the signer by name, or for all signers of its domain. */
function maySign(authorizer: Authorizer, user: UserInfo, verb: string, signer: string): boolean {
  const domain = `${signer.split('/')[0] ?? ''}/*`;
  return [signer, domain].some((name) => {
    const attributes = {
      user,
      verb,
      isResource: true,
      group: GROUP,
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    };
    return authorizer.authorize(attributes).allowed;
  });
}

function check(request: AdmissionRequest, authorizer: Authorizer, verb: string): void {
  const signer = (request.old as Csr | undefined)?.spec?.signerName ?? '';
  if (!maySign(authorizer, request.user, verb, signer)) {
    throw refuse(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`);
  }
}

export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    operations: ['UPDATE'],
    validate(request) {
      if (isResource(request, GROUP, PLURAL, 'approval')) check(request, authorizer, 'approve');
    },
  };
}

export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    operations: ['UPDATE'],
    validate(request) {
      if (!isResource(request, GROUP, PLURAL, 'status')) return;
      const now = (request.object as Csr).status;
      const before = (request.old as Csr).status;
      const failed = (csr: Csr['status']): unknown => (csr?.conditions ?? []).filter((c) => c.type === 'Failed');
      if (now?.certificate === before?.certificate && deepEqual(failed(now), failed(before))) return;
      check(request, authorizer, 'sign');
    },
  };
}

/** The organizations that a PEM certificate request asks for. */
async function organizationsOf(requestBase64: string): Promise<string[]> {
  // Its dependency wants to be there first; both are loaded only when such a request comes.
  await import('reflect-metadata');
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
  const pem = Buffer.from(requestBase64, 'base64').toString('utf8');
  return new Pkcs10CertificateRequest(pem).subjectName.getField('O');
}

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  operations: ['CREATE'],
  async validate(request) {
    if (!isResource(request, GROUP, PLURAL)) return;
    const { spec } = request.object as Csr;
    if (spec?.signerName !== CLIENT_SIGNER) return;
    const organizations = await organizationsOf(spec.request ?? '');
    if (organizations.includes(MASTERS)) {
      throw refuse(request, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
    }
  },
};
