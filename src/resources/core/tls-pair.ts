// What is wrong with a certificate and its key, in the words of Go's TLS: Secrets are stored all the same, with a warning.
// Source: https://pkg.go.dev/crypto/tls#X509KeyPair
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type PemBlock, pemBlocks } from '../certificates/pem.ts';

const isKey = (type: string): boolean => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY');

function typesOf(blocks: readonly PemBlock[]): string {
  return `[${blocks.map((block) => block.type).join(' ')}]`;
}

function noCertificate(blocks: readonly PemBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in certificate input';
  if (blocks.length === 1 && first.type.endsWith('PRIVATE KEY'))
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: ${typesOf(blocks)}`;
}

function noKey(blocks: readonly PemBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in key input';
  if (blocks.length === 1 && first.type === 'CERTIFICATE')
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: ${typesOf(blocks)}`;
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Go tries PKCS #1, PKCS #8 and SEC 1, whatever the block is called. */
function privateKey(der: Buffer): KeyObject | undefined {
  for (const type of ['pkcs1', 'pkcs8', 'sec1'] as const) {
    const key = orNothing(() => createPrivateKey({ key: der, format: 'der', type }));
    if (key !== undefined) return key;
  }
  return undefined;
}

function mismatch(certificate: X509Certificate, key: KeyObject): string | undefined {
  if (certificate.publicKey.asymmetricKeyType !== key.asymmetricKeyType)
    return 'tls: private key type does not match public key type';
  return createPublicKey(key).equals(certificate.publicKey) ? undefined : 'tls: private key does not match public key';
}

/** Undefined for a pair that fits. Both are PEM. */
export function tlsPairProblem(certificate: string, key: string): string | undefined {
  const certificates = pemBlocks(certificate);
  const first = certificates.find((block) => block.type === 'CERTIFICATE');
  if (first === undefined) return noCertificate(certificates);
  const keys = pemBlocks(key);
  const found = keys.find((block) => isKey(block.type));
  if (found === undefined) return noKey(keys);
  const parsed = orNothing(() => new X509Certificate(first.bytes));
  if (parsed === undefined) return 'x509: malformed certificate';
  const secret = privateKey(found.bytes);
  return secret === undefined ? 'tls: failed to parse private key' : mismatch(parsed, secret);
}
