import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { assignment, configureCloudCommand } from '../../src/command.ts';

// test/e2e/command.test.ts proves the exit codes of the process.

/** Runs the command with arguments with which no cloud starts. */
async function run(...args: readonly string[]) {
  let output = '';
  let errors = '';
  const command = configureCloudCommand(new Command('microsoft-cloud')).exitOverride();
  command.configureOutput({ writeOut: (text) => (output += text), writeErr: (text) => (errors += text) });
  const error: unknown = await command.parseAsync(args, { from: 'user' }).catch((reason: unknown) => reason);
  return { exitCode: error instanceof CommanderError ? error.exitCode : undefined, output, errors };
}

describe('the command microsoft-cloud', () => {
  it.each([
    [['--faults', 'nonsense'], /There is no fault set "nonsense". Use one of none, flaky/],
    [['--tenants', 'many'], /whole number/],
    [['--port', '70000'], /whole number/],
    [['--tenants', '100001'], /from 0 to 100000/],
    [['--colour', 'red'], /unknown option '--colour'/],
    [['surplus'], /too many arguments/],
    [['--permissions', 'missing.json'], /The permission file missing\.json cannot be used: ENOENT/],
  ])('rejects %j as wrong usage', async (args, message) => {
    const { exitCode, errors, output } = await run(...args);
    expect(exitCode).toBeGreaterThan(0);
    expect(errors).toMatch(message);
    expect(output).toBe('');
  });

  it('documents every option and the exit codes in --help', async () => {
    const { exitCode, output } = await run('--help');
    expect(exitCode).toBe(0);
    for (const option of [
      'tenants',
      'users-per-tenant',
      'faults',
      'seed',
      'delay-ms',
      'port',
      'host',
      'plain',
      'permissions',
      'json',
    ])
      expect(output).toContain(`--${option} `);
    expect(output).toMatch(/Exit codes: 0 .* 1 [^]* 2 /);
  });

  it('writes variables for PowerShell on Windows and for POSIX shells elsewhere', () => {
    expect(assignment(['A', String.raw`C:\it's`], 'win32')).toBe(String.raw`$env:A='C:\it''s'`);
    expect(assignment(['A', "it's"], 'linux')).toBe(String.raw`A='it'\''s'`);
    expect(assignment(['A', 'https://localhost:1'], 'darwin')).toBe('A=https://localhost:1');
  });
});
