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
  isUser: true,
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
    const covered = [{ fromMs: startMs, toMs: startMs, isUser: true }];
    await expect(readSignIns(text)).resolves.toEqual({ signIns: [expected], covered, unread: 0 });
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
    ['an empty file', '', 'no sign-in log'],
    ['another list', '[{"id":"1"}]', 'no identifiers'],
    ['a text', 'Dear partner, please find attached.', 'no sign-in log'],
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
    ['an empty answer before others', '{"value":[],"@odata.nextLink":"https://graph.example/2"}', 'not whole'],
    ['times that could be two', `Date,uti,Status\n03/04/2026 09:00,a,Success\n`, 'understood differently'],
    ['times of another country', `Date,uti,Status\n24.11.2026 10:00:00,a,Success\n`, 'understood differently'],
  ])('says what is wrong with %s', async (_what, text, sentence) => {
    const reading = readSignIns(text);
    await expect(reading).rejects.toThrow(SignInFileError);
    await expect(reading).rejects.toThrow(sentence);
  });

  it.each([
    ['JSON', '[]'],
    ['an answer of Microsoft Graph', '{"@odata.context":"x","value":[]}'],
    ['CSV', 'Date (UTC),Unique token identifier,Status\r\n'],
  ])('takes an empty download as %s, which covers no time', async (_what, text) => {
    expect(await readSignIns(text)).toEqual({ signIns: [], covered: [], unread: 0 });
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
    const [first, second] = [1, 2].map((end) => ({ fromMs: 0, toMs: end, isUser: true }));
    expect(
      mergedLogs([
        { signIns: [one], covered: [first as never], unread: 1 },
        { signIns: [{ ...one }, other], covered: [second as never], unread: 2 },
      ]),
    ).toEqual({ signIns: [one, other], covered: [first, second], unread: 3 });
  });
});

const signIn = (uti: string, minutes: number, more: Partial<SignIn> = {}): SignIn => ({
  ...expected,
  uti,
  atMs: startMs + minutes * minute,
  isProvider: false,
  ...more,
});
type Recorded = readonly [uti: string, minutes: number, fromCache: boolean, grant?: string];
const tokensOf = (...records: readonly Recorded[]) => {
  const tokens = new RecordedTokens();
  for (const [uti, minutes, fromCache, grant = 'delegated'] of records)
    tokens.add({ uti, at: at(minutes), fromCache, grant }, 1);
  return tokens.all;
};
/** The log that some downloads are. */
const logOf = async (...downloads: readonly (readonly SignIn[])[]) =>
  mergedLogs(
    await Promise.all(
      downloads.map((signIns) =>
        readSignIns(
          JSON.stringify(
            signIns.map(({ uti, atMs, applicationId, application, who, address, isUser, succeeded, isProvider }) => ({
              createdDateTime: new Date(atMs).toISOString(),
              uniqueTokenIdentifier: uti,
              appId: applicationId,
              appDisplayName: application,
              [isUser ? 'userPrincipalName' : 'servicePrincipalName']: who,
              ipAddress: address,
              crossTenantAccessType: isProvider ? 'serviceProvider' : 'none',
              status: { errorCode: succeeded ? 0 : 1 },
            })),
          ),
        ),
      ),
    ),
  );
const period = { fromMs: startMs, toMs: startMs + 600 * minute };
const ofKind = (isUser: boolean) => (from: number, to: number) => ({
  fromMs: startMs + from * minute,
  toMs: startMs + to * minute,
  isUser,
});
const [usersIn, principalsIn] = [ofKind(true), ofKind(false)];
const edges = [signIn('first', 0, { applicationId: 'other' }), signIn('last', 600, { applicationId: 'other' })];

