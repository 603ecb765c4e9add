import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Packages of which `durable-functions` uses a small part. tools/stand-ins holds a replacement for each. */
export const stoodIn = ['axios', 'validator'] as const;

/** The default validator of the MCP library is Ajv, 120 kB, for schemas that clients send. No client is asked for anything. */
const validator = /^@modelcontextprotocol\/server\/_shims$/;

/** Replaces these packages in the bundle, for imports from `durable-functions` only, and that validator. */
export const standIns: Plugin = {
  name: 'stand-ins',
  setup: (build) => {
    build.onResolve({ filter: new RegExp(`^(?:${stoodIn.join('|')})$`) }, ({ path, importer }) =>
      /[\\/]node_modules[\\/]durable-functions[\\/]/.test(importer)
        ? { path: join(import.meta.dirname, 'stand-ins', `${path}.cjs`) }
        : undefined,
    );
    build.onResolve({ filter: validator }, () => ({
      path: join(import.meta.dirname, 'stand-ins', 'mcp-validator.mjs'),
    }));
  },
};
