import { CommanderError, type Command } from 'commander';
import { CodedError } from '../lib/model/errors.ts';
import { scrub } from '../lib/runtime/log.ts';
import { nextStep } from './command-failure.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';

/** A command sets this when its outcome is neither plain success nor an error (3: some tenants failed). */
export class CommandOutcome extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** The command was called in a way that cannot work: a sentence that says how it can. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs the program and turns whatever happens into an exit code and, for a failure, one sentence with the next step
 * on standard error.
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
      process.stderr.write(`ptb: ${thrown.message}\n`);
      return exitCodes.usage;
    }
    if (thrown instanceof CodedError) {
      process.stderr.write(`ptb: ${thrown.detail} ${nextStep(thrown)} (${thrown.code})\n`);
      return exitCodeOf(thrown.code);
    }
    process.stderr.write(
      `ptb: ${scrub(thrown instanceof Error ? (process.env['PTB_DEBUG'] ? (thrown.stack ?? thrown.message) : thrown.message) : String(thrown))}\n`,
    );
    return exitCodes.failure;
  }
}

// commander would end the process itself; a program that can be tested must return.
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExit(child);
}
