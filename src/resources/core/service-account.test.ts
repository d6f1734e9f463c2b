// How ServiceAccounts are shown.
import { expect, it } from 'vitest';
import { serviceAccounts } from './service-account.ts';

it('Tables of ServiceAccounts do not count Secrets, which nobody makes for them any more', () => {
  expect(serviceAccounts.columns.map(({ name }) => name)).toEqual(['Name', 'Age']);
});
