import { describe, expect, it } from 'vitest';
import {
  Account,
  activities,
  applicationOf,
  dataRead,
  isChanging,
  isOutside,
  isTried,
  requestText,
  resultOf,
  summaryOf,
} from '../../../dashboard/verify/account.ts';
import { actionOf, dataOf, isChange, isConsent } from '../../../dashboard/verify/words.ts';

const person = { callerApplication: 'app', callerObject: 'alice', callerKind: 'user' };
const at = (minute: number): string => `2026-11-24T10:${String(minute).padStart(2, '0')}:00.000Z`;

function accountOf(
  rows: readonly Readonly<Record<string, unknown>>[],
  names: Readonly<Record<string, string>> = {},
): Account {
  const account = new Account();
  rows.forEach((row, index) => account.add({ at: at(index), ...person, ...row }));
  account.end(names);
  return account;
}

describe('the account of a tenant', () => {
  it('has one happening for a request with two records, with its outcome', () => {
    const request = {
      kind: 'request',
      tokenId: 't',
      method: 'PATCH',
      template: '/v1.0/users/*',
      path: '/v1.0/users/tom',
    };
    const { happenings } = accountOf([
      { ...request, outcome: 'sent' },
      { ...request, outcome: 'answered', status: 204 },
    ]);
    expect(happenings).toMatchObject([{ outcome: 'answered', status: 204, at: at(0) }]);
    expect(happenings.filter(isChanging)).toHaveLength(1);
  });

  it('keeps why a change has no values when there are too many of others', () => {
    const account = accountOf([]);
    const long = { action: 'update', target: '/x', before: JSON.stringify('x'.repeat(500_000)), after: null };
    for (let at = 0; at < 250; at += 1) account.addValues(`${at}`, long);
    account.addValues('a', 'gone');
    account.addValues('b', { ...long, before: null });
    const valuesOf = (changeSha256: string) => account.valuesOf({ changeSha256 } as never);
    expect([valuesOf('0'), valuesOf('a'), valuesOf('b')]).toEqual([long, 'gone', 'too many']);
  });

  it('keeps a request whose outcome alone is in the period', () => {
    expect(
      accountOf([{ kind: 'request', tokenId: 't', method: 'GET', outcome: 'answered', status: 200 }]).happenings,
    ).toHaveLength(1);
  });

  it('names people, agents for people, applications and jobs, and the ids of those without a name', () => {
    const nil = '00000000-0000-0000-0000-000000000000';
    const { happenings } = accountOf(
      [
        { outcome: 'issued' },
        { outcome: 'issued', callerKind: 'agent', callerActsFor: 'alice', callerApplication: 'bot' },
        { outcome: 'issued', callerKind: 'application', callerObject: 'principal' },
        { outcome: 'issued', callerApplication: nil, callerObject: nil, rule: 'job:report' },
      ],
      { alice: 'Alice', app: 'Helpdesk' },
    );
    expect(happenings.map(({ who: { name, kind, through } }) => [name, kind, through?.name])).toEqual([
      ['Alice', 'person', 'Helpdesk'],
      ['Alice', 'person', 'the agent bot'],
      ['Helpdesk', 'application', undefined],
      ['scheduled job report', 'job', undefined],
    ]);
    expect(activities(happenings, ({ who }) => who).map(({ party, tokens }) => [party.name, tokens])).toContainEqual([
      'Alice',
      2,
    ]);
    expect(activities(happenings, applicationOf).map(({ party }) => party.name)).toContain('the agent bot');
  });

  it('gives each party the id that its name is of', () => {
    const rows = [
      { outcome: 'issued', callerKind: 'application', callerObject: 'principal' },
      { outcome: 'issued', callerKind: 'application', callerObject: 'other' },
      { outcome: 'issued' },
    ];
    const { happenings } = accountOf(rows, { principal: 'Robot', app: 'Helpdesk', alice: 'Robot' });
    expect(happenings.map(({ who: { id, name, through } }) => [id, name, through?.id])).toEqual([
      ['principal', 'Robot', undefined],
      ['app', 'Helpdesk', undefined],
      ['alice', 'Robot', 'app'],
    ]);
    expect(activities(happenings, ({ who }) => who)).toHaveLength(3);
  });

  it('puts the id behind a name in a sentence', () => {
    const account = accountOf([], { tom: 'Tom' });
    expect(['tom', 'vera'].map(account.named)).toEqual(['Tom (tom)', 'vera']);
  });

  it('shows characters that would turn text around or end a line', () => {
    const { happenings } = accountOf([{ outcome: 'denied', reason: 'a\u202Eb\nc' }], { alice: 'x\u2066y' });
    expect(happenings[0]?.reason).toBe(String.raw`a\u202eb\nc`);
    expect(happenings[0]?.who.name).toBe(String.raw`x\u2066y`);
  });

  it('counts what kinds of data requests read and tokens opened', () => {
    const { happenings } = accountOf([
      { kind: 'request', outcome: 'answered', method: 'GET', resource: 'graph', template: '/v1.0/users/*/messages' },
      { outcome: 'issued', resource: 'graph', scopes: 'Mail.Read User.Read.All' },
      { outcome: 'denied', resource: 'graph', scopes: 'Files.Read.All' },
    ]);
    expect(dataRead(happenings).map(({ data, requests, tokens }) => [data, requests, tokens])).toEqual([
      ['E-mail', 1, 1],
      ['Users', 0, 1],
    ]);
  });

  it('counts what Microsoft refused as neither read nor changed', () => {
    const request = { kind: 'request', outcome: 'answered', status: 403, template: '/v1.0/users/*', resource: 'graph' };
    const { happenings } = accountOf([
      { ...request, method: 'GET' },
      { ...request, method: 'PATCH' },
      { ...request, method: 'PATCH', status: 204 },
      { kind: 'tags', outcome: 'failed' },
    ]);
    expect(dataRead(happenings)).toEqual([]);
    expect([happenings.filter(isChanging), happenings.filter(isTried)].map(({ length }) => length)).toEqual([1, 2]);
    expect(activities(happenings, applicationOf)).toMatchObject([{ reads: 0, changes: 1, refused: 2 }]);
  });

  it('counts a change that ends in an error of the server among the changes: it may be done', () => {
    const { happenings } = accountOf(
      [500, 504].map((status) => ({
        kind: 'request',
        outcome: 'answered',
        method: 'PATCH',
        template: '/v1.0/users/*',
        status,
      })),
    );
    expect([happenings.filter(isChanging), happenings.filter(isTried)].map(({ length }) => length)).toEqual([2, 0]);
    expect(activities(happenings, applicationOf)).toMatchObject([{ changes: 2, refused: 0 }]);
    for (const one of happenings) {
      expect(resultOf(one)).toEqual(['warn', 'Microsoft answered with an error; it may be done']);
      expect(summaryOf(one, (id) => id)).not.toContain('refused');
    }
  });

  it.each([
    [
      { kind: 'request', method: 'GET', path: '/v1.0/users', status: 403, code: 'Forbidden' },
      'GET /v1.0/users → 403 Forbidden',
    ],
    [{ kind: 'request', method: 'GET', path: '/v1.0/users', code: 'timed_out' }, 'GET /v1.0/users → timed_out'],
    [{ kind: 'request', cmdlet: 'Get-Mailbox', resource: 'exchange', status: 200 }, 'exchange Get-Mailbox → 200'],
    [{ outcome: 'denied', code: 'policy_denied' }, 'policy_denied'],
    [{ outcome: 'issued' }, ''],
  ])('writes %j with all that answered it', (row, text) => {
    expect(accountOf([row]).happenings.map(requestText)).toEqual([text]);
  });

  it('counts the decisions of a person, and neither what it asked for nor what it used', () => {
    const step = { kind: 'approval', approvalId: 'a', tokenId: '00000000-0000-0000-0000-000000000000' };
    const { happenings } = accountOf(
      ['asked', 'approved', 'used', 'expired', 'revoked', 'denied'].map((outcome) => ({ ...step, outcome })),
    );
    expect(activities(happenings, ({ who }) => who)).toMatchObject([{ decisions: 3, refused: 0 }]);
  });

  it('gathers the steps of an approval', () => {
    const step = { kind: 'approval', approvalId: 'a', tokenId: '00000000-0000-0000-0000-000000000000' };
    const { approvals } = accountOf([
      { ...step, outcome: 'asked' },
      { ...step, outcome: 'approved' },
    ]);
    expect(approvals.get('a')?.steps.map(({ outcome }) => outcome)).toEqual(['asked', 'approved']);
  });

  it('knows nights and weekends in UTC', () => {
    const hours = { from: 7, to: 19, zone: 'utc' } as const;
    const outside = ['2026-11-24T06:59:00Z', '2026-11-24T07:00:00Z', '2026-11-24T19:00:00Z', '2026-11-28T12:00:00Z'];
    expect(outside.map((time) => isOutside(Date.parse(time), hours))).toEqual([true, false, true, true]);
  });
});

