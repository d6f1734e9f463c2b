// When the host is about to shut down its pods are ended in order first, ordinary ones before critical ones.
import { watchShutdown } from '../host/shutdown-watch.ts';
import type { Kubelet } from '../kubelet/index.ts';

export interface HostShutdownRequest {
  readonly kubelets: () => readonly Pick<Kubelet, 'shutdown' | 'resume'>[];
  readonly log: (message: string) => void;
  readonly watch?: typeof watchShutdown;
}

/** Answers how to stop heeding. Where no systemd-logind runs there is nothing to heed. */
export async function heedHostShutdown(request: HostShutdownRequest): Promise<() => Promise<void>> {
  const { kubelets, log, watch = watchShutdown } = request;
  const watching = await watch({
    log,
    async onShutdown(limitMs) {
      log(`the host shuts down: pods are ended within ${Math.floor(limitMs / 1000)} s`);
      await Promise.all(kubelets().map((kubelet) => kubelet.shutdown(limitMs)));
    },
    async onCancel() {
      log('the shutdown of the host was called off');
      await Promise.all(kubelets().map((kubelet) => kubelet.resume()));
    },
  });
  return async () => watching?.close();
}
