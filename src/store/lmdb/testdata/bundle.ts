// Bundles a child program of the tests once, so that starting it a hundred times costs little.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Bundles `testdata/<name>.ts` into `directory` and returns the path of the program. */
export async function bundleChild(name: string, directory: string): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  const lmdb = pathToFileURL(createRequire(import.meta.url).resolve('lmdb')).href.replace(/dist\/index\.cjs$/, 'index.js');
  await build({
    entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [
      {
        name: 'lmdb-by-address',
        setup(setup) {
          setup.onResolve({ filter: /^lmdb$/ }, () => ({ path: lmdb, external: true }));
        },
      },
    ],
  });
  return outfile;
}
