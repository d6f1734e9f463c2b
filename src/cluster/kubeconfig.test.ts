// Kubeconfigs: the cluster's own, and the context in the user's file.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubeconfigText, withContext, withoutContext } from './kubeconfig.ts';

const input = { name: 'minke', server: 'https://127.0.0.1:6443', ca: 'CA', cert: 'CERT', key: 'KEY' };

describe('kubeconfig', () => {
  it('carries the certificates in the file', () => {
    const config = parse(kubeconfigText(input));
    expect(config['current-context']).toBe('minke');
    expect(config.clusters[0].cluster['certificate-authority-data']).toBe(Buffer.from('CA').toString('base64'));
  });

  it('adds its context beside the ones of other clusters, and takes only its own away', () => {
    const other =
      'apiVersion: v1\nkind: Config\nclusters: [{name: prod, cluster: {server: x}}]\nusers: []\ncontexts: []\ncurrent-context: prod\n';
    const merged = withContext(other, input);
    expect(parse(merged).clusters.map((c: { name: string }) => c.name)).toEqual(['prod', 'minke']);
    expect(withContext(merged, input)).toBe(merged);
    const left = parse(withoutContext(merged, 'minke'));
    expect(left.clusters.map((c: { name: string }) => c.name)).toEqual(['prod']);
    expect(left['current-context']).toBe('');
  });

  it('starts from an empty file', () => {
    expect(parse(withContext('', input)).contexts).toHaveLength(1);
  });
});
