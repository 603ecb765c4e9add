import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeWhole } from '../../../src/cli/whole-file.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-whole-'));
  file = join(folder, 'rows.csv');
});
afterEach(() => rm(folder, { recursive: true }));

const written = (): Promise<void> => writeWhole(file, Readable.from([Buffer.from('rows')]));

it.skipIf(process.platform === 'win32')(
  'a file is readable by its owner alone, whatever an unfinished one was',
  async () => {
    await writeFile(`${file}.part`, 'half', { mode: 0o644 });
    await written();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe('rows');
  },
);

it.skipIf(process.platform === 'win32')('a file is not written where a link in its place leads', async () => {
  const elsewhere = join(folder, 'elsewhere');
  await writeFile(elsewhere, 'of another');
  await symlink(elsewhere, `${file}.part`);
  await written();
  expect(await readFile(elsewhere, 'utf8')).toBe('of another');
  expect((await readdir(folder)).toSorted()).toEqual(['elsewhere', 'rows.csv']);
});
