import { defineConfig } from 'vitest/config';

// Unit tests stand beside their file; tests that need root, containers or a running cluster live in test/; scripts and measurements have a few of their own.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
    // No name that a test asks for leaves this host.
    env: { MINKE_DNS_FORWARD: 'none' },
    pool: 'forks',
    maxWorkers: 2,
    // For machines that start programs five times as slowly as others, and are shared.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
