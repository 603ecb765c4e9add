#!/usr/bin/env node
import { Command } from 'commander';
import { registerCompletion } from './commands/completion.ts';
import { registerCommands } from './commands/index.ts';
import { runProgram } from './run-program.ts';
import project from '../../package.json' with { type: 'json' };

// `ptb tenants | head -1`: whoever read the output has had enough, and that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// Loaded as a program only: everything it does is in the commands, each of which loads its own machinery.
const program = new Command('ptb')
  .description('Keeps a partner credential in Key Vault and brokers tokens from it.')
  .version(project.version);
registerCommands(program);
await registerCompletion(program, process.argv);
process.exitCode = await runProgram(program, process.argv);
