// Auditing: the first rule decides, and what it asks for is written.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../auth/authorizer.ts';
import { Auditor } from './audit.ts';
import { openAuditLog } from './log.ts';
import { decide, parsePolicy } from './policy.ts';

const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:kube-scheduler]
  - level: Metadata
    resources: [{group: "", resources: [secrets, configmaps]}]
  - level: RequestResponse
    verbs: [create]
    resources: [{group: "", resources: [pods]}]
    omitManagedFields: true
  - level: None
    nonResourceURLs: [/healthz*]
  - level: Metadata
`;

const ask = (part: Partial<Attributes>): Attributes => ({
  user: { username: 'jane', groups: ['dev'] },
  verb: 'get',
  isResource: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'p',
  path: '',
  ...part,
});

describe('an audit policy', () => {
  const policy = parsePolicy(POLICY);
  const level = (part: Partial<Attributes>) => decide(policy, ask(part)).level;

  it('is decided by its first rule that matches', () => {
    expect(level({ user: { username: 'system:kube-scheduler', groups: [] } })).toBe('None');
    expect(level({ resource: 'secrets', verb: 'create' })).toBe('Metadata');
    expect(level({ verb: 'create' })).toBe('RequestResponse');
    expect(level({ verb: 'create', subresource: 'exec' })).toBe('Metadata');
    expect(level({ isResource: false, path: '/healthz/ping' })).toBe('None');
    expect(level({ isResource: false, path: '/version' })).toBe('Metadata');
  });

  it('is refused with a reason', () => {
    expect(() => parsePolicy('kind: x')).toThrow('not a Policy');
    expect(() => parsePolicy('{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: All}]}')).toThrow(
      'rules[0].level',
    );
  });
});

describe('the auditor', () => {
  it('writes request and answer where the policy asks for them, without managed fields', () => {
    const lines: string[] = [];
    const auditor = new Auditor({
      policy: parsePolicy(POLICY),
      sink: { write: (l) => lines.push(l), close() {} },
      clock: { now: () => 0, setTimer: () => ({ cancel() {} }), sleep: async () => {} },
    });
    const body = Buffer.from('{"kind":"Pod","metadata":{"name":"p","managedFields":[]}}');
    const request = {
      method: 'POST',
      path: '/api/v1/namespaces/a/pods',
      query: new URLSearchParams('dryRun=All'),
      headers: { 'user-agent': 'kubectl' },
      body,
    };
    const trail = auditor.begin(request, ask({ verb: 'create' }), { auditId: 'id-1', annotations: {} });
    trail.authorized({ allowed: true, reason: 'because' });
    trail.completed({ status: 201, body });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      stage: 'ResponseComplete',
      auditID: 'id-1',
      level: 'RequestResponse',
      requestURI: '/api/v1/namespaces/a/pods?dryRun=All',
      objectRef: { resource: 'pods', namespace: 'a', name: 'p', apiVersion: 'v1' },
      requestObject: { kind: 'Pod', metadata: { name: 'p' } },
      responseStatus: { code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    });
    expect(lines[0]).not.toContain('managedFields');
  });

  it('turns its file over when it grows', () => {
    const dir = mkdtempSync(join(tmpdir(), 'minke-audit-'));
    try {
      const log = openAuditLog({ path: join(dir, 'audit.log'), maxBytes: 20, keep: 2 });
      for (let i = 0; i < 10; i++) log.write('0123456789');
      log.close();
      expect(readdirSync(dir).sort()).toEqual(['audit.log', 'audit.log.1', 'audit.log.2']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
