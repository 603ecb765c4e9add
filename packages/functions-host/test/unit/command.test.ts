import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configureHostCommand } from '../../src/command.ts';

// test/e2e/command.test.ts proves the exit codes of the process, and what it says of an app that it loads.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'functions-host-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the command with arguments with which no host starts. */
function failure(...args: readonly string[]): Promise<unknown> {
  const command = configureHostCommand(new Command('functions-host')).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  return command.parseAsync(args, { from: 'user' }).catch((error: unknown) => error);
}

describe('the command functions-host', () => {
  it('names what is missing in the app folder', async () => {
    const fail = () => failure('--app', folder, '--port', '0');
    const saying = (message: string): unknown =>
      expect.objectContaining({ message: expect.stringContaining(message) as string });
    expect(await fail()).toEqual(saying(`There is no host.json in ${folder}, so it is not a Functions app.`));
    writeFileSync(join(folder, 'host.json'), '{"version":"2.0"}');
    expect(await fail()).toEqual(saying('There is no package.json'));
    writeFileSync(join(folder, 'package.json'), '{"main":"dist/*.js"}');
    expect(await fail()).toEqual(saying('Has the app been built?'));
  });

  it('names a folder that does not exist', async () => {
    const missing = join(folder, 'missing');
    expect(await failure('--app', missing, '--port', '0')).toMatchObject({ message: `There is no folder ${missing}.` });
  });

  it.each([['--port', 'x'], ['--log-level', 'loud'], ['--colour']])(
    'rejects %s %s as wrong usage',
    async (...option) => {
      const error = await failure('--app', folder, ...option);
      expect(error).toBeInstanceOf(CommanderError);
      expect(error).toMatchObject({ exitCode: 1 });
    },
  );
});
