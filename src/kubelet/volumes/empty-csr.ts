// A key pair, and a certificate signing request that says nothing but that whoever asks has the key. https://datatracker.ietf.org/doc/html/rfc2986
import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

const CURVES: Readonly<Record<string, string>> = { ECDSAP256: 'P-256', ECDSAP384: 'P-384', ECDSAP521: 'P-521' };
const RSA_BITS: Readonly<Record<string, number>> = { RSA3072: 3072, RSA4096: 4096 };

/** Object identifiers of signatures, in DER, with the digest to sign with. */
const SIGNATURES: Readonly<Record<string, { readonly oid: string; readonly digest: string | null }>> = {
  RSA3072: { oid: '06092a864886f70d01010b0500', digest: 'sha256' },
  RSA4096: { oid: '06092a864886f70d01010b0500', digest: 'sha256' },
  ECDSAP256: { oid: '06082a8648ce3d040302', digest: 'sha256' },
  ECDSAP384: { oid: '06082a8648ce3d040303', digest: 'sha384' },
  ECDSAP521: { oid: '06082a8648ce3d040304', digest: 'sha512' },
  ED25519: { oid: '06032b6570', digest: null },
};

export async function keyPair(type: string): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  const namedCurve = CURVES[type];
  if (namedCurve !== undefined) return generate('ec', { namedCurve });
  const modulusLength = RSA_BITS[type];
  if (modulusLength !== undefined) return generate('rsa', { modulusLength });
  if (type === 'ED25519') return generate('ed25519');
  throw new Error(`unknown key type: "${type}"`);
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  const size = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length, ...size]), body]);
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;
const NO_ATTRIBUTES = Buffer.from([0xa0, 0]);
const VERSION = Buffer.from([0x02, 1, 0]);

export function emptyRequest(type: string, keys: { publicKey: KeyObject; privateKey: KeyObject }): Buffer {
  const signature = SIGNATURES[type];
  if (signature === undefined) throw new Error(`unknown key type: "${type}"`);
  const subject = der(SEQUENCE);
  const key = keys.publicKey.export({ type: 'spki', format: 'der' });
  const info = der(SEQUENCE, VERSION, subject, key, NO_ATTRIBUTES);
  const signed = sign(signature.digest, info, keys.privateKey);
  const algorithm = der(SEQUENCE, Buffer.from(signature.oid, 'hex'));
  return der(SEQUENCE, info, algorithm, der(BIT_STRING, Buffer.from([0]), signed));
}
