/**
 * Builds the dashboard and the API page into `dist/pages/`: plain files that the function app serves itself, so that
 * the pages need nothing from elsewhere.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const source = 'dashboard';
const pages = ['dashboard', 'docs'] as const;

/** @param folder Where the files go; it is made. */
export async function buildPages(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all([
    build({
      entryPoints: Object.fromEntries(
        pages.flatMap((page) => [
          [page, join(source, `${page}.tsx`)],
          [`${page}-style`, join(source, `${page}.css`)],
        ]),
      ),
      outdir: folder,
      bundle: true,
      minify: true,
      format: 'esm',
      // Browsers that get security fixes today.
      target: ['chrome120', 'firefox121', 'safari17'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      legalComments: 'inline',
      logLevel: 'warning',
    }),
    ...pages.map((page) => copyFile(join(source, `${page}.html`), join(folder, `${page}.html`))),
    copyFile(join(source, 'icon.svg'), join(folder, 'icon.svg')),
  ]);
}
