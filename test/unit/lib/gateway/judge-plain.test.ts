import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestLimitOf } from '../../../../src/lib/callers/request-limit.ts';
import { judgePlain, type PlainTarget } from '../../../../src/lib/gateway/judge-plain.ts';
import { readPlainUrl } from '../../../../src/lib/gateway/plain-url.ts';
import { Refusal } from '../../../../src/lib/judge/refusal.ts';
import { contoso } from './stage.ts';

const arm: PlainTarget = { alias: 'arm', baseUrl: 'https://management.azure.com', tenantId: contoso };
const exchange: PlainTarget = { alias: 'exchange', baseUrl: 'https://outlook.office365.com', tenantId: contoso };
const limit = requestLimitOf({ methods: ['GET'], paths: ['/subscriptions/**'] });

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function judge(url: string, { method = 'GET', headers = {}, body = '' }: Asked = {}, limits = limit, target = arm) {
  try {
    const { verdict, cmdlet } = judgePlain(limits, { tenant: 'contoso.com', method, url, headers }, target, body);
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
    `/subscriptions?a=${'x'.repeat(20_000)}`,
  ])('%s is unreadable', (url) => {
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
          ({ segments } = readPlainUrl(`/${text}`));
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

  it('is not opened by a path', () => {
    expect(invoke(path, {}, requestLimitOf({ paths: ['/**'] }))).toMatchObject({ kind: 'not-permitted' });
  });

  it('of a rule with cmdlets opens no other path', () => {
    expect(judge('/adminapi/beta/x/Mailbox', {}, cmdlets, exchange)).toMatchObject({ kind: 'not-permitted' });
  });
});
