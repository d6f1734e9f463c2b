// What the API's figures are measured with: a pod that nobody schedules, its path, its namespace.
import type { LoadClient } from './load.ts';

export const CLIENTS = 32;
export const MERGE_PATCH = 'application/merge-patch+json';

export const json = (value: unknown) => Buffer.from(JSON.stringify(value));

export const podsPath = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

export function pod(i: number, prefix = 'p'): Buffer {
  return json({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${prefix}-${i}`, labels: { app: `a-${i % 50}`, tier: i % 2 === 0 ? 'db' : 'web' } },
    spec: {
      schedulerName: 'none',
      containers: [
        {
          name: 'c',
          image: 'nginx:latest',
          ports: [{ containerPort: 80 }],
          env: [{ name: 'A', value: 'b' }],
          resources: { requests: { cpu: '10m', memory: '16Mi' } },
          readinessProbe: { httpGet: { path: '/', port: 80 } },
        },
      ],
    },
  });
}

/** Makes a namespace, and waits for what pods in it need. */
export async function makeNamespace(client: LoadClient, name: string): Promise<void> {
  await client.send('POST', '/api/v1/namespaces', json({ metadata: { name } }));
  for (let i = 0; i < 100; i++) {
    const found = await client.send('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`).then(
      () => true,
      () => false,
    );
    if (found) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the namespace got no default service account');
}
