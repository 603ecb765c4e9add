import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { registerPermissions } from '../../../../src/cli/commands/permissions.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';

// A demo may run in this folder, whose settings a command would take.
beforeEach(() => void vi.spyOn(process, 'cwd').mockReturnValue(tmpdir()));
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

it('names what opens a request for an application with --grant', async () => {
  vi.stubEnv('AzureWebJobsStorage', '');
  const words = ['permissions', 'show', 'GET', '/me', '--grant'];
  const exitOf = async (grant: string): Promise<number> => {
    const program = new Command('ptb');
    registerPermissions(program);
    for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockReturnValue(true);
    return runProgram(program, ['node', 'ptb', ...words, grant]);
  };
  expect(await exitOf('delegated')).toBe(0);
  // Without a signed-in account there is no `me`.
  expect(await exitOf('application')).toBe(1);
});
