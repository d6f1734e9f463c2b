// Parts start in the order in which they are declared and stop in the reverse order; two of one name are an error.

export interface Part {
  readonly name: string;
  /** Told to the person who waits; a part without it is not worth a line. */
  readonly step?: string;
  /** Starts the part; resolves with how to stop it when it does its work. */
  start(): Promise<() => Promise<void>>;
}

export interface RunningParts {
  stop(): Promise<void>;
}

/** Starts all; when one fails, those that had started are stopped again and the error goes on. */
export async function startParts(parts: readonly Part[], onStep: (step: string) => void): Promise<RunningParts> {
  const names = new Set<string>();
  for (const { name } of parts) {
    if (names.has(name)) throw new Error(`two parts are called ${name}`);
    names.add(name);
  }
  const stops: { readonly name: string; readonly stop: () => Promise<void> }[] = [];
  const stopAll = async () => {
    const failures: unknown[] = [];
    for (const { stop } of stops.splice(0).reverse()) await stop().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop well');
  };
  try {
    for (const part of parts) {
      if (part.step !== undefined) onStep(part.step);
      stops.push({ name: part.name, stop: await part.start() });
    }
  } catch (error) {
    await stopAll().catch(() => undefined);
    throw error;
  }
  return { stop: stopAll };
}
