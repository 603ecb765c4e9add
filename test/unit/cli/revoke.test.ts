import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerRevoke } from '../../../src/cli/commands/revoke.ts';
import { type ExitCode, exitCodes } from '../../../src/cli/exit-codes.ts';
import { runProgram } from '../../../src/cli/run-program.ts';

let said: string;
let printed: string;
beforeEach(() => {
  said = '';
  printed = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  // A demo may run in this folder, whose settings a command would take.
  vi.spyOn(process, 'cwd').mockReturnValue(tmpdir());
  // No command below gets as far as the sign-in.
  vi.stubEnv('PARTNER_TENANT_ID', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function ptb(...args: readonly string[]): Promise<ExitCode> {
  const program = new Command('ptb');
  registerRevoke(program);
  return runProgram(program, ['node', 'ptb', 'revoke', ...args]);
}

describe('ptb revoke --unblock-callers', () => {
  it('prints its only step with --dry-run, and changes nothing', async () => {
    expect(await ptb('--unblock-callers', 'callers-app', '--dry-run', '--json')).toBe(exitCodes.ok);
    expect(JSON.parse(printed)).toEqual({
      dryRun: true,
      steps: ['Enable sign-in to the broker application callers-app'],
    });
    expect(said).toBe('');
  });

  it.each([
    ['--block-callers', 'callers-app'],
    ['--account', 'broker@partner.example'],
    ['--no-account'],
    ['--client-id', 'some-app'],
  ])('refuses %s, because it does nothing else', async (...args) => {
    expect(await ptb('--unblock-callers', 'callers-app', '--yes', ...args)).toBe(exitCodes.usage);
    expect(said).toMatch(/--unblock-callers does nothing else/);
  });

  it('needs no --yes without a terminal, because it asks nothing', async () => {
    expect(await ptb('--unblock-callers', 'callers-app')).toBe(exitCodes.failure);
    expect(said).toMatch(/^ptb: PARTNER_TENANT_ID \(--partner-tenant\): /);
  });
});

it('ptb revoke needs --yes or --dry-run without a terminal', async () => {
  expect(await ptb()).toBe(exitCodes.usage);
  expect(said).toMatch(/no terminal to ask for confirmation/);
});

it('ptb revoke takes --no-account, and asks for the tenant next', async () => {
  expect(await ptb('--yes', '--no-account')).toBe(exitCodes.failure);
  expect(said).toMatch(/^ptb: PARTNER_TENANT_ID \(--partner-tenant\): /);
});
