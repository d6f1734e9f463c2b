// Serves the API without scheduler and kubelet (and without controllers, unless asked for), for the oracle, for load measurements and for trying things out:
// npx tsx scripts/serve-api.ts [--port 0] [--dir DIRECTORY] [--store memory|lmdb] [--controllers] [--feature-gates A=true] [--runtime-config api/beta=true]
// Prints the server's address and where its administrator's certificate, key and kubeconfig are.
import { setMaxListeners } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createApiServer } from '../src/apiserver/index.ts';
import { createInformerFactory, partClients } from '../src/client/index.ts';
import { ensurePki } from '../src/cluster/index.ts';
import { startControllers } from '../src/controllers/index.ts';
import { systemClock, systemRandom } from '../src/host/clock.ts';
import {
  isServed,
  parseFeatureGates,
  parseRuntimeConfig,
  RESOURCES,
  withFeatureGates,
} from '../src/resources/index.ts';
import { openLmdbStore, openMemoryStore } from '../src/store/index.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    dir: { type: 'string' },
    store: { type: 'string', default: 'memory' },
    controllers: { type: 'boolean', default: false },
    'feature-gates': { type: 'string', default: '' },
    'runtime-config': { type: 'string', default: '' },
  },
});
const runtimeConfig = parseRuntimeConfig(values['runtime-config']);
const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'minke-api-'));
const pki = await ensurePki({ directory: join(dir, 'pki'), hosts: ['127.0.0.1', 'localhost'], now: systemClock.now() });
const store = values.store === 'lmdb' ? await openLmdbStore({ directory: join(dir, 'db') }) : openMemoryStore();
const server = await createApiServer({
  store,
  resources: withFeatureGates(RESOURCES, parseFeatureGates(values['feature-gates'])),
  served: (row) => isServed(row, runtimeConfig),
  clock: systemClock,
  random: systemRandom,
  serviceAccountKey: pki.serviceAccountKey,
  clusterCa: pki.ca.cert,
  onError: (error) => console.error(error),
});
const { port } = await server.listen({
  host: '127.0.0.1',
  port: Number(values.port),
  tls: { cert: pki.server.cert, key: pki.server.key, clientCa: pki.ca.cert },
});
const address = `https://127.0.0.1:${port}`;
const ending = new AbortController();
setMaxListeners(0, ending.signal); // Every informer and controller listens to it.
if (values.controllers) {
  const parts = partClients(server.handle);
  const informers = createInformerFactory(parts.manager, { clock: systemClock });
  startControllers({
    clientFor: parts.controller,
    informers,
    clock: systemClock,
    random: systemRandom,
    signal: ending.signal,
    rootCa: pki.ca.cert,
    onError: (error) => console.error(error),
  });
  informers.start(ending.signal);
}
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'minke',
  clusters: [{ name: 'minke', cluster: { server: address, 'certificate-authority-data': base64(pki.ca.cert) } }],
  users: [
    {
      name: 'admin',
      user: { 'client-certificate-data': base64(pki.admin.cert), 'client-key-data': base64(pki.admin.key) },
    },
  ],
  contexts: [{ name: 'minke', context: { cluster: 'minke', user: 'admin' } }],
};
writeFileSync(join(dir, 'kubeconfig'), JSON.stringify(kubeconfig), { mode: 0o600 });
console.log(
  `server ${address}\ncert ${join(dir, 'pki/admin.crt')}\nkey ${join(dir, 'pki/admin.key')}\nkubeconfig ${join(dir, 'kubeconfig')}`,
);
const stop = (): void => {
  ending.abort();
  server.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
