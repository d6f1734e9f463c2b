// How long this process keeps the processors busy. Bounds of tests hold this time: what else the machine does cannot break them, while work
// that grows without measure still does.

/** Milliseconds of all its threads, since it began. */
function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export async function processorMs(work: () => unknown): Promise<number> {
  const before = busyMs();
  await work();
  return busyMs() - before;
}

/** The least of several tries: what collectors and compilers do beside it is in the others. */
export async function leastProcessorMs(tries: number, work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < tries; i++) least = Math.min(least, await processorMs(work));
  return least;
}
