/** Builds dist from an empty folder. Does nothing where TypeScript is not installed (`npm ci --omit=dev`). */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

function compilerPath() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  } catch {
    return undefined;
  }
}

const compiler = compilerPath();
if (compiler !== undefined) {
  const dist = join(import.meta.dirname, 'dist');
  rmSync(dist, { recursive: true, force: true });
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  });
  // npm makes a command executable only when it links it.
  chmodSync(join(dist, 'main.js'), 0o755);
}