describe('words for requests', () => {
  it.each([
    [
      'POST',
      '/v1.0/users/*/authentication/methods/*/resetPassword',
      '/v1.0/users/vera/authentication/methods/1/resetPassword',
      'Reset the password of vera',
    ],
    ['PATCH', '/v1.0/users/*', '/v1.0/users/tom', 'Changed the user tom'],
    ['DELETE', '/beta/users/*', '/beta/users/tom', 'Deleted the user tom'],
    ['POST', '/v1.0/identity/conditionalAccess/policies', undefined, 'Created a Conditional Access policy'],
    ['PATCH', '/v1.0/teams/*', '/v1.0/teams/1', 'Changed something in Teams and chats'],
    ['GET', '/v1.0/auditLogs/signIns', undefined, 'Read Sign-in logs'],
  ])('%s %s', (method, template, path, words) => {
    expect(actionOf({ method, template, path })).toBe(words);
  });

  it('knows a consent of the partner, whose record has a path alone', () => {
    const consent = { resource: 'partner-center', method: 'POST', path: '/v1/customers/1/applicationconsents' };
    expect([actionOf(consent), isChange(consent), isConsent(consent)]).toEqual([
      'Gave an application permissions in your tenant',
      true,
      true,
    ]);
  });

  it('tells a password and a blocked sign-in by the names in the body', () => {
    const request = { method: 'PATCH', template: '/v1.0/users/*', path: '/v1.0/users/tom' };
    expect(actionOf({ ...request, bodyNames: 'passwordProfile /password' })).toBe('Reset the password of tom');
    expect(actionOf({ ...request, bodyNames: 'accountEnabled' })).toBe('Changed whether tom may sign in');
  });

  it('knows requests that read although they are no GET', () => {
    expect(isChange({ method: 'POST', template: '/v1.0/directoryObjects/getByIds' })).toBe(false);
    expect(isChange({ method: 'POST', template: '/v1.0/users' })).toBe(true);
    expect(isChange({ method: 'POST', cmdlet: 'Get-Mailbox' })).toBe(false);
    expect(isChange({ method: 'POST', cmdlet: 'Set-Mailbox' })).toBe(true);
  });

  it.each([
    '/v1.0/deviceManagement/deviceHealthScripts/*/reevaluate',
    '/beta/deviceManagement/deviceShellScripts/evaluate',
    '/v1.0/users/*/evaluate',
    '/v1.0/users/*/forgetByIds',
    '/v1.0/research/query',
  ])('counts POST %s, which only ends like a request that reads, as a change', (template) => {
    expect(isChange({ method: 'POST', template })).toBe(true);
  });

  it.each([
    '/v1.0/users/*/getMemberGroups',
    '/v1.0/users/*/microsoft.graph.getMemberObjects',
    '/v1.0/security/runHuntingQuery',
    '/v1.0/security/microsoft.graph.security.runHuntingQuery',
    '/v1.0/search/query',
    '/beta/identity/conditionalAccess/evaluate',
    '/v1.0/users/$query',
  ])('counts POST %s as reading', (template) => {
    expect(isChange({ method: 'POST', template })).toBe(false);
  });

  it.each([
    ['Search-Mailbox', true],
    ['Export-Mailbox', true],
    ['Test-Anything', true],
    ['search-unifiedauditlog', false],
    ['Get-InboxRule', false],
  ])('counts the command %s as a change: %s', (cmdlet, changes) => {
    expect(isChange({ method: 'POST', cmdlet })).toBe(changes);
  });

  it('names the data of other resources', () => {
    expect(dataOf({ resource: 'exchange', cmdlet: 'Get-Mailbox' })).toBe('Exchange: mailboxes and settings');
    expect(dataOf({ resource: 'arm', template: '/subscriptions' })).toBe('Data of arm');
    expect(dataOf({ resource: 'graph', template: '/v1.0/print/printers' })).toBe('Other: print');
  });

  it('says what a token is good for', () => {
    const [token] = accountOf([{ outcome: 'issued', resource: 'graph', scopes: 'A B C D E' }]).happenings;
    expect(token && summaryOf(token, (id) => id)).toBe('Got access to Microsoft Graph for about an hour: A, B, C, D …');
  });
});
