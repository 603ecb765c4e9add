import { describe, expect, it } from 'vitest';
import {
  joinSignIns,
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
  ])('reads %s', (_what, text) => {
    expect(readSignIns(text)).toEqual([expected]);
  });

  it('reads several JSON Lines, and which sign-ins failed', () => {
    const failed = { ...asGraph, uniqueTokenIdentifier: 'other', status: { errorCode: 50126 } };
    const found = readSignIns(`${JSON.stringify(asGraph)}\n${JSON.stringify(failed)}\n`);
    expect(found.map(({ uti, succeeded }) => [uti, succeeded])).toEqual([
      ['aB-1_c', true],
      ['other', false],
    ]);
  });

  it.each([
    ['an empty file', ''],
    ['no list', '{"value":[]}'],
    ['another list', '[{"id":"1"}]'],
    ['a text', 'Dear partner, please find attached.'],
    ['a CSV file that is cut off', 'a,b\n"unfinished'],
  ])('says what is wrong with %s', (_what, text) => {
    expect(() => readSignIns(text)).toThrow(SignInFileError);
  });

  it('takes no longer than its length for a file made to be slow', () => {
    expect(() => readSignIns(`"${'""'.repeat(200_000)}`)).toThrow(SignInFileError);
    expect(() => readSignIns(`${' '.repeat(200_000)}x`)).toThrow(SignInFileError);
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
  for (const [uti, minutes, fromCache] of records) tokens.add({ uti, at: at(minutes), fromCache });
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

  it('takes the applications that somebody chooses', () => {
    const join = joinSignIns([], [...edges, signIn('unknown', 60)], period, new Set([expected.applicationId]));
    expect(join.withoutRecord.map(({ uti }) => uti)).toEqual(['unknown']);
    expect(joinSignIns([], [...edges, signIn('unknown', 60)], period).partner.size).toBe(0);
  });
});
