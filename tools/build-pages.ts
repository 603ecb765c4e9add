/**
 * Builds the dashboard and the API page into `dist/pages/`: static files that the function app serves itself, so that
 * the pages load nothing from other origins.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions, type Metafile } from 'esbuild';

const source = 'dashboard';
const pages: readonly string[] = ['dashboard', 'docs'];

/** How every page is bundled. */
export const pageOptions = {
  bundle: true,
  minify: true,
  // Browsers that still receive security fixes.
  target: ['chrome120', 'firefox121', 'safari17'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'inline',
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * @param folder Where the files go; it is created.
 * @param some Names of pages. `parts` shows every part in each state, for development.
 * @returns What the bundles consist of.
 */
export async function buildPages(folder: string, some = pages): Promise<Metafile> {
  await mkdir(folder, { recursive: true });
  const [{ metafile }] = await Promise.all([
    build({
      ...pageOptions,
      entryPoints: Object.fromEntries(
        some.flatMap((page) => [
          [page, join(source, `${page}.tsx`)],
          [`${page}-style`, join(source, `${page}.css`)],
        ]),
      ),
      outdir: folder,
      format: 'esm',
      metafile: true,
    }),
    ...some.map((page) => copyFile(join(source, `${page}.html`), join(folder, `${page}.html`))),
    copyFile(join(source, 'icon.svg'), join(folder, 'icon.svg')),
  ]);
  return metafile;
}
