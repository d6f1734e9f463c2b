// The signers' rules, and when requests are cleared away.
import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../resources/generated/certificates-v1.ts';
import type { RequestFacts } from '../shared/context.ts';
import { endOfRequest, refusalOf, waitsForCertificate } from './rules.ts';

const CLIENT = 'kubernetes.io/kube-apiserver-client';
const SERVING = 'kubernetes.io/kubelet-serving';
const bob: RequestFacts = {
  commonName: 'bob',
  organizations: ['devs'],
  dnsNames: [],
  addresses: [],
  emails: [],
  uris: [],
};
const node: RequestFacts = {
  ...bob,
  commonName: 'system:node:a',
  organizations: ['system:nodes'],
  addresses: ['10.0.0.1'],
};
const MADE = '2026-01-01T00:00:00Z';
const at = (hours: number) => Date.parse(MADE) + hours * 3_600_000;

function request(types: readonly string[], certificate?: string, signerName = CLIENT): CertificateSigningRequest {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'x', creationTimestamp: MADE },
    spec: { request: '', signerName, usages: ['client auth'] },
    status: {
      conditions: types.map((type) => ({ type, status: 'True', lastUpdateTime: MADE })),
      ...(certificate === undefined ? {} : { certificate }),
    },
  };
}

describe('certificate requests', () => {
  it('wait for a certificate once they are approved, for a signer of the cluster', () => {
    expect(waitsForCertificate(request(['Approved']))).toBe(true);
    expect(waitsForCertificate(request([]))).toBe(false);
    expect(waitsForCertificate(request(['Denied']))).toBe(false);
    expect(waitsForCertificate(request(['Approved', 'Failed']))).toBe(false);
    expect(waitsForCertificate(request(['Approved'], 'YQ=='))).toBe(false);
    expect(waitsForCertificate(request(['Approved'], undefined, 'example.com/mine'))).toBe(false);
  });

  it('are refused for usages that the signer does not give', () => {
    expect(refusalOf(CLIENT, bob, ['client auth', 'digital signature'])).toBeUndefined();
    expect(refusalOf(CLIENT, bob, ['digital signature'])).toBe(
      'missing required usage for client certificate: client auth',
    );
    expect(refusalOf(CLIENT, bob, ['client auth', 'server auth'])).toBe(
      'invalid usage for client certificate: server auth',
    );
  });

  it('of nodes bear the name of a node and an address', () => {
    expect(refusalOf(SERVING, node, ['server auth', 'digital signature'])).toBeUndefined();
    expect(refusalOf(SERVING, { ...node, addresses: [] }, ['server auth', 'digital signature'])).toBe(
      'DNS or IP subjectAltName is required',
    );
    expect(refusalOf(SERVING, bob, ['server auth', 'digital signature'])).toBe(
      'subject organization is not system:nodes',
    );
    expect(refusalOf(SERVING, node, ['client auth', 'digital signature'])).toBe('usages did not match expected');
  });

  it('are cleared away an hour after the answer, a day after nobody answered', () => {
    expect(endOfRequest(request([]))).toBe(at(24));
    expect(endOfRequest(request(['Approved'], 'YQ=='))).toBe(at(1));
    expect(endOfRequest(request(['Denied']))).toBe(at(1));
    expect(endOfRequest(request(['Approved']))).toBeUndefined();
  });
});
