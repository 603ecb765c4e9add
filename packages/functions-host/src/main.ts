#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { configureHostCommand } from './command.ts';

const command = configureHostCommand(new Command('functions-host')).exitOverride();
try {
  await command.parseAsync();
} catch (error) {
  // commander has printed its message; wrong usage is exit code 2.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`functions-host: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
