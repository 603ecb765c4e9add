import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asset, createPageFiles, page } from '../../src/functions/page-files.ts';
import { silentLogger } from '../../src/lib/runtime/log.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-pages-'));
  await writeFile(join(folder, 'start.html'), '<!doctype html>');
  await writeFile(join(folder, 'start.js'), 'let x;');
  await writeFile(join(folder, 'host.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const call = (file: string) => ({
  request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/assets/x', params: { file } }),
  correlationId: '',
  log: silentLogger,
});

describe('the files of the pages', () => {
  it('are sent with their type', async () => {
    const files = createPageFiles(folder);
    expect(await page('start.html', files)(call(''))).toMatchObject({ status: 200, body: '<!doctype html>' });
    const { status, headers, body } = await asset(files)(call('start.js'));
    expect([status, body, headers?.['content-type']]).toEqual([200, 'let x;', 'text/javascript; charset=utf-8']);
  });

  it.each([
    'none.js',
    'start.html',
    'host.json',
    '../start.js',
    `${'../'.repeat(9)}etc/passwd`,
    '',
    '.js',
    'start.js/',
    'START.JS',
  ])('are none of %j', async (name) => {
    await expect(asset(createPageFiles(folder))(call(name))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are read once: a reader costs the disk nothing', async () => {
    const files = createPageFiles(folder);
    const first = await files.find('start.js');
    await writeFile(join(folder, 'start.js'), 'let y;');
    expect(await files.find('start.js')).toBe(first);
  });

  it('are missed aloud where the build has left out a page', async () => {
    await expect(page('none.html', createPageFiles(folder))(call(''))).rejects.toThrow('none.html');
  });
});
