#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { configureHostCommand } from './command.ts';
import { messageOf } from './runtime/errors.ts';

// `--help | head`: the reader has closed the pipe, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const command = configureHostCommand(new Command('functions-host')).exitOverride();
try {
  await command.parseAsync();
} catch (error) {
  // commander has printed its own message. Wrong usage is exit code 2.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`functions-host: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
