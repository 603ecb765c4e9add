#!/usr/bin/env node
// npm links this file instead of the program, because each build replaces the program.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const program = new URL('../../build/cli/ptb.js', import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  console.error(`ptb: The command line is not built. Run \`npm run build\` in ${folder}`);
  process.exitCode = 1;
}
