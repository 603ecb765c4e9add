import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestLimitOf } from '../../../../../src/lib/access/policy/policy.ts';
import {
  judgeNonGraph,
  nonGraphBody,
  type NonGraphTarget,
} from '../../../../../src/lib/gateway/send/judge-non-graph.ts';
import { readNonGraphUrl } from '../../../../../src/lib/judge/reading/non-graph-url.ts';
import { Refusal } from '../../../../../src/lib/judge/verdict.ts';
import { contoso } from './stage.ts';

const arm: NonGraphTarget = { alias: 'arm', baseUrl: 'https://management.azure.com', tenantId: contoso };
const exchange: NonGraphTarget = { alias: 'exchange', baseUrl: 'https://outlook.office365.com', tenantId: contoso };
const limit = requestLimitOf({ methods: ['GET'], paths: ['/subscriptions/**'] });

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function judge(url: string, { method = 'GET', headers = {}, body = '' }: Asked = {}, limits = limit, target = arm) {
  try {
    const order = { tenant: 'contoso.com', method, url, headers };
    const { verdict, cmdlet } = judgeNonGraph(limits, order, target, nonGraphBody(body));
    return { request: verdict.request, cmdlet };
  } catch (error) {
    if (error instanceof Refusal) return { kind: error.kind, reason: error.message };
    throw error;
  }
}

describe('a request to another resource', () => {
  it('is opened by the methods and paths of the rule', () => {
    expect(judge('/subscriptions/a b?api-version=2020-01-01&$filter=a%20eq%20%27b%27')).toMatchObject({
      request: {
        method: 'GET',
        url: 'https://management.azure.com/subscriptions/a%20b?api-version=2020-01-01&$filter=a%20eq%20%27b%27',
        path: '/subscriptions/a%20b',
      },
    });
    expect(judge('/subscriptions', { method: 'POST' })).toMatchObject({ kind: 'not-permitted' });
    expect(judge('/providers')).toMatchObject({ kind: 'not-permitted' });
    expect(judge('/Subscriptions')).toMatchObject({ kind: 'not-permitted' });
  });

  it.each([
    '/subscriptions/%2e%2e/providers',
    '/subscriptions/./x',
    '/subscriptions//x',
    '/subscriptions/a%2fb',
    '/subscriptions/a%5cb',
    '/subscriptions/a%252fb',
    '/subscriptions/a%3fb',
    '/subscriptions/a%00b',
    '/subscriptions/%c0%ae%c0%ae',
    '/subscriptions;v=1',
    '/subscriptions/$batch',
    '/subscriptions?a=1&A=2',
    '/subscriptions?a=%0d%0aHost:x',
    '/subscriptions?a=1#x',
    '/subscriptions?a=\u{e9}',
    '/',
    '',
  ])('%s is unreadable', (url) => {
    expect(judge(url, {}, requestLimitOf({ paths: ['/**'] }))).toMatchObject({ kind: 'unreadable' });
  });

  it('is unreadable if it is too long', () => {
    const url = `/subscriptions?a=${'x'.repeat(20_000)}`;
    expect(judge(url, {}, requestLimitOf({ paths: ['/**'] }))).toMatchObject({ kind: 'unreadable' });
  });

  it.each([
    [{ method: 'TRACE' }, 'unreadable'],
    [{ method: 'get' }, 'unreadable'],
    [{ body: '{}' }, 'unreadable'],
    [{ headers: { 'x-http-method-override': 'DELETE' } }, 'unreadable'],
  ])('with %j is %s', (asked, kind) => {
    expect(judge('/subscriptions', asked)).toMatchObject({ kind });
  });

  it('forwards listed headers only', () => {
    const headers = { accept: 'text/plain', cookie: 'a', host: 'b', 'x-anchormailbox': 'c' };
    expect(judge('/subscriptions', { headers })).toMatchObject({ request: { headers: { accept: 'text/plain' } } });
  });

  it('never decodes to other segments than it sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        let segments: readonly string[];
        try {
          ({ segments } = readNonGraphUrl(`/${text}`));
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return;
        }
        const judged = judge(`/${text}`, {}, requestLimitOf({ paths: ['/**'] }));
        const sent = new URL(judged.request?.url ?? '').pathname.slice(1).split('/').map(decodeURIComponent);
        expect(sent).toEqual(segments);
      }),
    );
  });
});

