import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';
import { packedApp } from '../../support/packed-app.ts';

const run = promisify(execFile);

/** Untracked files that a working copy may contain and that must never be uploaded. */
const strays = [
  'local.settings.json',
  'secrets.txt',
  '.env',
  'node_modules/zod/index.js',
  'node_modules/.bin/esbuild',
  'build/cli/ptb.js',
  'build/source-maps/dist/index.js.map',
  'coverage/index.html',
  'out/app.zip',
  'out/app/dist/index.js',
  'distribution/index.js',
];

/**
 * Matches as Azure Functions Core Tools does (GitIgnoreParser.cs, based on codemix/gitignore-parser): a pattern matches
 * the beginning of a path, and a matching `!` pattern wins over all others, wherever it is in the file.
 */
function coreToolsAccepts(text: string): (path: string) => boolean {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const toPattern = (line: string): RegExp => {
    const escaped = line.replace(/^\//, '').replace(/[-[\]/{}()+?.\\^$|]/g, '\\$&');
    return new RegExp(`^(${escaped.replaceAll('**', '(.+)').replaceAll('*', '([^\\/]+)')})\\b`);
  };
  const kept = lines.filter((line) => line.startsWith('!')).map((line) => toPattern(line.slice(1)));
  const left = lines.filter((line) => !line.startsWith('!')).map(toPattern);
  // Core Tools always ignores these.
  const never = /(^|\/)(\.funcignore|\.gitignore|local\.settings\.json|project\.lock\.json)$|(^|\/)(\.git|\.vscode)\//i;
  return (path) =>
    !never.test(path) && (kept.some((pattern) => pattern.test(path)) || !left.some((pattern) => pattern.test(path)));
}

describe('.funcignore', () => {
  let folder: string;
  let packaged: readonly string[];
  let working: readonly string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'funcignore-'));
    packaged = (await packedApp()).files;
    const tracked = await run('git', ['ls-files'], { cwd: projectRoot });
    working = [...new Set([...tracked.stdout.split('\n').filter((path) => path !== ''), ...strays, ...packaged])];
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('accepts exactly the packaged files, as Core Tools reads it', async () => {
    const accepts = coreToolsAccepts(await readFile(join(projectRoot, '.funcignore'), 'utf8'));
    expect(working.filter(accepts).toSorted()).toEqual([...packaged].toSorted());
  });

  it('accepts exactly the packaged files, as git and editors read it', async () => {
    const tree = join(folder, 'tree');
    for (const path of working) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), '');
    }
    await run('git', ['init', '--quiet'], { cwd: tree });
    const { stdout } = await run(
      'git',
      ['ls-files', '--others', `--exclude-from=${join(projectRoot, '.funcignore')}`],
      { cwd: tree },
    );
    expect(stdout.split('\n').filter((path) => path !== '')).toEqual([...packaged].toSorted());
  });
});
