/**
 * Installs the Inspector of the Model Context Protocol at `.local/tools/mcp-inspector`. A test of `/api/mcp` skips without it. It
 * has a hundred packages that nothing else needs, so it is no development dependency.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const version = '2.12.0';
const folder = resolve(import.meta.dirname, '..', '.local/tools/mcp-inspector');

/** The program of the Inspector, or why there is none. */
export function findInspector(): { readonly script: string } | string {
  const script = join(folder, 'node_modules/.bin/mcp-inspector');
  return existsSync(script) ? { script } : 'the Inspector is not installed; `node tools/get-inspector.ts` installs it';
}

if (import.meta.main)
  await promisify(execFile)(
    'npm',
    [
      'install',
      '--prefix',
      folder,
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      `@modelcontextprotocol/inspector@${version}`,
    ],
    { shell: process.platform === 'win32' },
  );
