// Every node has a CSINode; without a driver on it, it names only the plugins that drivers have taken over.
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-node-v1/
import { type Client, CSI_NODES } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { Node } from '../../resources/generated/core-v1.ts';

const MIGRATED = 'storage.alpha.kubernetes.io/migrated-plugins';
const PLUGINS = ['aws-ebs', 'azure-disk', 'azure-file', 'cinder', 'gce-pd', 'portworx-volume', 'vsphere-volume'].map(
  (name) => `kubernetes.io/${name}`,
);

export async function ensureCsiNode(client: Client, node: Node): Promise<void> {
  const { name = '', uid = '' } = node.metadata;
  const nodes = client.resource(CSI_NODES);
  const object = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: {
      name,
      annotations: { [MIGRATED]: PLUGINS.join(',') },
      // It goes with its node.
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec: { drivers: [] },
  };
  try {
    const old = await nodes.get('', name);
    if (old.metadata.ownerReferences?.some((one) => one.uid === uid)) return;
    // A node of this name was here before: what drivers said of it is of no use.
    await nodes.delete('', name);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  await nodes.create('', object);
}
