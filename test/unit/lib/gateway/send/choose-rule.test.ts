import { describe, expect, it } from 'vitest';
import { OutboundError } from '../../../../../src/lib/core/outbound.ts';
import { bodyOf, bytes, contoso, json, stage, usersRule } from './stage.ts';

const groupsRule = { ...usersRule, name: 'reads groups', scopes: ['Group.Read.All'] };
const writes = { ...usersRule, name: 'writes', scopes: ['User.ReadWrite.All'] };
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

const batch = (...urls: string[]) => ({
  method: 'POST',
  body: bytes({ requests: urls.map((url, index) => ({ id: `${index}`, method: 'GET', url })) }),
});

describe('of several rules for a batch', () => {
  const servedBy = async (rules: readonly object[], ...urls: string[]) => {
    const { audit, send } = stage(rules);
    const answer = await send('/v1.0/$batch', batch(...urls));
    const { responses } = bodyOf(answer) as { responses: { status: number }[] };
    const sent = audit.entries.find(({ outcome }) => outcome === 'sent');
    return { rule: sent?.rule, statuses: responses.map(({ status }) => status), type: answer.headers['content-type'] };
  };

  it('the first that opens every part serves it, else the first of those that open most', async () => {
    const both = { ...usersRule, name: 'both', scopes: ['User.Read.All', 'Group.Read.All'] };
    expect(await servedBy([usersRule, both, { ...both, name: 'later' }], '/users', '/groups')).toEqual({
      rule: 'both',
      statuses: [200, 200],
      type: 'application/json',
    });
    expect((await servedBy([groupsRule, usersRule], '/users', '/groups')).rule).toBe('reads groups');
    expect((await servedBy([groupsRule, usersRule], '/users', '/users', '/groups')).rule).toBe('reads users');
    expect((await servedBy([usersRule, groupsRule], '/users', '/users', '/groups')).rule).toBe('reads users');
  });
});

describe('a body', () => {
  const post = (rules: readonly object[], body: Uint8Array, type = 'application/json') => {
    const headers = { 'content-type': type };
    return stage(rules).send('/v1.0/users', { method: 'POST', headers, body });
  };

  it('must be UTF-8 if it is JSON', async () => {
    await expect(post([writes], Buffer.from([0x7b, 0xff, 0x7d]))).rejects.toThrow(code('request_invalid'));
    await expect(post([writes], Buffer.from('\uFEFF{"displayName":"x"}'))).rejects.toThrow(code('request_invalid'));
    expect((await post([writes], bytes({ displayName: 'x' }))).status).toBe(200);
  });
});

describe('the cached token of a request', () => {
  const served = async (
    scopes: readonly string[],
    fromCache: boolean,
    rule: object = usersRule,
    path = '/v1.0/users',
  ) => {
    const { world, send } = stage([rule]);
    Object.assign(world, { scopes, fromCache });
    await send(path, path === '/v1.0/users' ? {} : { resource: 'arm' });
    return world.newer;
  };
  const arm = { ...usersRule, resources: ['arm'], scopes: undefined, requests: { paths: ['/subscriptions'] } };

  it('is replaced only if it names scopes, and has none of the permissions that open the request', async () => {
    expect(await served(['Mail.Read'], true)).toBe(1);
    expect(await served(['Mail.Read'], false)).toBe(0);
    expect(await served([], true)).toBe(0);
    expect(await served(['User.Read.All', 'Mail.Read'], true)).toBe(0);
    // Of several permissions, any opens it.
    const two = { ...usersRule, scopes: ['User.Read.All', 'User.ReadWrite.All'] };
    expect(await served(['User.ReadWrite.All'], true, two)).toBe(0);
    // Other resources have no such permissions.
    expect(await served(['user_impersonation'], true, arm, '/subscriptions')).toBe(0);
  });
});

describe('a request to Exchange', () => {
  const rule = {
    ...usersRule,
    resources: ['exchange'],
    scopes: undefined,
    requests: { cmdlets: { 'Get-Mailbox': ['*'] } },
  };
  const invoke = (stand: ReturnType<typeof stage>) =>
    stand.send(`/adminapi/beta/${contoso}/InvokeCommand`, {
      resource: 'exchange',
      method: 'POST',
      body: bytes({ CmdletInput: { CmdletName: 'Get-Mailbox', Parameters: { Identity: 'a' } } }),
    });

  it('is recorded with its cmdlet, and one to Graph without', async () => {
    const exchange = stage([rule]);
    await invoke(exchange);
    expect(exchange.audit.entries.map(({ cmdlet }) => cmdlet)).toEqual(['Get-Mailbox', 'Get-Mailbox']);
    const graph = stage();
    await graph.send('/v1.0/users');
    for (const entry of graph.audit.entries) expect(entry).not.toHaveProperty('cmdlet');
  });

  it('is not sent twice, because a cmdlet may change something', async () => {
    const stand = stage([rule]);
    stand.world.answers.push(new OutboundError('network', 'outlook.office365.com'), json({}));
    await expect(invoke(stand)).rejects.toThrow(code('resource_error'));
    expect(stand.world.sent).toHaveLength(1);
  });
});
