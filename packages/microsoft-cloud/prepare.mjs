/**
 * Builds dist from an empty folder, after that of graph-permissions, whose types it needs: npm prepares all workspaces at
 * the same time. Does nothing where TypeScript is not installed (`npm ci --omit=dev`).
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { resolve } = createRequire(import.meta.url);

function compilerPath() {
  try {
    return join(dirname(resolve('typescript/package.json')), 'bin/tsc');
  } catch {
    return undefined;
  }
}

const compiler = compilerPath();
if (compiler !== undefined) {
  const dist = join(import.meta.dirname, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const permissions = dirname(resolve('graph-permissions/package.json'));
  // An installed package is built already.
  for (const cwd of existsSync(join(permissions, 'src')) ? [permissions, import.meta.dirname] : [import.meta.dirname])
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd, stdio: 'inherit' });
  // npm makes a command executable only when it links it.
  chmodSync(join(dist, 'main.js'), 0o755);
}
