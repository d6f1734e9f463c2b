// The PKI: made once, read again, renewed when a host is new.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ensurePki } from './pki.ts';

const made: string[] = [];

function fresh(): string {
  const dir = mkdtempSync(join(tmpdir(), 'minke-pki-'));
  made.push(dir);
  return dir;
}

afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

describe('the PKI', () => {
  it('signs the server and the administrator with its own CA', async () => {
    const pki = await ensurePki({
      directory: fresh(),
      hosts: ['localhost', '127.0.0.1', '10.96.0.1'],
      now: Date.now(),
    });
    const ca = new X509Certificate(pki.ca.cert);
    const server = new X509Certificate(pki.server.cert);
    const admin = new X509Certificate(pki.admin.cert);
    expect(ca.ca).toBe(true);
    expect(server.verify(ca.publicKey)).toBe(true);
    expect(admin.verify(ca.publicKey)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('10.96.0.1')).toBe('10.96.0.1');
    expect(admin.subject).toContain('O=system:masters');
    expect(admin.subject).toContain('CN=kubernetes-admin');
  });

  it('is read again, not made anew', async () => {
    const directory = fresh();
    const request = { directory, hosts: ['localhost'], now: Date.now() };
    expect(await ensurePki(request)).toEqual(await ensurePki(request));
  });

  it('renews only the server certificate when a host is new', async () => {
    const directory = fresh();
    const before = await ensurePki({ directory, hosts: ['localhost'], now: Date.now() });
    const after = await ensurePki({ directory, hosts: ['localhost', 'node.example'], now: Date.now() });
    expect(after.ca).toEqual(before.ca);
    expect(after.admin).toEqual(before.admin);
    expect(after.server.cert).not.toBe(before.server.cert);
    expect(new X509Certificate(after.server.cert).checkHost('node.example')).toBe('node.example');
  });
});
