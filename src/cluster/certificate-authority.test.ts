// The cluster's authority answers certificate requests with certificates that its own CA vouches for.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../host/clock.ts';
import { certificateAuthority } from './certificate-authority.ts';
import { ensurePki, loadX509, type Pki } from './pki.ts';

const directory = mkdtempSync(join(tmpdir(), 'minke-authority-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function requestPem(): Promise<string> {
  const lib = await loadX509();
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await crypto.subtle.generateKey({ ...algorithm, modulusLength: 2048 }, true, ['sign', 'verify']);
  const request = await lib.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=bob, O=devs, O=ops',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new lib.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'bob.example.com' },
        { type: 'ip', value: '10.1.2.3' },
      ]),
    ],
  });
  return request.toString('pem');
}

describe('the authority', () => {
  let pki: Pki;
  let pem: string;
  beforeAll(async () => {
    pki = await ensurePki({ directory, hosts: ['localhost'], now: Date.now() });
    pem = await requestPem();
  });

  it('reads what a request asks for', async () => {
    expect(await certificateAuthority(pki.ca, systemClock).read(pem)).toEqual({
      commonName: 'bob',
      organizations: ['devs', 'ops'],
      dnsNames: ['bob.example.com'],
      addresses: ['10.1.2.3'],
      emails: [],
      uris: [],
    });
  });

  it('signs it for as long as asked, with the names of the request', async () => {
    const authority = certificateAuthority(pki.ca, systemClock);
    const order = { request: pem, usages: ['client auth', 'digital signature'], seconds: 3600 };
    const cert = new X509Certificate(await authority.sign(order));
    expect(cert.verify(new X509Certificate(pki.ca.cert).publicKey)).toBe(true);
    expect(cert.subject.split('\n')).toEqual(['CN=bob', 'O=devs', 'O=ops']);
    expect(cert.checkHost('bob.example.com')).toBe('bob.example.com');
    expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    const length = Date.parse(cert.validTo) - Date.parse(cert.validFrom);
    expect(length).toBe(3600_000);
    expect(Date.parse(cert.validFrom)).toBeLessThan(Date.now());
  });
});
