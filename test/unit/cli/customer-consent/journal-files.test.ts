import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJournalFiles, stateFolder } from '../../../../src/cli/customer-consent/journal-files.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';

const tenantId = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const entry = {
  tenantId,
  name: 'Contoso',
  startedAtMs: 1,
  before: [{ appId: 'graph', name: 'Microsoft Graph', scopes: ['User.Read'] }],
  after: [{ appId: 'graph', name: 'Microsoft Graph', scopes: ['User.Read', 'User.Read.All'] }],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('createJournalFiles', () => {
  it('keeps an entry until it is dropped, per application', async () => {
    const journal = createJournalFiles(folder, 'client');
    expect(await journal.list()).toEqual([]);
    await journal.save(entry);
    await journal.save(entry);
    expect(await createJournalFiles(folder, 'client').list()).toEqual([entry]);
    expect(await createJournalFiles(folder, 'another').list()).toEqual([]);
    await journal.drop(tenantId);
    await journal.drop(tenantId);
    expect(await journal.list()).toEqual([]);
  });

  it('ignores a file that was not written to its end', async () => {
    const journal = createJournalFiles(folder, 'client');
    await journal.save(entry);
    await writeFile(join(folder, 'consent/client', `${tenantId}.json.new`), '{"tenantId":');
    expect(await journal.list()).toEqual([entry]);
    await journal.save(entry);
    expect(await readdir(join(folder, 'consent/client'))).toEqual([`${tenantId}.json`]);
  });

  it('fails when the folder cannot be read, instead of taking it for empty', async () => {
    await mkdir(join(folder, 'consent'));
    await writeFile(join(folder, 'consent/client'), '');
    await expect(createJournalFiles(folder, 'client').list()).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it.each(['', '{}', '{"tenantId":"x"}'])('names a damaged file and what to do: %j', async (content) => {
    const journal = createJournalFiles(folder, 'client');
    await journal.save(entry);
    await writeFile(join(folder, 'consent/client', `${tenantId}.json`), content);
    await expect(journal.list()).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining(`${tenantId}.json: cannot be read`) as string,
      nextStep: expect.stringContaining('--check') as string,
    });
  });
});

describe('stateFolder', () => {
  it.each([
    ['XDG_STATE_HOME', { XDG_STATE_HOME: '/state', LOCALAPPDATA: 'C:/Local' }, 'win32', '/state'],
    ['LOCALAPPDATA on Windows', { LOCALAPPDATA: 'C:/Local' }, 'win32', 'C:/Local'],
    ['the home folder elsewhere', { LOCALAPPDATA: 'C:/Local' }, 'linux', join(homedir(), '.local', 'state')],
    [
      'the home folder when XDG_STATE_HOME is empty',
      { XDG_STATE_HOME: '' },
      'linux',
      join(homedir(), '.local', 'state'),
    ],
  ] as const)('uses %s', (_name, environment, platform, base) => {
    expect(stateFolder(environment, platform)).toBe(join(base, 'partner-token-broker'));
  });
});
