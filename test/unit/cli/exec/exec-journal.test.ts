import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../../../src/cli/exec/exec-journal.ts';

const [one, two, three] = [1, 2, 3].map((n) => `${n}1111111-2222-4333-8444-555555555555`) as [string, string, string];
const command = ['program', 'secret-argument'];

let folder: string;
beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'ptb-exec-'));
  folder = join(parent, 'new', 'folder');
  return () => rm(parent, { recursive: true });
});

describe('the journal of ptb exec', () => {
  it('remembers the tenants for which the program succeeded last', async () => {
    const journal = await openJournal(folder, command, false);
    expect(journal.done.size).toBe(0);
    await journal.add(one, 'succeeded');
    await journal.add(two, 'failed');
    await journal.add(three, 'succeeded');
    await journal.add(three, 'timed_out');
    const resumed = await openJournal(folder, command, true);
    expect([...resumed.done]).toEqual([one]);
    expect(await readFile(join(folder, 'ptb-exec.jsonl'), 'utf8')).not.toContain('secret-argument');
  });

  it('survives a line that was cut, and writes the next one whole', async () => {
    const journal = await openJournal(folder, command, false);
    await journal.add(one, 'succeeded');
    await appendFile(join(folder, 'ptb-exec.jsonl'), `{"tenantId":"${two}","outc`);
    const resumed = await openJournal(folder, command, true);
    expect([...resumed.done]).toEqual([one]);
    await resumed.add(three, 'succeeded');
    expect([...(await openJournal(folder, command, true)).done]).toEqual([one, three]);
  });

  it.each(['', '{"version":1,"comm'])('begins anew where only a cut first line was written: %j', async (cut) => {
    await openJournal(folder, command, false);
    await writeFile(join(folder, 'ptb-exec.jsonl'), cut);
    const journal = await openJournal(folder, command, false);
    await journal.add(one, 'succeeded');
    expect([...(await openJournal(folder, command, true)).done]).toEqual([one]);
    await expect(openJournal(folder, ['program', 'other'], true)).rejects.toThrow('other arguments');
  });

  it('keeps later lines whole if the disk was full for one', async () => {
    const journal = await openJournal(folder, command, false, async (file, text) => {
      if (!text.includes(one)) return appendFile(file, text);
      await appendFile(file, text.slice(0, 10));
      throw new Error('no space');
    });
    const added = [one, two, three].map((tenantId) => journal.add(tenantId, 'succeeded'));
    expect((await Promise.allSettled(added)).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect([...(await openJournal(folder, command, true)).done].toSorted()).toEqual([two, three]);
  });

  it('never mixes the results of two commands', async () => {
    await openJournal(folder, command, false);
    await expect(openJournal(folder, command, false)).rejects.toThrow('Go on with it by --resume');
    await expect(openJournal(folder, ['program', 'other'], true)).rejects.toThrow('other arguments');
    await expect(openJournal(folder, ['programsecret-argument'], true)).rejects.toThrow('other arguments');
  });

  it('starts anew with --resume where nothing was done', async () => {
    expect((await openJournal(folder, command, true)).done.size).toBe(0);
  });
});