describe('InvokeCommand', () => {
  const cmdlets = requestLimitOf({ cmdlets: { 'Get-Mailbox': ['Identity'] } });
  const path = `/adminapi/beta/${contoso}/InvokeCommand`;
  const input = (more: object = {}) =>
    JSON.stringify({ CmdletInput: { CmdletName: 'Get-Mailbox', Parameters: { Identity: 'a' }, ...more } });
  const invoke = (url: string, asked: Asked = {}, limits = cmdlets) =>
    judge(url, { method: 'POST', body: input(), ...asked }, limits, exchange);

  it.each([path, path.toLowerCase(), '/adminapi/beta/contoso.com/InvokeCommand', `${path}/`])(
    '%s runs in the tenant of the request',
    (url) => {
      expect(invoke(url)).toMatchObject({ cmdlet: 'Get-Mailbox', request: { method: 'POST', path } });
    },
  );

  it('forwards the headers that route the request', () => {
    const headers = { 'x-anchormailbox': 'UPN:a@contoso.com', 'x-cmdletname': 'Remove-Mailbox' };
    expect(invoke(path, { headers })).toMatchObject({
      request: { headers: { 'x-anchormailbox': 'UPN:a@contoso.com' } },
    });
    expect(invoke(path, { headers })).not.toHaveProperty('request.headers.x-cmdletname');
  });

  it.each([
    ['/adminapi/beta/fabrikam.com/InvokeCommand', {}, 'not-permitted'],
    [path, { method: 'GET', body: '' }, 'unreadable'],
    [`${path}()`, {}, 'unreadable'],
    [`/v2${path}`, {}, 'unreadable'],
    [`${path}/x`, {}, 'unreadable'],
    [path, { body: '' }, 'unreadable'],
    [path, { body: '{"cmdletinput":{}}' }, 'unreadable'],
    [path, { body: '{"CmdletInput":{"CmdletName":"Get-Mailbox"},"CmdletInput":{}}' }, 'unreadable'],
    [path, { body: input({ CmdletName: 'Get-Mailbox; Remove-Mailbox' }) }, 'unreadable'],
    [path, { body: input({ Parameters: [] }) }, 'unreadable'],
    [path, { body: input({ Script: 'x' }) }, 'unreadable'],
    [path, { body: input({ Parameters: { 'Identity ': 'a' } }) }, 'unreadable'],
    [path, { body: input({ Parameters: { Identity: 'a', Filter: 'b' } }) }, 'not-permitted'],
    [path, { body: input({ CmdletName: 'Remove-Mailbox' }) }, 'not-permitted'],
  ])('%s with %j is %s', (url, asked, kind) => {
    expect(invoke(url, asked)).toMatchObject({ kind });
  });

  it.each([
    [`${path}?$select=Guid,Name`, {}, undefined],
    [`${path}?%24skiptoken=abc`, {}, undefined],
    [`${path}?$select=a&cmdlet=Remove-Mailbox`, {}, 'unreadable'],
    [`${path}?CmdletName=Remove-Mailbox`, {}, 'unreadable'],
    [path, { headers: { 'content-type': 'text/plain' } }, 'unreadable'],
    [path, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 'unreadable'],
    [path, { headers: { 'content-type': 'application/json; charset=utf-8' } }, undefined],
    [`/adminapi/beta/${contoso}/Exchange.InvokeCommand`, {}, 'unreadable'],
    [path, { headers: { 'x-anchormailbox': 'UPN:a@fabrikam.com' } }, 'not-permitted'],
    [path, { headers: { 'x-anchormailbox': 'UPN:a@contoso.com@fabrikam.com' } }, 'not-permitted'],
    [path, { headers: { 'x-anchormailbox': 'a' } }, 'not-permitted'],
    [path, { headers: { 'x-anchormailbox': `APP:SystemMailbox{1}@${contoso}` } }, undefined],
  ])('%s with %j is judged as %s', (url, asked, kind) => {
    expect((invoke(url, asked) as { kind?: string }).kind).toBe(kind);
  });

  it.each([
    'AcceptedDomain',
    'DistributionGroupMember',
    'DynamicDistributionGroupMember',
    'Mailbox',
    'MailboxFolderPermission',
    'OrganizationConfig',
  ])('is meant by the endpoint %s of the Admin API, which paths of a rule do not open', (endpoint) => {
    const url = `/adminapi/v2.0/${contoso}/${endpoint}`;
    expect(invoke(url.toLowerCase())).toMatchObject({ cmdlet: 'Get-Mailbox', request: { path: url } });
    expect(invoke(url, { body: input({ CmdletName: 'Set-Mailbox' }) })).toMatchObject({ kind: 'not-permitted' });
    const paths = requestLimitOf({ methods: ['POST'], paths: ['/adminapi/**'] });
    expect(invoke(url, {}, paths)).toMatchObject({ kind: 'not-permitted' });
  });

  it.each([
    [`/adminapi/v2.0/${contoso}/Recipient`, {}],
    [`/adminapi/v3.1/${contoso}/Recipient`, {}],
    [`/adminapi/v2.0/${contoso}`, {}],
    [`/adminapi/v2.0/${contoso}/Mailbox/x`, {}],
    [`/adminapi/v2.0/${contoso}/Mailbox`, { method: 'GET', body: '' }],
    [`/adminapi/v2.0/${contoso}/Mailbox?$filter=a`, {}],
    [`/adminapi/v2.0/${contoso}/Mailbox`, { body: '' }],
  ])('%s with %j is no endpoint of the Admin API', (url, asked) => {
    const open = requestLimitOf({ methods: ['GET', 'POST'], paths: ['/**'], cmdlets: { 'Get-Mailbox': ['*'] } });
    expect(invoke(url, asked, open)).toMatchObject({ kind: 'unreadable' });
  });

  it('is subject to the methods of the rule', () => {
    const reading = requestLimitOf({ methods: ['GET'], cmdlets: { 'Get-Mailbox': ['*'] } });
    expect(invoke(path, {}, reading)).toMatchObject({ kind: 'not-permitted' });
    const writing = requestLimitOf({ methods: ['POST'], cmdlets: { 'Get-Mailbox': ['*'] } });
    expect(invoke(path, {}, writing)).toMatchObject({ cmdlet: 'Get-Mailbox' });
  });

  it('is not opened by a path', () => {
    expect(invoke(path, {}, requestLimitOf({ paths: ['/**'] }))).toMatchObject({ kind: 'not-permitted' });
  });

  it('of a rule with cmdlets opens no other path', () => {
    expect(judge('/adminapi/beta/x/Mailbox', {}, cmdlets, exchange)).toMatchObject({ kind: 'not-permitted' });
  });
});

