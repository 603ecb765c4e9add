/**
 * Builds the dashboard and the API page into `dist/pages/`: static files that the function app serves itself, so that
 * the pages load nothing from other origins.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { minify } from 'rolldown/utils';

const source = 'dashboard';
const pages: readonly string[] = ['dashboard', 'docs'];

/** How every page is bundled. */
export const pageOptions = {
  bundle: true,
  minify: true,
  charset: 'utf8',
  // Browsers that still receive security fixes.
  target: ['chrome120', 'firefox121', 'safari17'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'inline',
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * Renames the variables of a script as Rolldown does: alike in functions that are alike. Brotli then makes the dashboard's script
 * 4 % smaller than with the names of esbuild.
 */
async function renameVariables(file: string): Promise<void> {
  const { code, errors } = await minify(file, await readFile(file, 'utf8'), {
    module: true,
    compress: false,
    mangle: true,
  });
  if (errors.length > 0) throw new AggregateError(errors, `${file} cannot be read.`);
  await writeFile(file, code);
}

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
  await Promise.all(some.map((page) => renameVariables(join(folder, `${page}.js`))));
  return metafile;
}
