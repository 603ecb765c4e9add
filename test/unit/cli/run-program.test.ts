import { Command, Option } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { registerVerify } from '../../../src/cli/commands/verify.ts';
import { CommandFailure } from '../../../src/cli/command-failure.ts';
import { exitCodeOf, exitCodes } from '../../../src/cli/exit-codes.ts';
import { runProgram } from '../../../src/cli/run-program.ts';
import { adviceFor, BrokerError, SetupError } from '../../../src/lib/core/errors.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('ends with a usage error that names `ptb login` and `npm start` when the address is missing', async () => {
  vi.stubEnv('BROKER_URL', undefined);
  // Whoever works on the code may have a demo running in this folder.
  vi.spyOn(process, 'cwd').mockReturnValue('/nowhere');
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const program = new Command('ptb');
  registerVerify(program);
  expect(await runProgram(program, ['node', 'ptb', 'verify'])).toBe(exitCodes.usage);
  expect(said.mock.calls.flat()).toEqual([
    expect.stringMatching(/^ptb: No broker is known\. Sign in with `ptb login --url .*`npm start`/),
  ]);
});

it.each([
  ['the advice for the operator', new BrokerError('job_unknown', 'What.'), adviceFor('job_unknown', 'operator')],
  ['the environment for a wrong setting', new BrokerError('config_invalid', 'What.'), /^Set it in the env/],
  ['the advice of a setup error', new SetupError('sign_in_refused', 'What.'), /^Sign in with MFA/],
  ['a sign-in for a missing token', new BrokerError('caller_unauthenticated', 'What.'), /`az login`.*PTB_TOKEN/],
  [
    'the next step of the failure itself',
    new CommandFailure('config_invalid', 'What.', 'Correct the file.'),
    'Correct the file.',
  ],
] as const)('prints %s as the next step', async (_name, thrown, step) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const program = new Command('ptb');
  program.command('fail').action(() => Promise.reject(thrown));
  expect(await runProgram(program, ['node', 'ptb', 'fail'])).toBe(exitCodeOf(thrown.code));
  const [, next] = /^ptb: What\. (.*) \([a-z_]+\)\n$/.exec(String(said.mock.calls[0]?.[0])) ?? [];
  expect(next).toEqual(typeof step === 'string' ? step : expect.stringMatching(step));
});

it.each([
  ['caller_throttled', exitCodes.remote],
  ['throttled', exitCodes.remote],
  ['request_invalid', exitCodes.usage],
  ['consent_required', exitCodes.signInNeeded],
  ['client_credential_rejected', exitCodes.signInNeeded],
  ['config_invalid', exitCodes.failure],
  ['internal', exitCodes.failure],
  ['sign_in_refused', exitCodes.signInNeeded],
  ['operator_forbidden', exitCodes.failure],
  ['setup_refused', exitCodes.failure],
] as const)('ends with the exit code of the error: %s gives %i', (code, exitCode) => {
  expect(exitCodeOf(code)).toBe(exitCode);
});

it.each([
  [['runs', 'shwo'], 'ptb runs has no command "shwo"; did you mean "show"?'],
  [['runs', 'quite-other'], 'ptb runs has no command "quite-other". Its commands are list, show.'],
  [['rnus'], 'ptb has no command "rnus"; did you mean "runs"?'],
  [['show'], 'ptb has no command "show"; did you mean "ptb runs show"?'],
  [['other'], 'ptb has no command "other". `ptb --help` lists the commands.'],
  [['runs', '--last', 'token'], "ptb: unknown option '--last'\n"],
  [['runs', '--kind', 'requst'], 'Allowed choices are request, token; did you mean "request"?'],
  [['runs', '--kind', 'other'], 'Allowed choices are request, token.'],
  [['runs', '--knid', 'token'], 'unknown option \'--knid\'; did you mean "--kind"?'],
])('asks for %j whether the nearest word is meant', async (words, expected) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const program = new Command('ptb').enablePositionalOptions();
  const runs = program.command('runs');
  const list = runs.command('list', { isDefault: true }).action(() => undefined);
  list.addOption(new Option('--kind <kind>').choices(['request', 'token']));
  runs.command('show').action(() => undefined);
  expect(await runProgram(program, ['node', 'ptb', ...words])).toBe(exitCodes.usage);
  const text = said.mock.calls.flat().join('');
  expect(text).toContain(expected);
  expect(text.trimEnd().split('\n')).toHaveLength(1);
});

it('takes a choice that is right', async () => {
  const program = new Command('ptb');
  const kinds: unknown[] = [];
  program
    .addOption(new Option('--kind <kind...>').choices(['request', 'token']))
    .action(({ kind }) => void kinds.push(kind));
  expect(await runProgram(program, ['node', 'ptb', '--kind', 'token', 'request'])).toBe(exitCodes.ok);
  expect(kinds).toEqual([['token', 'request']]);
});
