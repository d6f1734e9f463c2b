// Signs certificate requests with the cluster's authority, for the controller that answers them.
import type * as x509 from '@peculiar/x509';
import type { CertificateAuthority, RequestFacts } from '../controllers/index.ts';
import type { Clock } from '../host/clock.ts';
import { ALGORITHM, importKey, type KeyPair, loadX509, serial } from './pki.ts';

/** Clocks differ: certificates begin a little before now. */
const BACKDATE_MS = 5 * 60_000;
/** The default of kube-controller-manager's --cluster-signing-duration. */
const LONGEST_MS = 365 * 24 * 3_600_000;

type Library = typeof x509;

export function certificateAuthority(ca: KeyPair, clock: Clock): CertificateAuthority {
  return {
    async read(pem) {
      const lib = await loadX509();
      return factsOf(lib, new lib.Pkcs10CertificateRequest(pem));
    },
    async sign({ request: pem, usages, seconds }) {
      const lib = await loadX509();
      const request = new lib.Pkcs10CertificateRequest(pem);
      const caCert = new lib.X509Certificate(ca.cert);
      const now = clock.now();
      const wanted = seconds === undefined ? LONGEST_MS : Math.min(seconds * 1000, LONGEST_MS);
      const names = alternativeNames(lib, request);
      const certificate = await lib.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: request.subjectName,
        issuer: caCert.subjectName,
        notBefore: new Date(now - BACKDATE_MS),
        notAfter: new Date(Math.min(now - BACKDATE_MS + wanted, caCert.notAfter.getTime())),
        signingAlgorithm: ALGORITHM,
        publicKey: request.publicKey,
        signingKey: await importKey(ca.key),
        extensions: [
          ...usageExtensions(lib, usages),
          new lib.BasicConstraintsExtension(false, undefined, true),
          await lib.AuthorityKeyIdentifierExtension.create(caCert.publicKey),
          ...(names === undefined ? [] : [names]),
        ],
      });
      return `${certificate.toString('pem')}\n`;
    },
  };
}

function alternativeNames(
  lib: Library,
  request: x509.Pkcs10CertificateRequest,
): x509.SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((one) => one instanceof lib.SubjectAlternativeNameExtension);
}

function factsOf(lib: Library, request: x509.Pkcs10CertificateRequest): RequestFacts {
  const names = alternativeNames(lib, request)?.names.items ?? [];
  const of = (type: x509.GeneralNameType) => names.filter((n) => n.type === type).map((n) => n.value);
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    addresses: of('ip'),
    emails: of('email'),
    uris: of('url'),
  };
}

/** Kubernetes' words for what a certificate is for, and theirs. Source: KeyUsage in certificates.k8s.io/v1 */
function usageExtensions(lib: Library, usages: readonly string[]): x509.Extension[] {
  const flags: ReadonlyMap<string, x509.KeyUsageFlags> = new Map([
    ['signing', lib.KeyUsageFlags.digitalSignature],
    ['digital signature', lib.KeyUsageFlags.digitalSignature],
    ['key encipherment', lib.KeyUsageFlags.keyEncipherment],
  ]);
  const purposes: ReadonlyMap<string, x509.ExtendedKeyUsageType> = new Map([
    ['client auth', lib.ExtendedKeyUsage.clientAuth],
    ['server auth', lib.ExtendedKeyUsage.serverAuth],
  ]);
  const bits = usages.reduce((all, usage) => all | (flags.get(usage) ?? 0), 0);
  const oids = usages.flatMap((usage) => purposes.get(usage) ?? []);
  return [
    ...(bits === 0 ? [] : [new lib.KeyUsagesExtension(bits, true)]),
    ...(oids.length === 0 ? [] : [new lib.ExtendedKeyUsageExtension(oids)]),
  ];
}
