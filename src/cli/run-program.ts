import { type Command, CommanderError, InvalidArgumentError, type Option } from 'commander';
import { CodedError } from '../lib/core/errors.ts';
import { scrub } from '../lib/core/log.ts';
import { didYouMean, visibleText } from '../lib/core/text.ts';
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
  let refusal = '';
  overrideExit(program, (text) => (refusal += text));
  try {
    await program.parseAsync([...argv]);
    return exitCodes.ok;
  } catch (thrown) {
    if (thrown instanceof CommandOutcome) return thrown.exitCode;
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode !== 0) sayRefusal(program, argv.slice(2), thrown, refusal);
      return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
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
function overrideExit(command: Command, outputError: (text: string) => void): void {
  command.exitOverride().configureOutput({ outputError }).showSuggestionAfterError(false);
  for (const option of command.options) suggestChoice(option);
  for (const child of command.commands) overrideExit(child, outputError);
}

/** Lets an option with choices ask whether the nearest one is meant. commander does this for commands and options. */
function suggestChoice(option: Option): void {
  const { argChoices: choices, parseArg } = option;
  if (choices === undefined || parseArg === undefined) return;
  option.argParser((value, before: unknown) => {
    const question = choices.includes(value) ? '' : didYouMean(value, choices);
    if (question !== '') throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}${question}`);
    return parseArg(value, before);
  });
}

/** Says what is wrong with the command line, and what was probably meant. @param refusal as commander says it. */
function sayRefusal(
  program: Command,
  words: readonly string[],
  { code, message }: CommanderError,
  refusal: string,
): void {
  const { path, command } = commandOf(program, words);
  const names = command.commands.map((child) => child.name());
  // A group with a default command takes a misspelt command for an argument of that: `ptb runs shwo`.
  const isExcess = code === 'commander.excessArguments' && names.length > 0;
  if (isExcess || code === 'commander.unknownCommand') {
    const [, typed = ''] = /(?:got \d+: |command ')([^,']*?)[,.']/.exec(message) ?? [];
    const elsewhere = program.commands.find((group) => group.commands.some((child) => child.name() === typed));
    const question =
      elsewhere === undefined ? didYouMean(typed, names) : `; did you mean "ptb ${elsewhere.name()} ${typed}"?`;
    const all = path.length === 0 ? '. `ptb --help` lists the commands.' : `. Its commands are ${names.join(', ')}.`;
    fail(`${['ptb', ...path].join(' ')} has no command "${visibleText(typed)}"${question || all}`);
    return;
  }
  const [, option] = code === 'commander.unknownOption' ? (/'(--[^']*)'/.exec(message) ?? []) : [];
  const known = [command, defaultOf(command) ?? command].flatMap(({ options }) =>
    options.flatMap(({ long }) => long?.slice(2) ?? []),
  );
  const question = option === undefined ? '' : didYouMean(option.slice(2), known);
  // commander shows the help of a group without a command, and refuses nothing.
  if (refusal === '') return;
  fail(visibleText(refusal.replace(/^error: /, '').trimEnd()) + question.replace('"', '"--'));
}

/** The command that a group runs if none of its commands is named: `ptb runs` is `ptb runs list`. */
export function defaultOf(group: Command): Command | undefined {
  // commander has no other way to ask for it.
  const name: unknown = Reflect.get(group, '_defaultCommandName');
  return group.commands.find((child) => child.name() === name);
}

/** The command of the words, with its groups: `runs show`. */
export function commandOf(
  program: Command,
  words: readonly string[],
): { readonly path: readonly string[]; readonly command: Command } {
  const path: string[] = [];
  let command = program;
  for (const word of words) {
    const child = command.commands.find((each) => each.name() === word);
    if (child === undefined) break;
    path.push(word);
    command = child;
  }
  return { path, command };
}
