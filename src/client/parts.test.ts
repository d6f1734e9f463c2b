// Tests of as whom the parts of a control plane ask.
import { expect, it } from 'vitest';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { partClients } from './parts.ts';

it('each part asks as whom it is in Kubernetes, by the agent of its program', async () => {
  const asked: WireRequest[] = [];
  const answer: WireResponse = { status: 200, headers: {}, body: Buffer.from('{}') };
  const transport = async (request: WireRequest): Promise<WireResponse> => {
    asked.push(request);
    return answer;
  };
  const { manager, scheduler, controller, addon } = partClients(transport, new Map([['job-controller', 'u1']]));
  for (const client of [manager, scheduler, controller('job-controller'), addon('coredns')])
    await client.raw('GET', '/api');
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'];
  const job = 'system:serviceaccount:kube-system:job-controller';
  expect(asked.map(({ user, headers }) => [user, headers['user-agent']])).toEqual([
    [
      { username: 'system:kube-controller-manager', groups: ['system:authenticated'] },
      'kube-controller-manager/minke/shared-informers',
    ],
    [{ username: 'system:kube-scheduler', groups: ['system:authenticated'] }, 'kube-scheduler/minke/scheduler'],
    [{ username: job, uid: 'u1', groups }, `kube-controller-manager/minke/${job}`],
    [{ username: 'system:serviceaccount:kube-system:coredns', groups }, 'coredns/minke'],
  ]);
});
