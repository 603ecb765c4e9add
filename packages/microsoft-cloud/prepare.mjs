/**
 * `node prepare.mjs [FOLDER]`: builds the package into a folder, by default dist, which is emptied first. npm runs it after an
 * installation in the repository and before packing. It does nothing where TypeScript or esbuild is not installed (`npm ci
 * --omit=dev`).
 *
 * Few files start faster than one for each source, so esbuild bundles them. The sources import the workspace
 * graph-permissions, which is not published: its code goes into the bundles, and its declarations become a part of this
 * package, so that the packed archive can be installed anywhere.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve as absolute } from 'node:path';

const { resolve } = createRequire(import.meta.url);

async function toolsOrNothing() {
  try {
    const compiler = join(dirname(resolve('typescript/package.json')), 'bin/tsc');
    return { compiler, build: (await import('esbuild')).build };
  } catch {
    return undefined;
  }
}

/** The files that package.json names. */
const entryPoints = ['index', 'client', 'command', 'testing', 'main'];

const bundle = (build, folder) =>
  build({
    absWorkingDir: import.meta.dirname,
    entryPoints: entryPoints.map((name) => `src/${name}.ts`),
    outdir: folder,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    conditions: ['workspace-source'],
    external: Object.keys(JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')).dependencies),
    logLevel: 'warning',
  });

const imported = /(['"])graph-permissions\/([\w-]+)\1/g;

/** Replaces imports of graph-permissions by relative ones to its copy. */
function relink(folder, copy) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!name.endsWith('.d.ts') || dirname(path) === copy) continue;
    const text = readFileSync(path, 'utf8');
    if (!text.includes('graph-permissions/')) continue;
    const to = relative(dirname(path), copy).replaceAll('\\', '/');
    const linked = text.replace(
      imported,
      (_whole, quote, file) => `${quote}${to.startsWith('.') ? to : `./${to}`}/${file}.js${quote}`,
    );
    writeFileSync(path, linked);
  }
}

const tools = await toolsOrNothing();
if (tools !== undefined) {
  const { compiler, build } = tools;
  const folder = absolute(process.argv[2] ?? join(import.meta.dirname, 'dist'));
  const compile = (cwd, ...options) =>
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', ...options], { cwd, stdio: 'inherit' });
  rmSync(folder, { recursive: true, force: true });
  const permissions = dirname(resolve('graph-permissions/package.json'));
  // Its types are needed first: npm prepares all workspaces at the same time.
  if (existsSync(join(permissions, 'src'))) compile(permissions);
  compile(import.meta.dirname, '--emitDeclarationOnly', '--outDir', folder);
  await bundle(build, folder);
  const copy = join(folder, 'graph-permissions');
  cpSync(join(permissions, 'dist'), copy, {
    recursive: true,
    filter: (path) => !path.endsWith('.js'),
  });
  relink(folder, copy);
  // npm makes a command executable only when it links it.
  chmodSync(join(folder, 'main.js'), 0o755);
}
