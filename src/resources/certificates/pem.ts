// PEM blocks, read as Go reads them, and what is wrong with certificates and requests in them.
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { readDer } from './der.ts';

export interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly bytes: Buffer;
}

const BLOCK = /-----BEGIN ([^-]+)-----\r?\n((?:[^\n:]+:[^\n]*\n)*)([^-]*)-----END \1-----/g;

export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(BLOCK)].map((match) => ({
    type: match[1] ?? '',
    hasHeaders: (match[2] ?? '') !== '',
    bytes: Buffer.from((match[3] ?? '').replace(/\s/g, ''), 'base64'),
  }));
}

/** Hashes by the OID of the signature algorithm; undefined: the key's own (Ed25519). */
const HASHES = new Map<string, string | undefined>([
  ['1.2.840.113549.1.1.5', 'sha1'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.1', 'sha1'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.3.101.112', undefined],
]);

function oidText(bytes: Buffer): string {
  const first = bytes[0] ?? 0;
  const parts = [Math.floor(first / 40), first % 40];
  let value = 0;
  for (const byte of bytes.subarray(1)) {
    value = value * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    parts.push(value);
    value = 0;
  }
  return parts.join('.');
}

function signatureProblem(request: Buffer): string | undefined {
  const whole = readDer(request);
  const [info, algorithm, signature] = whole?.children() ?? [];
  const [oid] = algorithm?.children() ?? [];
  const [, , spki] = info?.children() ?? [];
  if (info === undefined || oid === undefined || signature === undefined || spki === undefined)
    return 'asn1: structure error: malformed certificate request';
  const name = oidText(oid.content);
  if (!HASHES.has(name)) return 'x509: cannot verify signature: algorithm unimplemented';
  const key = createPublicKey({ key: spki.raw, format: 'der', type: 'spki' });
  // A bit string begins with the number of unused bits.
  const good = verify(HASHES.get(name), info.raw, key, signature.content.subarray(1));
  if (good) return undefined;
  return key.asymmetricKeyType === 'rsa' ? 'crypto/rsa: verification error' : 'x509: ECDSA verification failure';
}

/** Undefined for a good certificate request. `base64` is the wire form of the field. */
export function requestProblem(base64: string | undefined): string | undefined {
  const [block] = pemBlocks(Buffer.from(base64 ?? '', 'base64').toString('latin1'));
  if (block === undefined || block.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    return signatureProblem(block.bytes);
  } catch {
    return 'asn1: structure error: malformed certificate request';
  }
}

/** Undefined for a good chain of certificates. */
export function certificatesProblem(pem: string): string | undefined {
  const blocks = pemBlocks(pem);
  for (const block of blocks) {
    if (block.type !== 'CERTIFICATE')
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(block.type)}`;
    if (block.hasHeaders) return 'no PEM block headers are permitted';
    if (!isCertificate(block.bytes)) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

export function isCertificate(der: Buffer): boolean {
  try {
    new X509Certificate(der);
    return true;
  } catch {
    return false;
  }
}