describe('the administration interface of Exchange', () => {
  const everything = requestLimitOf({ paths: ['/**'] });
  const alias: NonGraphTarget = { alias: 'mail', baseUrl: 'https://outlook.office.com', tenantId: contoso };
  const compliance = { ...alias, alias: 'compliance', baseUrl: 'https://eur01b.ps.compliance.protection.outlook.com' };
  const targets = [exchange, alias, compliance];

  it.each(targets)('at $alias has the tenant of the request in its path', (target) => {
    for (const named of [contoso, contoso.toUpperCase(), 'Contoso.com'])
      expect(judge(`/AdminApi/Beta/${named}/Mailbox`, {}, everything, target)).toMatchObject({
        request: { path: `/adminapi/beta/${contoso}/Mailbox` },
      });
    for (const url of ['/adminapi/beta/fabrikam.com/Mailbox', '/adminAPI/v2.0/fabrikam.com/Mailbox'])
      expect(judge(url, {}, everything, target)).toMatchObject({ kind: 'not-permitted' });
    for (const url of ['/adminapi', '/adminapi/beta', `/adminapi/x/${contoso}/Mailbox`])
      expect(judge(url, {}, everything, target)).toMatchObject({ kind: 'unreadable' });
  });

  it.each(targets)('at $alias runs listed cmdlets only', (target) => {
    const asked = { method: 'POST', body: '{"CmdletInput":{"CmdletName":"Remove-Mailbox"}}' };
    const url = `/adminapi/beta/${contoso}/InvokeCommand`;
    expect(judge(url, asked, everything, target)).toMatchObject({ kind: 'not-permitted' });
  });

  it('cannot be reached through a resource whose address has a path', () => {
    const hidden = { ...alias, baseUrl: 'https://outlook.office365.com/adminapi/beta' };
    expect(judge('/fabrikam.com/Mailbox', {}, everything, hidden)).toMatchObject({ kind: 'not-permitted' });
  });

  it('of other resources is a path like any other', () => {
    expect(judge('/adminapi/beta/x', {}, everything, arm)).toMatchObject({ request: { path: '/adminapi/beta/x' } });
  });
});

describe('the form of a request to another resource', () => {
  const all = requestLimitOf({ paths: ['/subscriptions/**'] });

  it.each(['GET', 'DELETE'])('%s has no body', (method) => {
    expect(judge('/subscriptions/1', { method, body: '{}' }, all)).toMatchObject({ kind: 'unreadable' });
    expect(judge('/subscriptions/1', { method }, all)).toMatchObject({
      request: { method, url: 'https://management.azure.com/subscriptions/1' },
    });
  });

  it('names the methods that there are', () => {
    expect(judge('/subscriptions/1', { method: 'TRACE' }, all)).toEqual({
      kind: 'unreadable',
      reason: expect.stringMatching(/"TRACE" is not one of GET, POST, PATCH, PUT, DELETE/) as string,
    });
  });
});
