#!/usr/bin/env node
import { Command } from 'commander';
import { registerCompletion } from './commands/completion.ts';
import { registerCommands } from './commands/index.ts';
import { runProgram } from './run-program.ts';

// Loaded as a program only: everything it does is in the commands, each of which loads its own machinery.
const program = new Command('ptb').description('Keeps a partner credential in Key Vault and brokers tokens from it.');
registerCommands(program);
await registerCompletion(program, process.argv);
process.exitCode = await runProgram(program, process.argv);
