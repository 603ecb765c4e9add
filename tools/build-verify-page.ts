/**
 * Builds `verify.html`: one file that checks the extract of a tenant. It carries its script and its style, and its policy lets it
 * run them and nothing else, and reach no network.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { pageOptions } from './build-pages.ts';

const source = 'dashboard';

/** As a policy names an inline script or style (CSP level 3, section 8.4). */
const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export async function buildVerifyPage(file: string): Promise<void> {
  const [template, { outputFiles }] = await Promise.all([
    readFile(join(source, 'verify.html'), 'utf8'),
    build({
      ...pageOptions,
      entryPoints: [join(source, 'verify.tsx'), join(source, 'verify.css')],
      outdir: 'unused',
      format: 'iife',
      write: false,
    }),
  ]);
  const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text.trim() ?? '';
  // An end tag inside a script would end it.
  const script = textOf('.js').replaceAll('</script', String.raw`<\/script`);
  const style = textOf('.css');
  const policy = `default-src 'none'; script-src ${sourceOf(script)}; style-src ${sourceOf(style)}; base-uri 'none'; form-action 'none'`;
  const page = template
    .replace('POLICY', policy)
    .replace('STYLE', () => style)
    .replace('SCRIPT', () => script);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, page);
}
