// Integers of 64 bits in custom resources by kubectl as it comes: no digit is lost on the way to the server and back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubectls } from '../../e2e/cluster.ts';
import { definitionOf } from '../api-machinery/custom.ts';
import { eventually, isRoot, type SimulatedCluster, startSimulated } from '../simulated.ts';

const MOST = '9223372036854775807';

describe.skipIf(!isRoot || findKubectls().size === 0)(
  'kubectl with large integers (it must be installed; the nodes of the cluster need root)',
  () => {
    let cluster: SimulatedCluster;
    beforeAll(async () => {
      cluster = await startSimulated();
    });
    afterAll(() => cluster?.stop());

    const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
      const ran = await cluster.kubectl(args, input === undefined ? {} : { input });
      expect(ran.code, `kubectl ${args.join(' ')}: ${ran.stderr}`).toBe(0);
      return ran.stdout;
    };

    it('creates, shows, patches and applies them digit by digit', async () => {
      const n = ['-n', await cluster.namespace()];
      const definition = definitionOf('bigs');
      await kubectl(['create', '-f', '-'], JSON.stringify(definition));
      await eventually(async () => (await cluster.kubectl([...n, 'get', definition.metadata.name ?? ''])).code === 0);
      const big = (spec: string): string =>
        `apiVersion: bigs.example.com/v1\nkind: Big\nmetadata:\n  name: a\nspec:\n${spec}`;
      const shown = async (): Promise<string> =>
        (await kubectl([...n, 'get', 'bigs', 'a', '-o', 'yaml'])).replace(/^.*^spec:\n/ms, '');

      await kubectl([...n, 'create', '-f', '-'], big(`  id: ${MOST}\n  ids: [9007199254740993, -9007199254740993]\n`));
      expect(await shown()).toBe(`  id: ${MOST}\n  ids:\n  - 9007199254740993\n  - -9007199254740993\n`);
      await kubectl([...n, 'patch', 'bigs', 'a', '--type=merge', '-p', '{"spec":{"more":9007199254740995}}']);
      expect(await shown()).toContain(`  id: ${MOST}\n`);
      expect(await shown()).toContain('  more: 9007199254740995\n');
      await kubectl([...n, 'apply', '--server-side', '-f', '-'], big('  applied: 9007199254740997\n'));
      expect(await shown()).toBe(
        `  applied: 9007199254740997\n  id: ${MOST}\n  ids:\n  - 9007199254740993\n  - -9007199254740993\n  more: 9007199254740995\n`,
      );
      expect(await kubectl([...n, 'get', 'bigs', 'a', '-o', 'jsonpath={.spec.more}'])).toBe('9007199254740995');
    });
  },
);