describe('joinSignIns', () => {
  it('finds tokens of the partner of which no record speaks, and tokens that the log lacks', async () => {
    const join = joinSignIns(
      tokensOf(['one', 60, false], ['one', 90, true], ['ours', 120, false]),
      await logOf([...edges, signIn('one', 60), signIn('stolen', 200)]),
      period,
    );
    expect(join).toMatchObject({ recorded: 1, covered: [usersIn(0, 600)], notCovered: 0 });
    expect(join.withoutRecord.map(({ uti }) => uti)).toEqual(['stolen']);
    expect(join.withoutSignIn.map(({ uti }) => uti)).toEqual(['ours']);
    expect([...join.partner]).toEqual([expected.applicationId]);
  });

  it('leaves out failed sign-ins, other applications, and what is outside of the time that both cover', async () => {
    const join = joinSignIns(
      tokensOf(['one', 60, false], ['before the log', -90, false], ['older', 30, true]),
      await logOf([
        ...edges,
        signIn('one', 60),
        signIn('failed', 70, { succeeded: false }),
        signIn('theirs', 80, { applicationId: 'other' }),
        signIn('too late', 601),
      ]),
      period,
    );
    expect(join.withoutRecord).toEqual([]);
    expect(join.withoutSignIn).toEqual([]);
  });

  it('compares nothing of the time between two downloads, and says so', async () => {
    const [morning, evening] = [
      [signIn('first', 0), signIn('one', 60), signIn('last', 120)],
      [signIn('again', 400), signIn('end', 600)],
    ];
    const tokens = tokensOf(
      ['one', 60, false],
      ['lost', 100, false],
      ['between', 250, false],
      ['at the edge', 118, false],
    );
    const join = joinSignIns(tokens, await logOf(morning, evening), period);
    expect(join.covered).toEqual([usersIn(0, 120), usersIn(400, 600)]);
    expect(join.uncovered).toEqual([usersIn(120, 400), principalsIn(0, 600)]);
    expect(join.withoutSignIn.map(({ uti }) => uti)).toEqual(['lost']);
    expect(join.notCovered).toBe(2);
    // Downloads that overlap are one time.
    const whole = joinSignIns(tokens, await logOf(morning, [signIn('mid', 110), ...evening]), period);
    expect([whole.covered, whole.uncovered]).toEqual([[usersIn(0, 600)], [principalsIn(0, 600)]]);
    expect(whole.withoutSignIn.map(({ uti }) => uti)).toEqual(['lost', 'between', 'at the edge']);
    const late = joinSignIns(tokens, await logOf(evening), period);
    expect([late.uncovered, late.withoutSignIn, late.notCovered]).toEqual([
      [usersIn(0, 400), principalsIn(0, 600)],
      [],
      4,
    ]);
  });

  it('says of which kind of sign-in no download has a time, although none of the records is of that kind', async () => {
    const tokens = tokensOf(['one', 60, false]);
    const users = [...edges, signIn('one', 60)];
    const principal = (uti: string, minutes: number) => signIn(uti, minutes, { isUser: false });
    const uncovered = async (...downloads: readonly (readonly SignIn[])[]) =>
      joinSignIns(tokens, await logOf(...downloads), period).uncovered;
    expect(await uncovered(users)).toEqual([principalsIn(0, 600)]);
    expect(await uncovered(users, [principal('a', 100), principal('b', 300)])).toEqual([
      principalsIn(0, 100),
      principalsIn(300, 600),
    ]);
    expect(await uncovered(users, [principal('a', 4), principal('b', 596)])).toEqual([]);
    // Rows that name neither may be of both.
    expect(await uncovered(edges.map((each) => ({ ...each, who: '' })))).toEqual([]);
  });

  it('covers a kind of which somebody says that there was no sign-in, unless there is one', async () => {
    // One of an application that may be from before the period.
    const tokens = tokensOf(['one', 60, false], ['app', 4, false, 'application']);
    const users = [...edges, signIn('one', 60)];
    const saying = async (empty: readonly boolean[], ...more: readonly SignIn[][]) =>
      joinSignIns(tokens, { ...(await logOf(users, ...more)), empty }, period);
    expect(await saying([])).toMatchObject({ saidEmpty: [], uncovered: [principalsIn(0, 600)], withoutSignIn: [] });
    const said = await saying([false, false]);
    expect(said).toMatchObject({ saidEmpty: [false], covered: [usersIn(0, 600)], uncovered: [] });
    // One from before the period says nothing of it.
    expect(await saying([false], [signIn('old', -10, { isUser: false })])).toMatchObject({ saidEmpty: [false] });
    const wrong = await saying([true, false], [signIn('agent', 300, { isUser: false })]);
    expect(wrong).toMatchObject({
      saidEmpty: [],
      notEmpty: [
        { isUser: true, by: 'log' },
        { isUser: false, by: 'log' },
      ],
      uncovered: [principalsIn(0, 300), principalsIn(300, 600)],
    });
  });

  it('does not cover a kind of which somebody says that there was no sign-in, although records have its tokens', async () => {
    const users = [...edges, signIn('one', 60)];
    const saying = async (...tokens: readonly Recorded[]) =>
      joinSignIns(tokensOf(['one', 60, false], ...tokens), { ...(await logOf(users)), empty: [false] }, period);
    const refuted = await saying(['app', 200, false, 'application']);
    expect(refuted).toMatchObject({ saidEmpty: [], uncovered: [principalsIn(0, 600)], notCovered: 1 });
    expect(refuted.notEmpty).toContainEqual({ isUser: false, by: 'records' });
    // A token that was kept may be older, and one that could be of either kind is of the other.
    expect(await saying(['kept', 200, true, 'application'])).toMatchObject({ saidEmpty: [false] });
    expect(await saying(['either', 200, false, ''])).toMatchObject({ saidEmpty: [false] });
  });

  it('compares the tokens of applications with sign-ins of service principals, and those of people with those of users', async () => {
    const tokens = tokensOf(['app', 200, false, 'application'], ['user', 300, false], ['unsaid', 400, false, '']);
    const principals = edges.map((each) => ({ ...each, uti: `${each.uti}!`, isUser: false }));
    const missing = async (...downloads: readonly (readonly SignIn[])[]) => {
      const { withoutSignIn, notCovered } = joinSignIns(tokens, await logOf(...downloads), period);
      return [withoutSignIn.map(({ uti }) => uti), notCovered];
    };
    expect(await missing(edges)).toEqual([['user'], 2]);
    expect(await missing(principals)).toEqual([['app'], 2]);
    expect(await missing(edges, principals)).toEqual([['app', 'user', 'unsaid'], 0]);
    expect(await missing(edges.map((each) => ({ ...each, who: '' })))).toEqual([['app', 'user', 'unsaid'], 0]);
  });

  it('names a sign-in without a record that is the only one of its kind, and the time of which the download has it', async () => {
    const stolen = signIn('stolen', 200, { isUser: false });
    const join = joinSignIns(tokensOf(['one', 60, false]), await logOf([signIn('one', 60), stolen]), period);
    expect(join.covered).toEqual([usersIn(60, 60), principalsIn(200, 200)]);
    expect(join.withoutRecord).toEqual([stolen]);
  });

  it('names access of service providers with other applications', async () => {
    const portal = signIn('portal', 90, { applicationId: 'azure portal', isProvider: true });
    const log = await logOf([...edges, signIn('one', 60), portal]);
    expect(joinSignIns(tokensOf(['one', 60, false]), log, period).otherProviders).toEqual([portal]);
  });

  it('takes no token of a record that no checkpoint covers', () => {
    const tokens = new RecordedTokens();
    tokens.add({ uti: 'rogue', at: at(60), fromCache: false }, undefined);
    expect(tokens.all).toEqual([]);
  });

  it('puts applications of service providers before those with more sign-ins', async () => {
    const many = Array.from({ length: 9 }, (_, minute) => signIn(`u${minute}`, minute, { applicationId: 'busy' }));
    const rare = signIn('rare', 90, { applicationId: 'rare', isProvider: true });
    const log = await logOf([...many, rare, signIn('one', 60)]);
    const { applications } = joinSignIns(tokensOf(['one', 60, false]), log, period);
    expect(applications.map(({ id }) => id)).toEqual([expected.applicationId, 'rare', 'busy']);
  });

  it('takes the applications that somebody chooses', async () => {
    const log = await logOf([...edges, signIn('unknown', 60)]);
    const join = joinSignIns([], log, period, new Set([expected.applicationId]));
    expect(join.withoutRecord.map(({ uti }) => uti)).toEqual(['unknown']);
    expect(joinSignIns([], log, period).partner.size).toBe(0);
  });
});
