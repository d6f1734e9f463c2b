// What aggregated API servers read to know whom to believe: the authorities of clients and of this server.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#original-request-username-and-group
import type { KubeObject } from '../../machinery/object.ts';

export interface Trust {
  /** PEM of the authority of client certificates. */
  readonly clientCa: string;
  /** PEM of the authority behind this server's certificate towards other servers. */
  readonly proxyCa: string | undefined;
}

export function authenticationConfigMap({ clientCa, proxyCa }: Trust): KubeObject {
  const proxy =
    proxyCa === undefined
      ? {}
      : {
          'requestheader-allowed-names': '["front-proxy-client"]',
          'requestheader-client-ca-file': proxyCa,
          'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
          'requestheader-group-headers': '["X-Remote-Group"]',
          'requestheader-uid-headers': '["X-Remote-Uid"]',
          'requestheader-username-headers': '["X-Remote-User"]',
        };
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: { 'client-ca-file': clientCa, ...proxy },
  };
  return object;
}
