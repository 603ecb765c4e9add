#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { configureCloudCommand } from './command.ts';
import { addRecordingCommands } from './recording/commands.ts';

// `--help | head`: the reader has closed the pipe, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  // The command that writes reports every other error.
});

const command = configureCloudCommand(new Command('microsoft-cloud').exitOverride());
addRecordingCommands(command);
try {
  await command.parseAsync();
} catch (error) {
  // commander has already printed its message. Wrong usage ends with exit code 2.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`microsoft-cloud: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
