import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot, ptbScript } from '../paths.ts';

// The examples of the documentation, so that tests can run them.

/** The pages of the documentation, relative to the project. */
export const pages: readonly string[] = globSync(['*.md', '{docs,clients,packages,bench}/**/*.md'], {
  cwd: projectRoot,
  exclude: (path) => /(^|[\\/])(node_modules|out|build|dist|\.local)$/.test(path),
});

/** The text of a page. @param path relative to the project. */
export const pageText = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

/** The blocks of a language in a page of docs, without their indentation. @param name such as `gateway.md`. */
export async function examplesIn(name: string, language: string): Promise<readonly string[]> {
  return blocksOf(await readFile(join(projectRoot, 'docs', name), 'utf8'), language);
}

/** The blocks of a language in a text, without their indentation. */
export function blocksOf(page: string, language: string): readonly string[] {
  return [...page.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].flatMap(([, indentation = '', of, code = '']) =>
    of === language ? [code.replaceAll(new RegExp(`^${indentation}`, 'gm'), '')] : [],
  );
}

/** Runs a block of a shell. @returns its standard output. */
export async function runInShell(
  code: string,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const ptb = `ptb() { ${JSON.stringify(process.execPath)} ${JSON.stringify(ptbScript)} "$@"; }`;
  const options = { cwd: folder, env: { ...process.env, ...environment } };
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', `${ptb}\n${code}`], options);
  return stdout;
}

/** Runs a block of TypeScript in a process of its own. @returns its standard output. */
export async function runInNode(code: string, environment: Readonly<Record<string, string>>): Promise<string> {
  // Inside the project, so that Node resolves its packages.
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, '.local', 'gateway-example-'));
  const client = join(projectRoot, 'clients/typescript/src/index.ts');
  try {
    const file = join(folder, 'example.mts');
    await writeFile(file, code.replace("'partner-token-broker-client'", JSON.stringify(client)));
    const front = join(projectRoot, 'test/support/https-front.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', front, file], {
      env: { ...process.env, ...environment },
    });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
