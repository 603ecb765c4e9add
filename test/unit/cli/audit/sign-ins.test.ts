import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { registerAudit } from '../../../../src/cli/commands/audit.ts';
import type { ExtractLine } from '../../../../src/lib/audit/proof/layout.ts';
import { fileOf, startMs, type Story, storyOfADay } from '../../../support/customer-story.ts';
import { runCommand } from '../commands/command-stage.ts';

let folder: string;
let story: Story;
let lines: readonly ExtractLine[];
let extract: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-sign-ins-'));
  story = await storyOfADay();
  lines = await story.extract();
  extract = join(folder, 'extract.jsonl');
  await writeFile(extract, fileOf(lines));
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A sign-in for each token of the records, those of others around them, and some more. */
function log(extra: readonly object[] = []): string {
  const tokens = lines.flatMap((line) => (line.type === 'record' && 'uti' in line.record ? [line.record] : []));
  const app = { appId: 'portal', appDisplayName: 'The portal', status: { errorCode: 0 } };
  return JSON.stringify([
    ...tokens.map(({ uti, at }) => ({ ...app, uniqueTokenIdentifier: uti, createdDateTime: at })),
    ...['2026-11-24T09:00:00Z', '2026-11-24T23:00:00Z'].map((createdDateTime) => ({
      uniqueTokenIdentifier: createdDateTime,
      createdDateTime,
    })),
    ...extra.map((each) => ({ ...app, ...each })),
  ]);
}

async function compare(file: string, words: readonly string[] = [], of = extract) {
  vi.useFakeTimers({ now: story.world.audit.nowMs + 60_000, toFake: ['Date'] });
  const found = join(folder, 'log.json');
  await writeFile(found, file);
  return runCommand(registerAudit, ['audit', 'verify', of, '--sign-ins', found, ...words], []);
}

