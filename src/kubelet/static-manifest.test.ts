// Static pods out of their files.
import { describe, expect, it } from 'vitest';
import { staticPod } from './static-manifest.ts';

const place = { file: '/etc/manifests/web.yaml', nodeName: 'node-1', seen: '2026-01-01T00:00:00.000000Z' };
const of = (rest: string) =>
  staticPod(
    `apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: c, image: busybox}]\n${rest}`,
    place,
  );

describe('a static pod', () => {
  it('is named after its node, and has the defaults that the API would have given it', () => {
    const { metadata, spec, status } = of('');
    expect(metadata).toMatchObject({
      name: 'web-node-1',
      namespace: 'default',
      annotations: {
        'kubernetes.io/config.hash': metadata.uid,
        'kubernetes.io/config.seen': place.seen,
        'kubernetes.io/config.source': 'file',
      },
    });
    expect(spec).toMatchObject({
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
      containers: [{ imagePullPolicy: 'Always', terminationMessagePath: '/dev/termination-log' }],
    });
    expect(spec).not.toHaveProperty('automountServiceAccountToken');
    expect(status).toEqual({ phase: 'Pending' });
  });

  it('is another one when its file says something else, or lies elsewhere', () => {
    const uid = of('').metadata.uid;
    expect(of('').metadata.uid).toBe(uid);
    expect(of('  hostNetwork: true\n').metadata.uid).not.toBe(uid);
    const text = 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: c, image: busybox}]\n';
    expect(staticPod(text, { ...place, file: '/other.yaml' }).metadata.uid).not.toBe(uid);
  });

  it('requests what it is limited to', () => {
    const { spec } = staticPod(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"w"},"spec":{"containers":[{"name":"c","image":"b","resources":{"limits":{"cpu":"1"}}}]}}',
      place,
    );
    expect(spec?.containers[0]?.resources?.requests).toEqual({ cpu: '1' });
  });

  it('is refused with a reason where its file holds none that could run', () => {
    expect(() => staticPod('apiVersion: v1\nkind: Service\nmetadata: {name: s}\n', place)).toThrow('Service');
    expect(() => staticPod('apiVersion: v1\nkind: Pod\nspec: {containers: []}\n', place)).toThrow(
      'invalid pod: name is needed for the pod',
    );
    expect(() => of('  restartPolicy: Sometimes\n')).toThrow(
      /^invalid pod: \[spec\.restartPolicy: Unsupported value: /,
    );
    expect(() => staticPod('a: [', place)).toThrow();
  });

  it('speaks of nothing that only the API has', () => {
    for (const [rest, what] of [
      ['  serviceAccountName: x\n', 'serviceaccounts'],
      ['  volumes: [{name: v, secret: {secretName: s}}]\n', 'secrets'],
      ['  volumes: [{name: v, configMap: {name: m}}]\n', 'configmaps'],
      ['  volumes: [{name: v, persistentVolumeClaim: {claimName: m}}]\n', 'persistentvolumeclaims'],
      [
        '  volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {name: x, path: t}}]}}]\n',
        'clustertrustbundles',
      ],
      ['  resourceClaims: [{name: g, resourceClaimName: g}]\n', 'resourceclaims'],
    ] as const)
      expect(() => of(rest), rest).toThrow(`static pods may not reference ${what}`);
    expect(() => of('  volumes: [{name: v, emptyDir: {}}, {name: w, downwardAPI: {items: []}}]\n')).not.toThrow();
  });
});
