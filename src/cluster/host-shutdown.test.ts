// What the nodes are told when the host shuts down.
import { expect, it } from 'vitest';
import type { ShutdownWatchOptions } from '../host/shutdown-watch.ts';
import { heedHostShutdown } from './host-shutdown.ts';

it('all nodes end their pods within the time the host gives, and go on when it does not go down after all', async () => {
  const told: string[] = [];
  const kubelet = (name: string) => ({
    shutdown: async (limitMs?: number) => void told.push(`${name} ends within ${limitMs}`),
    resume: async () => void told.push(`${name} goes on`),
  });
  const kubelets = [kubelet('a'), kubelet('b')];
  let heard: ShutdownWatchOptions | undefined;
  const stop = await heedHostShutdown({
    kubelets: () => kubelets,
    log: (message) => void told.push(message),
    watch: async (options) => {
      heard = options;
      return { limitMs: 5_000, close: () => void told.push('closed') };
    },
  });
  await heard?.onShutdown(5_000);
  await heard?.onCancel();
  await stop();
  expect(told).toEqual([
    'the host shuts down: pods are ended within 5 s',
    'a ends within 5000',
    'b ends within 5000',
    'the shutdown of the host was called off',
    'a goes on',
    'b goes on',
    'closed',
  ]);
});

it('there is nothing to heed where no systemd runs', async () => {
  const stop = await heedHostShutdown({ kubelets: () => [], log: () => undefined, watch: async () => undefined });
  await stop();
});