describe('ptb audit verify --sign-ins', () => {
  it('says that every sign-in of the partner has a record', async () => {
    const { exit, out } = await compare(log());
    expect(out).toMatch(
      /Sign-in log of users from \S+ to \S+, service principals from \S+ to \S+: 12 sign-ins of The portal with a record.\nNone without one.\n/,
    );
    expect(exit).toBe(0);
  });

  it('names sign-ins without a record and ends with 3', async () => {
    const stolen = {
      uniqueTokenIdentifier: 'stolen',
      createdDateTime: '2026-11-24T12:00:00Z',
      ipAddress: '203.0.113.9',
    };
    const { exit, out } = await compare(log([stolen]));
    expect(out).toContain('1 sign-in without one: a token that the broker did not record');
    expect(out).toContain('2026-11-24T12:00:00.000Z The portal 203.0.113.9 stolen');
    expect(exit).toBe(3);
    const json = JSON.parse((await compare(log([stolen]), ['--json'])).out) as {
      signIns: { withoutRecord: unknown[] };
    };
    expect(json.signIns.withoutRecord).toMatchObject([{ uti: 'stolen' }]);
  });

  it('names a sign-in whose only record is one that anybody can have added', async () => {
    const rogue = { uniqueTokenIdentifier: 'rogue', createdDateTime: '2026-11-24T12:00:00Z' };
    const added = lines.find((line) => line.type === 'record' && 'uti' in line.record);
    const record = { ...(added?.type === 'record' ? added.record : {}), uti: 'rogue' };
    const forged = join(folder, 'forged.jsonl');
    const withLine = lines.flatMap((line): ExtractLine[] =>
      line.type === 'end'
        ? [
            { type: 'unsigned', record },
            { ...line, unsigned: line.unsigned + 1 },
          ]
        : [line],
    );
    await writeFile(forged, fileOf(withLine));
    const { exit, out } = await compare(log([rogue]), [], forged);
    expect(out).toContain('PROVEN: ');
    expect([exit, out.includes('1 sign-in without one')]).toEqual([3, true]);
  });

  it('says how many rows it cannot read, and that a log is of another time, and ends with 3', async () => {
    const { exit, out } = await compare(log([{ createdDateTime: '2026-11-24T12:00:00Z' }]));
    expect(out).toContain(
      'None without one in what was compared.\n1 row of the log cannot be read: nothing is said of them.',
    );
    expect(exit).toBe(3);
    const other = await compare(
      JSON.stringify([{ uniqueTokenIdentifier: 'a', createdDateTime: '2025-11-24T12:00:00Z' }]),
    );
    expect(other).toMatchObject({ exit: 3, out: expect.stringContaining('no time in common') });
  });

  it('says which kind of sign-in it did not see, and ends with 3', async () => {
    const rows = JSON.parse(log()) as object[];
    const { exit, out } = await compare(JSON.stringify(rows.map((row) => ({ ...row, userPrincipalName: 'carol' }))));
    expect(out).toContain('None without one in what was compared.');
    expect(out).toMatch(/\nNot compared: sign-ins of service principals from \S+ to \S+, which no download covers\.\n/);
    expect(out).toContain('If the log of service principals was empty, say so: --empty-log service-principals.');
    expect(exit).toBe(3);
  });

  it('takes the word of who says that a log was empty, repeats it, and believes no one that is not', async () => {
    const rows = JSON.parse(log()) as object[];
    const users = JSON.stringify(rows.map((row) => ({ ...row, userPrincipalName: 'carol' })));
    const empty = join(folder, 'empty.json');
    await writeFile(empty, '{"@odata.context":"x","value":[]}');
    const saying = (...kinds: readonly string[]) => compare(users, [empty, '--empty-log', ...kinds]);
    const { exit, out } = await saying('service-principals');
    expect(out).toMatch(/Sign-in log of users from \S+ to \S+: 12 sign-ins/);
    expect(out).toContain('None without one.\n');
    expect(out).not.toContain('If the log of');
    expect(out).toContain(
      'You say that the log has no sign-ins of service principals in this time: nothing proves it.',
    );
    expect(exit).toBe(0);
    const wrong = await saying('users', 'users');
    expect(wrong.out).not.toContain('You say');
    expect(wrong.out.match(/The log of users was not empty: a download has a sign-in of that kind/g)).toHaveLength(1);
    expect(wrong.out).toContain('If the log of service principals was empty, say so');
    expect(wrong.exit).toBe(3);
    const alone = await runCommand(registerAudit, ['audit', 'verify', extract, '--empty-log', 'users'], []);
    expect([alone.exit, alone.err]).toEqual([2, expect.stringContaining('Give these with --sign-ins')]);
  });

  it('says that a sign-in without a record may be one of a withheld record', async () => {
    const withheld = join(folder, 'withheld.jsonl');
    const some = await story.world.extract(story.tenant, startMs, story.world.audit.nowMs, {
      isWithheld: ({ uti }) => uti === 'uti-token',
    });
    await writeFile(withheld, fileOf(some));
    const { exit, out } = await compare(log(), [], withheld);
    expect(out).toContain('The extract withholds 1 record, of which some may be theirs.');
    expect(exit).toBe(3);
  });

  it('ends with 3 if no sign-in has a record, and with 2 for a file that is no log', async () => {
    const other = JSON.stringify([
      { uniqueTokenIdentifier: 'a', createdDateTime: '2026-11-24T10:00:00Z', appId: 'x' },
      { uniqueTokenIdentifier: 'b', createdDateTime: '2026-11-24T20:00:00Z', appId: 'x' },
    ]);
    expect(await compare(other)).toMatchObject({ exit: 3, out: expect.stringContaining('No sign-in has a record') });
    expect(await compare('{}')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('has no identifiers of tokens'),
    });
  });

  it('compares nothing with an extract that is not proven', async () => {
    const edited = join(folder, 'edited.jsonl');
    await writeFile(edited, fileOf(lines).replace('4711', '4712'));
    const { exit, out } = await compare(log(), [], edited);
    expect([exit, out.includes('Sign-in log')]).toEqual([1, false]);
  });
});
