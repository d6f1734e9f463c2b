// The order of the parts.
import { describe, expect, it } from 'vitest';
import { type Part, startParts } from './parts.ts';

function recorder() {
  const seen: string[] = [];
  const part = (name: string, fail = false): Part => ({
    name,
    step: `starting ${name}`,
    async start() {
      if (fail) throw new Error(`${name} is broken`);
      seen.push(`+${name}`);
      return async () => {
        seen.push(`-${name}`);
      };
    },
  });
  return { seen, part };
}

describe('the parts of a cluster', () => {
  it('start as declared and stop the other way round', async () => {
    const { seen, part } = recorder();
    const steps: string[] = [];
    const running = await startParts([part('a'), part('b')], (s) => steps.push(s));
    await running.stop();
    expect(seen).toEqual(['+a', '+b', '-b', '-a']);
    expect(steps).toEqual(['starting a', 'starting b']);
  });

  it('are stopped again when a later one does not start', async () => {
    const { seen, part } = recorder();
    await expect(startParts([part('a'), part('b'), part('c', true)], () => undefined)).rejects.toThrow('c is broken');
    expect(seen).toEqual(['+a', '+b', '-b', '-a']);
  });

  it('may not bear the same name', async () => {
    const { part, seen } = recorder();
    await expect(startParts([part('a'), part('a')], () => undefined)).rejects.toThrow('two parts are called a');
    expect(seen).toEqual([]);
  });
});
