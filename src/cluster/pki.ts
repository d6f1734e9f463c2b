// The cluster's certificates: its own CA, the API server's certificate, the administrator's, and the key that signs service account tokens.
import { generateKeyPairSync, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type * as x509 from '@peculiar/x509';
import { writeFileAtomicSync } from './files.ts';

const YEAR = 365 * 24 * 3600 * 1000;
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  readonly ca: KeyPair;
  readonly server: KeyPair;
  readonly admin: KeyPair;
  /** By which aggregated API servers know this one, and the authority that vouches for it. */
  readonly frontProxy: KeyPair & { readonly ca: string };
  /** PEM of the private key that signs service account tokens. */
  readonly serviceAccountKey: string;
}

export interface PkiRequest {
  readonly directory: string;
  /** DNS names and addresses that clients reach the API server by. */
  readonly hosts: readonly string[];
  readonly now: number;
}

/** Reads the PKI, making what is missing and renewing the server's certificate when a host name is new or its end is near. */
export async function ensurePki(request: PkiRequest): Promise<Pki> {
  const { directory } = request;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(directory, name);
  const signer = new Signer(request, at);
  const ca = readPair(at('ca')) ?? (await signer.makeCa('ca', 'minke-ca'));
  let server = readPair(at('apiserver'));
  if (server === undefined || !serves(server, request)) server = await signer.issue(ca, serverSubject(request.hosts));
  let admin = readPair(at('admin'));
  if (admin === undefined || expiresSoon(admin, request.now)) admin = await signer.issue(ca, ADMIN);
  const proxyCa = readPair(at('front-proxy-ca')) ?? (await signer.makeCa('front-proxy-ca', 'minke-front-proxy-ca'));
  let proxy = readPair(at('front-proxy-client'));
  if (proxy === undefined || expiresSoon(proxy, request.now)) proxy = await signer.issue(proxyCa, FRONT_PROXY);
  const frontProxy = { ...proxy, ca: proxyCa.cert };
  return { ca, server, admin, frontProxy, serviceAccountKey: serviceAccountKey(at('sa.key')) };
}

/** A node's certificate, under which it serves its own API; read, or made anew when it serves another host or ends soon. */
export async function ensureNodePair(
  request: PkiRequest & { readonly ca: KeyPair; readonly node: string },
): Promise<KeyPair> {
  const at = (name: string) => join(request.directory, name);
  const file = `kubelet-${request.node}`;
  const there = readPair(at(file));
  if (there !== undefined && serves(there, request)) return there;
  return new Signer(request, at).issue(request.ca, {
    file,
    commonName: `system:node:${request.node}`,
    organization: 'system:nodes',
    usage: 'serverAuth',
    hosts: request.hosts,
  });
}

interface Subject {
  readonly file: string;
  readonly commonName: string;
  readonly organization?: string;
  readonly usage: 'serverAuth' | 'clientAuth';
  readonly hosts: readonly string[];
}

const ADMIN: Subject = {
  file: 'admin',
  commonName: 'kubernetes-admin',
  organization: 'system:masters',
  usage: 'clientAuth',
  hosts: [],
};

/** An authority of its own: whoever it vouches for may speak for others. */
const FRONT_PROXY: Subject = {
  file: 'front-proxy-client',
  commonName: 'front-proxy-client',
  usage: 'clientAuth',
  hosts: [],
};

const serverSubject = (hosts: readonly string[]): Subject => ({
  file: 'apiserver',
  commonName: 'kube-apiserver',
  usage: 'serverAuth',
  hosts,
});

class Signer {
  constructor(
    private readonly request: PkiRequest,
    private readonly at: (name: string) => string,
  ) {}

  async makeCa(file: string, name: string): Promise<KeyPair> {
    const lib = await loadX509();
    const keys = await newKeys();
    const cert = await lib.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=${name}`,
      notBefore: new Date(this.request.now - 3600_000),
      notAfter: new Date(this.request.now + 10 * YEAR),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new lib.BasicConstraintsExtension(true, undefined, true),
        new lib.KeyUsagesExtension(
          lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.cRLSign,
          true,
        ),
        await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return this.save(file, cert.toString('pem'), keys.privateKey);
  }

  async issue(ca: KeyPair, subject: Subject): Promise<KeyPair> {
    const lib = await loadX509();
    const caCert = new lib.X509Certificate(ca.cert);
    const caKey = await importKey(ca.key);
    const keys = await newKeys();
    const name = subject.organization === undefined ? '' : `, O=${subject.organization}`;
    const oid = subject.usage === 'serverAuth' ? lib.ExtendedKeyUsage.serverAuth : lib.ExtendedKeyUsage.clientAuth;
    const cert = await lib.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${subject.commonName}${name}`,
      issuer: caCert.subject,
      notBefore: new Date(this.request.now - 3600_000),
      notAfter: new Date(this.request.now + YEAR),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: caKey,
      extensions: [
        new lib.BasicConstraintsExtension(false, undefined, true),
        new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
        new lib.ExtendedKeyUsageExtension([oid]),
        await lib.AuthorityKeyIdentifierExtension.create(caCert.publicKey),
        ...(subject.hosts.length === 0
          ? []
          : [
              new lib.SubjectAlternativeNameExtension(
                subject.hosts.map((host) => ({
                  type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
                  value: host,
                })),
              ),
            ]),
      ],
    });
    return this.save(subject.file, cert.toString('pem'), keys.privateKey);
  }

  private async save(file: string, cert: string, key: webcrypto.CryptoKey): Promise<KeyPair> {
    const der = await webcrypto.subtle.exportKey('pkcs8', key);
    const pem = `-----BEGIN PRIVATE KEY-----\n${lines(Buffer.from(der).toString('base64'))}\n-----END PRIVATE KEY-----\n`;
    writeFileAtomicSync(this.at(`${file}.key`), pem, 0o600);
    writeFileAtomicSync(this.at(`${file}.crt`), `${cert}\n`, 0o644);
    return { cert: `${cert}\n`, key: pem };
  }
}

let library: Promise<typeof x509> | undefined;

/** Loaded only when something has to be signed: a start with a PKI in place does without it. */
export function loadX509(): Promise<typeof x509> {
  // reflect-metadata first: the library's own dependency asks for it.
  library ??= import('reflect-metadata').then(() => import('@peculiar/x509'));
  return library;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
}

export function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
}

export function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return Buffer.from(bytes).toString('hex');
}

function lines(text: string): string {
  return text.replace(/(.{64})(?=.)/g, '$1\n');
}

function readPair(base: string): KeyPair | undefined {
  if (!existsSync(`${base}.crt`) || !existsSync(`${base}.key`)) return undefined;
  return { cert: readFileSync(`${base}.crt`, 'utf8'), key: readFileSync(`${base}.key`, 'utf8') };
}

function expiresSoon(pair: KeyPair, now: number): boolean {
  return Date.parse(new X509Certificate(pair.cert).validTo) - now < YEAR / 12;
}

function serves(pair: KeyPair, request: PkiRequest): boolean {
  const cert = new X509Certificate(pair.cert);
  const known = (host: string) => (isIP(host) === 0 ? cert.checkHost(host) : cert.checkIP(host)) !== undefined;
  return request.hosts.every(known) && !expiresSoon(pair, request.now);
}

function serviceAccountKey(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const { privateKey }: { privateKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileAtomicSync(file, pem, 0o600);
  return pem;
}
