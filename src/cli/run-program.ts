import { CommanderError, type Command } from 'commander';
import { CodedError } from '../lib/core/errors.ts';
import { scrub } from '../lib/core/log.ts';
import { visibleText } from '../lib/core/text.ts';
import { nextStep } from './command-failure.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';
import { shownLine, styled } from './line.ts';

/** A command throws this to end with an exit code and no message, such as 3 when some tenants failed. */
export class CommandOutcome extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** The command was called incorrectly. The message says how to call it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs the program and returns its exit code. For a failure it also writes one line with the next step to standard
 * error.
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<ExitCode> {
  overrideExit(program);
  try {
    await program.parseAsync([...argv]);
    return exitCodes.ok;
  } catch (thrown) {
    if (thrown instanceof CommandOutcome) return thrown.exitCode;
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (thrown instanceof UsageError) {
      fail(thrown.message);
      return exitCodes.usage;
    }
    if (thrown instanceof CodedError) {
      fail(`${visibleText(thrown.detail)} ${nextStep(thrown)} (${thrown.code})`);
      return exitCodeOf(thrown.code);
    }
    fail(scrub(describe(thrown)).split('\n').map(visibleText).join('\n'));
    return exitCodes.failure;
  }
}

/** @param text may have several lines. Control characters in it are text already. */
function fail(text: string): void {
  process.stderr.write(`${shownLine(styled('bad', 'ptb:'), process.stderr)} ${text}\n`);
}

/** Describes an error that has no code. With PTB_DEBUG it includes the stack. */
function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return process.env['PTB_DEBUG'] ? (thrown.stack ?? thrown.message) : thrown.message;
}

// By default commander ends the process. Tests need the program to return.
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExit(child);
}
