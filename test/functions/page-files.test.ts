import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPageFiles } from '../../src/lib/api/page-answer.ts';
import { asset, page } from '../../src/functions/pages.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-pages-'));
  await writeFile(join(folder, 'start.html'), '<!doctype html>');
  await writeFile(join(folder, 'start.js'), 'let x;');
  await writeFile(join(folder, 'host.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const call = (file: string) => ({
  request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/assets/x' }),
  path: { file },
});

describe('page files', () => {
  it('returns a file with its content type', async () => {
    const files = createPageFiles(folder);
    expect(await page('start.html', files)(undefined, call(''))).toMatchObject({
      status: 200,
      body: '<!doctype html>',
    });
    const { status, headers, body } = await asset(files)(undefined, call('start.js'));
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
  ])('answers not_found for the asset %j', async (name) => {
    await expect(asset(createPageFiles(folder))(undefined, call(name))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('reads each file once', async () => {
    const files = createPageFiles(folder);
    const first = await files.find('start.js');
    await writeFile(join(folder, 'start.js'), 'let y;');
    expect(await files.find('start.js')).toBe(first);
  });

  it('fails with the name of a page that the build lacks', async () => {
    await expect(page('none.html', createPageFiles(folder))(undefined, call(''))).rejects.toThrow('none.html');
  });
});
