// Every namespace has the ConfigMap kube-root-ca.crt, which pods check the API server's certificate with.
import { CONFIG_MAPS, NAMESPACES, objectKey } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { ConfigMap } from '../../resources/generated/core-v1.ts';
import { endsMeanwhile } from '../service-account/controller.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'kube-root-ca.crt';
const ANNOTATION = 'kubernetes.io/description';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

export const rootCaPublisher: ControllerRow = {
  name: 'root-ca-certificate-publisher-controller',
  account: 'root-ca-cert-publisher',
  start(context) {
    const { rootCa } = context;
    if (rootCa === undefined) return;
    const namespaces = context.informers.informer(NAMESPACES);
    const maps = context.informers.informer(CONFIG_MAPS, { fieldSelector: `metadata.name=${NAME}` });
    const client = context.client.resource(CONFIG_MAPS);
    const queue = startKeyed(context, {
      name: 'root-ca-certificate-publisher-controller',
      waitFor: [namespaces, maps],
      async reconcile(key) {
        const namespace = namespaces.get(key);
        if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return undefined;
        const known = maps.get(`${key}/${NAME}`);
        const annotations = { ...known?.metadata.annotations, [ANNOTATION]: DESCRIPTION };
        const wanted: ConfigMap = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { ...known?.metadata, name: NAME, namespace: key, annotations },
          data: { 'ca.crt': rootCa },
        };
        const described = known?.metadata.annotations?.[ANNOTATION] !== undefined;
        if (known !== undefined && described && sameData(known, rootCa)) return undefined;
        try {
          if (known === undefined) await client.create(key, wanted);
          else await client.update(wanted);
        } catch (error) {
          if (!isApiError(error, 'AlreadyExists') && !endsMeanwhile(error)) throw error;
        }
        return undefined;
      },
    });
    namespaces.addHandler({
      onAdd: (namespace) => queue.add(objectKey(namespace)),
      onUpdate: (namespace) => queue.add(objectKey(namespace)),
    });
    const consider = (map: ConfigMap): void => queue.add(map.metadata.namespace ?? '');
    maps.addHandler({ onUpdate: consider, onDelete: consider });
  },
};

function sameData(map: ConfigMap, rootCa: string): boolean {
  return map.data?.['ca.crt'] === rootCa && Object.keys(map.data).length === 1;
}
