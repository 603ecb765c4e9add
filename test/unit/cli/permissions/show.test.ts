import { Command } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { registerPermissions } from '../../../../src/cli/commands/permissions.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function show(...words: string[]): Promise<string> {
  let said = '';
  vi.stubEnv('AzureWebJobsStorage', '');
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  const program = new Command('ptb');
  registerPermissions(program);
  expect(await runProgram(program, ['node', 'ptb', 'permissions', 'show', ...words])).toBe(0);
  return said;
}

it('names the permissions that open a request', async () => {
  const said = await show('GET', '/users');
  expect(said).toContain('Each of these opens GET /v1.0/users:');
  expect(said).toContain('  User.Read.All');
  expect(said).not.toContain('body');
});

it('says that the body of a request may need more', async () => {
  expect(await show('post', '/groups')).toContain('The body may need more');
});
