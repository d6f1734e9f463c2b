// What requests for logs are refused for.
import { expect, test } from 'vitest';
import { checkLogOptions } from './log.ts';

const refused = (query: string): string | undefined => {
  try {
    checkLogOptions(new URLSearchParams(query), 'p');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('two beginnings are one too many, which is said of no field', () => {
  const time = 'sinceTime=2026-01-02T03:04:05Z';
  const words = 'at most one of `sinceTime` or `sinceSeconds` may be specified';
  expect(refused(`sinceSeconds=1&${time}`)).toBe(`PodLogOptions "p" is invalid: []: Forbidden: ${words}`);
  expect(refused(time)).toBeUndefined();
  expect(refused('sinceSeconds=1&tailLines=0&limitBytes=1')).toBeUndefined();
});

test('numbers out of bounds are told together', () => {
  expect(refused('tailLines=-1&limitBytes=0')).toBe(
    'PodLogOptions "p" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]',
  );
});
