import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Packages that `durable-functions` loads whole and uses little of; each has a stand-in here that hands on what is used. */
export const stoodIn = ['axios', 'validator'] as const;

/** Where `durable-functions` asks for such a package in a bundle, it gets the stand-in. The packages stay what they are. */
export const standIns: Plugin = {
  name: 'stand-ins',
  setup: (build) => {
    build.onResolve({ filter: new RegExp(`^(?:${stoodIn.join('|')})$`) }, ({ path, importer }) =>
      /[\\/]node_modules[\\/]durable-functions[\\/]/.test(importer)
        ? { path: join(import.meta.dirname, 'stand-ins', `${path}.cjs`) }
        : undefined,
    );
  },
};
