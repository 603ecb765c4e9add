import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandOf, findCoreTools } from '../../func/core-tools.ts';

let folder: string;
/** A folder with a `func` that answers, and one with a `func` that fails. */
let bin: string;
let broken: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-core-tools-'));
  const install = async (name: string, script: string): Promise<string> => {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'func'), script, { mode: 0o755 });
    return join(folder, name);
  };
  bin = await install('bin', '#!/bin/sh\necho 0.0.0-stand-in\n');
  broken = await install('broken', '#!/bin/sh\nexit 3\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('findCoreTools', () => {
  it('finds a program and its version on the PATH', async () => {
    expect(await findCoreTools(folder, `${folder}${delimiter}${bin}`)).toEqual({
      program: join(bin, 'func'),
      version: '0.0.0-stand-in',
    });
  });

  it('returns why there is none', async () => {
    expect(await findCoreTools(folder, folder)).toMatch(/install azure-functions-core-tools/);
  });

  it('fails if the program that it finds does not run', async () => {
    await expect(findCoreTools(folder, `${broken}${delimiter}${bin}`)).rejects.toThrow(/--version fails/);
  });

  it('looks for a command file or a program on Windows, and starts the command file in a shell', async () => {
    const windows = join(folder, 'windows');
    await mkdir(windows);
    expect(await findCoreTools(folder, windows, 'win32')).toMatch(/install/);
    await writeFile(join(windows, 'func.exe'), '#!/bin/sh\necho 0.0.0-program\n', { mode: 0o755 });
    expect(await findCoreTools(folder, windows, 'win32')).toMatchObject({ version: '0.0.0-program' });
    await writeFile(join(windows, 'func.cmd'), '#!/bin/sh\necho 0.0.0-command\n', { mode: 0o755 });
    expect(await findCoreTools(folder, windows, 'win32')).toMatchObject({ version: '0.0.0-command' });
    expect(commandOf('C:\\Program Files\\func.cmd', ['start'])).toEqual({
      file: '"C:\\Program Files\\func.cmd"',
      args: ['start'],
      shell: true,
    });
  });
});
