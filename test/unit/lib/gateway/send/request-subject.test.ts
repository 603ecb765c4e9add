import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { requestSubject } from '../../../../../src/lib/gateway/send/request-subject.ts';
import type { Authorization } from '../../../../../src/lib/gateway/send/authorize.ts';
import { contoso, portal } from './stage.ts';

interface Sent {
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Changes {
  readonly tenantName?: string | undefined;
  readonly grants?: ReadonlySet<string>;
  readonly application?: string;
  readonly rule?: string;
  readonly cmdlet?: string;
  readonly permissions?: readonly string[];
  readonly method?: string;
}

function subject(
  { path = '/v1.0/users/1', query = '', headers = {} }: Sent,
  body: string | undefined,
  changes: Changes = {},
) {
  const baseUrl = 'https://graph.example';
  const { rule = 'changes', application = 'default', grants = new Set(['delegated']), cmdlet } = changes;
  const { permissions = ['User.ReadWrite.All'], method = 'PATCH' } = changes;
  const tenantName = 'tenantName' in changes ? changes.tenantName : 'Contoso';
  const sent = { 'content-type': 'application/json', ...headers };
  const request = { method, url: `${baseUrl}${path}${query}`, path, headers: sent };
  const authorization = {
    rule: { name: rule, application, grants },
    tenantId: contoso,
    tenantName,
    baseUrl,
    resource: { alias: 'graph', identifier: baseUrl },
    judged: {
      batch: false,
      cmdlet,
      names: { template: '/v1.0/users/*', query: '$filter=displayName', bodyNames: ['displayName'] },
      verdict: { allowed: true, permissions, request },
    },
  };
  const bytes = body === undefined ? undefined : Buffer.from(body);
  return requestSubject(authorization as unknown as Authorization, bytes, portal);
}

const factNames = (body: string): readonly string[] => subject({}, body).facts.map(({ name }) => name);

describe('what deciders read of a request', () => {
  it.each([
    ['path', { path: `/v1.0/${'a'.repeat(2_000)}` }],
    ['query', { query: `?$filter=${'a'.repeat(2_000)}` }],
    ['header prefer', { headers: { prefer: `${'a'.repeat(290)}, IdType="ImmutableId"` } }],
  ])('is all of it: a long %s is refused', (what, sent) => {
    expect(() => subject(sent, '{}')).toThrow(new RegExp(`the ${what} is longer than`));
  });

  it('has every header in full', () => {
    const prefer = 'a'.repeat(300);
    expect(subject({ headers: { prefer } }, '{}').details).toContainEqual({ name: 'Header prefer', value: prefer });
  });

  it('has the digest of the body, unless it would help to guess a part that is hidden', () => {
    expect(factNames('{"accountEnabled":false}')).toContain('SHA-256 of the body');
    expect(factNames('{"passwordProfile":{"password":"Sommer2026!"}}')).not.toContain('SHA-256 of the body');
  });

  it('is bound to the whole body, also to its hidden parts', () => {
    const digestOf = (password: string): string => subject({}, JSON.stringify({ password })).digest;
    expect(digestOf('a')).not.toBe(digestOf('b'));
  });
});

describe('what deciders read of a request, in lines', () => {
  const factsOf = (found: ReturnType<typeof subject>) =>
    Object.fromEntries(found.facts.map(({ name, value }) => [name, value]));
  const lines = (changes: Changes) => factsOf(subject({}, '{}', changes));

  it('has the tenant, the resource, the request, its permissions and who acts', () => {
    expect(lines({ permissions: ['User.ReadWrite.All', 'Mail.Send'] })).toEqual({
      Tenant: `Contoso (${contoso})`,
      Resource: 'graph (https://graph.example)',
      Request: 'PATCH /v1.0/users/1',
      Permissions: 'User.ReadWrite.All, Mail.Send',
      'Acts as': 'the service account',
      "The broker's application": 'default',
      'SHA-256 of the body': hash('sha256', '{}', 'hex'),
    });
  });

  it('leaves out what a request does not have', () => {
    const changes = { tenantName: undefined, permissions: [], grants: new Set(['application']) };
    expect(factsOf(subject({}, undefined, changes))).toEqual({
      Tenant: contoso,
      Resource: 'graph (https://graph.example)',
      Request: 'PATCH /v1.0/users/1',
      'Acts as': 'the application itself',
      "The broker's application": 'default',
    });
    expect(subject({ headers: { 'content-type': 'x' } }, undefined).details).toEqual([
      { name: 'Header content-type', value: 'x' },
    ]);
  });

  it('names a cmdlet, in the title too', () => {
    expect(lines({ cmdlet: 'Set-Mailbox' })).toMatchObject({ Cmdlet: 'Set-Mailbox' });
    const { title, audit } = subject({}, '{}', { cmdlet: 'Set-Mailbox' });
    expect(title).toBe('Set-Mailbox at graph in Contoso');
    expect(audit).toMatchObject({ cmdlet: 'Set-Mailbox' });
  });

  it('has a title of one line, cut if it is long', () => {
    expect(subject({}, '{}').title).toBe('PATCH /v1.0/users/1 at graph in Contoso');
    expect(subject({}, '{}', { tenantName: undefined }).title).toBe(`PATCH /v1.0/users/1 at graph in ${contoso}`);
    const path = `/v1.0/${'a'.repeat(400)}`;
    expect(subject({ path }, '{}').title).toBe(`PATCH ${path}`.slice(0, 299).concat('…'));
    const exact = 300 - 'PATCH  at graph in Contoso'.length;
    expect(subject({ path: `/${'a'.repeat(exact - 1)}` }, '{}').title).toMatch(/ in Contoso$/);
  });

  it('has the query, the headers that matter in their order, and the body', () => {
    const headers = { prefer: 'x', accept: 'y', 'accept-language': 'de', 'client-request-id': 'z', 'if-match': '*' };
    expect(subject({ query: '?$select=id', headers }, '{"a":1}').details).toEqual([
      { name: 'Query', value: '$select=id' },
      { name: 'Header content-type', value: 'application/json' },
      { name: 'Header if-match', value: '*' },
      { name: 'Header prefer', value: 'x' },
      { name: 'Body', value: '{\n "a": 1\n}' },
    ]);
  });

  it('goes to the audit log with the names in query and body, and without their values', () => {
    expect(subject({ query: '?a=b' }, '{}').audit).toEqual({
      resource: 'graph',
      scopes: ['User.ReadWrite.All'],
      grant: 'delegated',
      application: 'default',
      roles: portal.roles,
      method: 'PATCH',
      path: '/v1.0/users/1',
      template: '/v1.0/users/*',
      query: '$filter=displayName',
      bodyNames: ['displayName'],
    });
  });
});

describe('the approval of a request', () => {
  const { digest } = subject({}, '{}');

  it.each<[string, ReturnType<typeof subject>]>([
    ['another path', subject({ path: '/v1.0/users/2' }, '{}')],
    ['another query', subject({ query: '?$select=id' }, '{}')],
    ['another method', subject({}, '{}', { method: 'POST' })],
    ['a header that matters', subject({ headers: { 'if-match': '*' } }, '{}')],
    ['no body', subject({}, undefined)],
    ['another rule', subject({}, '{}', { rule: 'other' })],
    ['another application', subject({}, '{}', { application: 'other' })],
    ['another grant', subject({}, '{}', { grants: new Set(['application']) })],
    ['other permissions', subject({}, '{}', { permissions: ['Mail.Send'] })],
  ])('is not for %s', (_, other) => {
    expect(other.digest).not.toBe(digest);
  });

  it('is for the same request with headers that change nothing', () => {
    const headers = { accept: 'y', 'accept-language': 'de', 'client-request-id': 'z' };
    expect(subject({ headers }, '{}').digest).toBe(digest);
    expect(subject({}, '{}', { tenantName: 'Renamed' }).digest).toBe(digest);
  });
});
