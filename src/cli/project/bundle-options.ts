import type { BuildOptions } from 'esbuild';

// In an ESM bundle, CommonJS packages call require(), which must be Node's own.
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** How everything is bundled that Node.js runs. */
export const bundleOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  splitting: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
  banner: { js: requireBanner },
} satisfies BuildOptions;

/** What differs for what is deployed. */
export const deployedOptions = {
  ...bundleOptions,
  // Beside the entry, so that `import.meta.dirname` names the same folder wherever the bundler puts the code.
  chunkNames: '[name]-[hash]',
  minify: true,
  sourcemap: 'external',
} satisfies BuildOptions;
