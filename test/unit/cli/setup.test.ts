import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { confirmPlan } from '../../../src/cli/commands/setup.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { registerCommands } from '../../../src/cli/commands/index.ts';
import { CommandOutcome, runProgram } from '../../../src/cli/run-program.ts';

const plan = { application: 'default', steps: ['Do this'], notes: ['Another broker uses it.'] };
let said: string;
beforeEach(() => {
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

it('shows notes and steps before it asks, and continues after a yes', async () => {
  await confirmPlan(plan, async () => true);
  expect(said).toBe('Another broker uses it.\nSteps:\n  1. Do this\n');
});

it('says that nothing was changed and ends with 1 after a no', async () => {
  const outcome: unknown = await confirmPlan(plan, async () => false).catch((thrown: unknown) => thrown);
  expect(outcome).toBeInstanceOf(CommandOutcome);
  expect(outcome).toMatchObject({ exitCode: exitCodes.failure });
  expect(said).toMatch(/\nNothing was changed\.\n$/);
});

it('parses the options after `setup api` as those of `api`, which needs no vault', async () => {
  vi.stubEnv('PARTNER_TENANT_ID', '');
  const program = new Command('ptb');
  registerCommands(program);
  const argv = ['node', 'ptb', 'setup', 'api', '--dry-run', '--json', '--partner-tenant', 'nonsense'];
  expect(await runProgram(program, argv)).toBe(exitCodes.failure);
  expect(said).toMatch(/^ptb: PARTNER_TENANT_ID \(--partner-tenant\): /);
  expect(said).not.toContain('KEY_VAULT_URL');
  vi.unstubAllEnvs();
});

it.each([
  ['--name', 'Not a name', '2 to 63 lower case letters'],
  ['--principal', 'somebody', 'must be an object id'],
  ['--role', 'Everything', 'Allowed choices are Tokens.Request'],
])('refuses %s %s', async (option, value, text) => {
  const program = new Command('ptb');
  registerCommands(program);
  expect(await runProgram(program, ['node', 'ptb', 'setup', 'api', '--dry-run', option, value])).toBe(exitCodes.usage);
  expect(said).toContain(text);
});

it.each([
  ['--principal', '11111111-1111-4111-8111-111111111111'],
  ['--role', 'Runs.Read'],
])('refuses --no-roles together with %s', async (option, value) => {
  const program = new Command('ptb');
  registerCommands(program);
  const argv = ['node', 'ptb', 'setup', 'api', '--dry-run', '--no-roles', option, value];
  expect(await runProgram(program, argv)).toBe(exitCodes.usage);
  expect(said).toContain(`option '--no-roles' cannot be used with option '${option}`);
});
