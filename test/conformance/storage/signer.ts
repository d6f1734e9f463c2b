// A signer of pod certificates, as someone would write one beside a cluster: it answers the requests that name it.
import { createHash, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Client, POD_CERTIFICATE_REQUESTS } from '../../../src/client/index.ts';
import type { PodCertificateRequest } from '../../../src/resources/generated/certificates-v1beta1.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 3600 * 1000;

/** Certificates hold whole seconds. */
const seconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
const time = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;

export interface Answer {
  readonly deny?: { readonly reason: string; readonly message: string };
  /** From now; by default long. */
  readonly refreshInMs?: number;
}

export class TestSigner {
  private constructor(
    private readonly keys: webcrypto.CryptoKeyPair,
    readonly authority: X509Certificate,
  ) {}

  static async open(name: string): Promise<TestSigner> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const authority = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      notBefore: seconds(Date.now() - DAY),
      notAfter: seconds(Date.now() + DAY),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestSigner(keys, authority);
  }

  private async issue(request: PodCertificateRequest): Promise<X509Certificate> {
    const csr = new Pkcs10CertificateRequest(Buffer.from(request.spec?.stubPKCS10Request ?? '', 'base64'));
    if (!(await csr.verify())) throw new Error('the request is not signed with its own key');
    return X509CertificateGenerator.create({
      serialNumber: createHash('sha256')
        .update(request.metadata.uid ?? '')
        .digest('hex')
        .slice(0, 14),
      subject: `CN=${request.spec?.podName}`,
      issuer: this.authority.subject,
      notBefore: seconds(Date.now() - 60_000),
      notAfter: seconds(Date.now() + 3600_000),
      signingAlgorithm: ALGORITHM,
      publicKey: csr.publicKey,
      signingKey: this.keys.privateKey,
    });
  }

  /** Answers one request: issues, or denies. */
  async answer(
    client: Client,
    request: PodCertificateRequest,
    { deny, refreshInMs = 1800_000 }: Answer,
  ): Promise<void> {
    const { namespace = '', name = '' } = request.metadata;
    const lastTransitionTime = time(new Date());
    const condition = (type: string, reason: string, message: string) => [
      { type, status: 'True', reason, message, lastTransitionTime },
    ];
    const requests = client.resource(POD_CERTIFICATE_REQUESTS);
    if (deny !== undefined) {
      const status = { conditions: condition('Denied', deny.reason, deny.message) };
      await requests.patch(namespace, name, 'merge', { status }, { subresource: 'status' });
      return;
    }
    const leaf = await this.issue(request);
    const status = {
      conditions: condition('Issued', 'Tested', 'issued'),
      certificateChain: `${leaf.toString('pem')}\n${this.authority.toString('pem')}\n`,
      notBefore: time(leaf.notBefore),
      beginRefreshAt: time(seconds(Date.now() + refreshInMs)),
      notAfter: time(leaf.notAfter),
    };
    await requests.patch(namespace, name, 'merge', { status }, { subresource: 'status' });
  }
}
