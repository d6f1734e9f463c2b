// Tests of the controllers' accounts: made once, and found again.
import { expect, it } from 'vitest';
import { createClient, fakeApi, SERVICE_ACCOUNTS } from '../client/index.ts';
import { ensureAccounts } from './accounts.ts';

it('accounts are made where they are missing, and have the uids that they had', async () => {
  const client = createClient({ transport: fakeApi().transport, userAgent: 'test' });
  const fail = (error: unknown): never => {
    throw error;
  };
  const first = await ensureAccounts(client, ['job-controller', 'node-controller', 'node-controller'], fail);
  expect([...first.keys()]).toEqual(['job-controller', 'node-controller']);
  const { items } = await client.resource(SERVICE_ACCOUNTS).list('kube-system');
  expect(new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]))).toEqual(first);
  expect(await ensureAccounts(client, ['node-controller'], fail)).toEqual(
    new Map([['node-controller', first.get('node-controller')]]),
  );
});

it('an account that cannot be made keeps nobody from starting', async () => {
  const told: string[] = [];
  const client = createClient({
    transport: () => Promise.reject(new Error('a webhook does not answer')),
    userAgent: 'test',
  });
  const uids = await ensureAccounts(client, ['job-controller'], (error) => told.push(String(error)));
  expect(uids.size).toBe(0);
  expect(told).toEqual(['Error: a webhook does not answer']);
});
