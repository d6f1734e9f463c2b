// Bundles the product into dist/: one small entry, the rest in chunks that are loaded when they are needed.
import { mkdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await build({
  // The process that starts programs is a program of its own.
  entryPoints: { minke: 'src/cluster/cli/main.ts', 'spawn-server': 'src/host/spawn-server.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  legalComments: 'none',
  // Native addons stay packages, and so does what is loaded only when a certificate is made.
  external: ['lmdb', 'koffi', '@lydell/node-pty', '@peculiar/x509', 'reflect-metadata'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
