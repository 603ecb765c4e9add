/**
 * `node prepare.mjs [FOLDER]`: builds the package into a folder, by default dist, which is emptied first. npm runs it after an
 * installation in the repository and before packing. It does nothing where TypeScript is not installed (`npm ci
 * --omit=dev`).
 *
 * The sources import the workspace graph-permissions, which is not published. Its build becomes a part of this package, so
 * that the packed archive can be installed anywhere.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve as absolute } from 'node:path';

const { resolve } = createRequire(import.meta.url);

function compilerPath() {
  try {
    return join(dirname(resolve('typescript/package.json')), 'bin/tsc');
  } catch {
    return undefined;
  }
}

const imported = /(['"])graph-permissions\/([\w-]+)\1/g;

/** Replaces imports of graph-permissions by relative ones to its copy. */
function relink(folder, copy) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!/\.(?:js|d\.ts)$/.test(name) || dirname(path) === copy) continue;
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

const compiler = compilerPath();
if (compiler !== undefined) {
  const folder = absolute(process.argv[2] ?? join(import.meta.dirname, 'dist'));
  const compile = (cwd, ...options) =>
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', ...options], { cwd, stdio: 'inherit' });
  rmSync(folder, { recursive: true, force: true });
  const permissions = dirname(resolve('graph-permissions/package.json'));
  // Its types are needed first: npm prepares all workspaces at the same time.
  if (existsSync(join(permissions, 'src'))) compile(permissions);
  compile(import.meta.dirname, '--outDir', folder);
  const copy = join(folder, 'graph-permissions');
  cpSync(join(permissions, 'dist'), copy, { recursive: true });
  relink(folder, copy);
  // npm makes a command executable only when it links it.
  chmodSync(join(folder, 'main.js'), 0o755);
}
