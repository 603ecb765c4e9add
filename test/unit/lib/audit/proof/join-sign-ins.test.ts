import { describe, expect, it } from 'vitest';
import {
  joinSignIns,
  mergedLogs,
  readSignIns,
  RecordedTokens,
  type SignIn,
  SignInFileError,
} from '../../../../../src/lib/audit/proof/join-sign-ins.ts';

const minute = 60_000;
const startMs = Date.UTC(2026, 10, 24, 9);
const at = (minutes: number): string => new Date(startMs + minutes * minute).toISOString();

const expected = {
  uti: 'aB-1_c',
  atMs: startMs,
  applicationId: '11111111-0000-4000-8000-000000000001',
  application: 'Partner "portal", EU',
  who: 'alice@partner.example',
  address: '198.51.100.7',
  succeeded: true,
  isProvider: true,
};
const asGraph = {
  createdDateTime: at(0),
  uniqueTokenIdentifier: 'aB-1_c',
  appId: '11111111-0000-4000-8000-000000000001',
  appDisplayName: 'Partner "portal", EU',
  userPrincipalName: 'alice@partner.example',
  ipAddress: '198.51.100.7',
  crossTenantAccessType: 'serviceProvider',
  status: { errorCode: 0, failureReason: 'Other.' },
};
const asLogAnalytics = {
  TimeGenerated: at(0),
  UniqueTokenIdentifier: 'aB-1_c',
  AppId: asGraph.appId,
  AppDisplayName: asGraph.appDisplayName,
  UserPrincipalName: asGraph.userPrincipalName,
  IPAddress: asGraph.ipAddress,
  CrossTenantAccessType: 'serviceProvider',
  ResultType: '0',
};

