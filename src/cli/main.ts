#!/usr/bin/env node
import './require-node.ts';
import { Command } from 'commander';
import { registerCompletion } from './commands/completion.ts';
import { registerCommands } from './commands/index.ts';
import { runProgram } from './run-program.ts';
import project from '../../package.json' with { type: 'json' };

// `ptb tenants | head -1` closes the pipe early, which is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`ptb: Standard output cannot be written (${error.code ?? error.message}).\n`);
  process.exit(1);
});

const program = new Command('ptb')
  .description('Keep a partner credential in Key Vault and issue tokens from it.')
  .version(project.version);
registerCommands(program);
const argv = await registerCompletion(program, process.argv);
if (argv !== undefined) process.exitCode = await runProgram(program, argv);
// A request for suggestions that came too late must not keep the shell waiting.
if (process.argv[2] === 'complete') process.stdout.write('', () => process.exit());
