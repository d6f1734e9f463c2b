// Pods on the node that the API does not have any more, or never had: they go; those that are only not known yet stay.
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { LABEL } from '../pod/identity.ts';
import { FakeApi } from '../test-support/fake-client.ts';
import type { WorkerDeps } from './deps.ts';
import { sweep } from './strays.ts';

const pod = (name: string, uid: string, nodeName: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', uid },
  spec: { nodeName, containers: [] },
});

describe('a kubelet that looks for strays', () => {
  it('keeps the pods that the API has for its node, and buries the others', async () => {
    const api = new FakeApi();
    api.put('pods', pod('kept', 'kept', 'n1'));
    api.put('pods', pod('again', 'later', 'n1'));
    api.put('pods', pod('moved', 'moved', 'n2'));
    const names: Readonly<Record<string, string>> = { kept: 'kept', earlier: 'again', moved: 'moved', gone: 'gone' };
    const observed = (uid: string) => ({
      sandboxes: [{ labels: { [LABEL.podName]: names[uid] ?? '', [LABEL.podNamespace]: 'a' } }],
      containers: [],
    });
    const deps = {
      cache: { podUids: Object.keys(names), observed },
      client: api.client(),
      node: () => ({ name: 'n1' }),
      rootDir: '/nonexistent',
      log: () => undefined,
    } as unknown as WorkerDeps;
    const buried: string[] = [];
    const swept = await sweep(deps, {
      has: () => false,
      bury: ({ metadata }) => buried.push(metadata.uid ?? ''),
    });
    expect(buried.sort()).toEqual(['earlier', 'gone', 'moved']);
    expect(swept).toBe(3);
  });
});