describe('readSignIns', () => {
  it.each([
    ['a download as JSON', JSON.stringify([asGraph])],
    ['a download with a byte order mark', `\uFEFF${JSON.stringify([asGraph], undefined, 2)}`],
    ['an answer of Microsoft Graph', JSON.stringify({ '@odata.context': 'x', value: [asGraph] })],
    [
      'JSON Lines of diagnostic settings',
      `${JSON.stringify({ time: at(0), properties: asGraph })}\n`.repeat(2).split('\n')[0] ?? '',
    ],
    ['Log Analytics as JSON', JSON.stringify([asLogAnalytics])],
    [
      'a download as CSV',
      `\uFEFF"Date (UTC)","Unique token identifier","Application","Application ID ",Username,IP address,Cross tenant access type,Status\r\n${at(0)},aB-1_c,"Partner ""portal"", EU",${asGraph.appId},alice@partner.example,198.51.100.7,Service provider,Success\r\n`,
    ],
    [
      'Log Analytics as CSV, whose times have no zone',
      `"TimeGenerated [UTC]",UniqueTokenIdentifier,AppDisplayName,AppId,UserPrincipalName,IPAddress,CrossTenantAccessType,ResultType\n"11/24/2026, 9:00:00.000 AM",aB-1_c,"Partner ""portal"", EU",${asGraph.appId},alice@partner.example,198.51.100.7,serviceProvider,0`,
    ],
  ])('reads %s', async (_what, text) => {
    await expect(readSignIns(text)).resolves.toEqual({ signIns: [expected], unread: 0 });
  });

  it('reads several JSON Lines, and which sign-ins failed', async () => {
    const failed = { ...asGraph, uniqueTokenIdentifier: 'other', status: { errorCode: 50126 } };
    const { signIns } = await readSignIns(`${JSON.stringify(asGraph)}\n${JSON.stringify(failed)}\n`);
    expect(signIns.map(({ uti, succeeded }) => [uti, succeeded])).toEqual([
      ['aB-1_c', true],
      ['other', false],
    ]);
  });

  it.each([
    ['an empty file', '', 'no sign-ins'],
    ['no list', '{"value":[]}', 'no sign-ins'],
    ['another list', '[{"id":"1"}]', 'no identifiers'],
    ['a text', 'Dear partner, please find attached.', 'no sign-ins'],
    ['a CSV file that is cut off', 'a,b\n"unfinished', 'not whole'],
    ['a list that is cut off between rows', `[${JSON.stringify(asGraph)},\n`, 'not whole'],
    [
      'a list that is cut off in a row',
      `[${JSON.stringify(asGraph)},\n${JSON.stringify(asGraph).slice(0, 60)}`,
      'not whole',
    ],
    ['an answer that is cut off', JSON.stringify({ value: [asGraph] }).slice(0, -1), 'not whole'],
    ['an object that is cut off', JSON.stringify(asGraph, undefined, 2).slice(0, -1), 'not whole'],
    ['a list of texts', '["a"]', 'not whole'],
    ['times that could be two', `Date,uti,Status\n03/04/2026 09:00,a,Success\n`, 'understood differently'],
    ['times of another country', `Date,uti,Status\n24.11.2026 10:00:00,a,Success\n`, 'understood differently'],
  ])('says what is wrong with %s', async (_what, text, sentence) => {
    const reading = readSignIns(text);
    await expect(reading).rejects.toThrow(SignInFileError);
    await expect(reading).rejects.toThrow(sentence);
  });

  it('counts rows that it cannot read', async () => {
    const row = JSON.stringify(asGraph);
    const { uniqueTokenIdentifier: _, ...without } = asGraph;
    const unreadOf = async (text: string) => (await readSignIns(text)).unread;
    expect(await unreadOf(JSON.stringify([asGraph, without]))).toBe(1);
    expect(await unreadOf(`${row}\n${row.slice(0, 50)}\n${row}\n`)).toBe(1);
    expect(await unreadOf(`{${row.slice(50)}\n${row}\n`)).toBe(1);
    const csv = `Date,uti,Status\n${at(0)},a,Success\n`;
    expect(await unreadOf(`${csv}24.11.2026 10:00:00,b,Success\n03/04/2026,c,Success\n`)).toBe(2);
    expect(await unreadOf(`${csv}${at(1)},b`)).toBe(1);
    // Without a token there is nothing to compare.
    expect(await unreadOf(`${csv}${at(1)},,Failure\n\r\n\n`)).toBe(0);
  });

  it.each([
    ['Success', true],
    ['Erfolg', true],
    ['', true],
    ['Failure', false],
    ['Interrupted', false],
    ['50126', false],
    ['0', true],
  ])('takes the status %j as %s', async (status, succeeded) => {
    const { signIns } = await readSignIns(`Date,uti,Status\n${at(0)},a,${status}\n`);
    expect(signIns).toMatchObject([{ succeeded }]);
  });

  it('reads CSV with many other columns, quotation marks and line ends in cells', async () => {
    const { signIns } = await readSignIns(
      `x,"Date (UTC)",y,User,"Request ID",Unique token identifier\r\n"a,""b\n",${at(0)},,"Ann ""A"", B",,u\r\n`,
    );
    expect(signIns).toMatchObject([{ uti: 'u', atMs: startMs, who: 'Ann "A", B' }]);
  });

  it('lets others work after each row, whatever the form', async () => {
    for (const text of [
      `[${`${JSON.stringify(asGraph)},`.repeat(9)}${JSON.stringify(asGraph)}]`,
      `${JSON.stringify(asGraph)}\n`.repeat(10),
      `Date,uti\n${`${at(0)},a\n`.repeat(10)}`,
    ]) {
      let turns = 0;
      await readSignIns(text, () => void (turns += 1));
      expect(turns).toBe(10);
    }
  });

  it('takes no longer than its length for a file made to be slow', async () => {
    for (const text of [
      `"${'""'.repeat(200_000)}`,
      `${' '.repeat(200_000)}x`,
      '[{'.repeat(200_000),
      `[{"a":"${'\\'.repeat(200_000)}`,
      '{\n'.repeat(50_000),
      ','.repeat(200_000),
    ])
      await expect(readSignIns(text)).rejects.toThrow(SignInFileError);
  });
});

describe('mergedLogs', () => {
  it('counts a sign-in of two downloads once, and adds what could not be read', () => {
    const [one, other] = [signIn('one', 0), signIn('other', 1)];
    expect(
      mergedLogs([
        { signIns: [one], unread: 1 },
        { signIns: [{ ...one }, other], unread: 2 },
      ]),
    ).toEqual({ signIns: [one, other], unread: 3 });
  });
});

const signIn = (uti: string, minutes: number, more: Partial<SignIn> = {}): SignIn => ({
  ...expected,
  uti,
  atMs: startMs + minutes * minute,
  isProvider: false,
  ...more,
});
const tokensOf = (...records: readonly (readonly [uti: string, minutes: number, fromCache: boolean])[]) => {
  const tokens = new RecordedTokens();
  for (const [uti, minutes, fromCache] of records) tokens.add({ uti, at: at(minutes), fromCache }, 1);
  return tokens.all;
};
const period = { fromMs: startMs, toMs: startMs + 600 * minute };
const edges = [signIn('first', 0, { applicationId: 'other' }), signIn('last', 600, { applicationId: 'other' })];

describe('joinSignIns', () => {
  it('finds tokens of the partner of which no record speaks, and tokens that the log lacks', () => {
    const join = joinSignIns(
      tokensOf(['one', 60, false], ['one', 90, true], ['ours', 120, false]),
      [...edges, signIn('one', 60), signIn('stolen', 200)],
      period,
    );
    expect(join.recorded).toBe(1);
    expect(join.withoutRecord.map(({ uti }) => uti)).toEqual(['stolen']);
    expect(join.withoutSignIn.map(({ uti }) => uti)).toEqual(['ours']);
    expect([...join.partner]).toEqual([expected.applicationId]);
  });

  it('leaves out failed sign-ins, other applications, and what is outside of the time that both cover', () => {
    const join = joinSignIns(
      tokensOf(['one', 60, false], ['before the log', -90, false], ['older', 30, true]),
      [
        ...edges,
        signIn('one', 60),
        signIn('failed', 70, { succeeded: false }),
        signIn('theirs', 80, { applicationId: 'other' }),
        signIn('too late', 601),
      ],
      period,
    );
    expect(join.withoutRecord).toEqual([]);
    expect(join.withoutSignIn).toEqual([]);
  });

  it('names access of service providers with other applications', () => {
    const portal = signIn('portal', 90, { applicationId: 'azure portal', isProvider: true });
    const join = joinSignIns(tokensOf(['one', 60, false]), [...edges, signIn('one', 60), portal], period);
    expect(join.otherProviders).toEqual([portal]);
  });

  it('takes no token of a record that no checkpoint covers', () => {
    const tokens = new RecordedTokens();
    tokens.add({ uti: 'rogue', at: at(60), fromCache: false }, undefined);
    expect(tokens.all).toEqual([]);
  });

  it('puts applications of service providers before those with more sign-ins', () => {
    const many = Array.from({ length: 9 }, (_, minute) => signIn(`u${minute}`, minute, { applicationId: 'busy' }));
    const rare = signIn('rare', 90, { applicationId: 'rare', isProvider: true });
    const { applications } = joinSignIns(tokensOf(['one', 60, false]), [...many, rare, signIn('one', 60)], period);
    expect(applications.map(({ id }) => id)).toEqual([expected.applicationId, 'rare', 'busy']);
  });

  it('takes the applications that somebody chooses', () => {
    const join = joinSignIns([], [...edges, signIn('unknown', 60)], period, new Set([expected.applicationId]));
    expect(join.withoutRecord.map(({ uti }) => uti)).toEqual(['unknown']);
    expect(joinSignIns([], [...edges, signIn('unknown', 60)], period).partner.size).toBe(0);
  });
});
