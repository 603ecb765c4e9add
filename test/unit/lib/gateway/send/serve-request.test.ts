import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Answer } from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { OutboundError } from '../../../../../src/lib/core/outbound.ts';
import { longWork } from '../../../../../src/lib/core/turns.ts';
import { bearer, bodyOf, bytes, contoso, json, portal, stage, usersRule } from './stage.ts';

const groupId = '0a1b2c3d-0000-4000-8000-000000000001';
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('a request that the rule opens', () => {
  it('is sent as it was judged, with the token and listed headers only', async () => {
    const { world, send } = stage();
    const headers = {
      accept: 'application/json',
      cookie: 'a=b',
      authorization: 'Bearer caller',
      'x-forwarded-for': '1',
    };
    const answer = await send('/v1.0/users?$top=5&select=id', { headers });
    expect([answer.status, bodyOf(answer)]).toEqual([200, { value: [] }]);
    expect(world.sent).toHaveLength(1);
    expect(world.sent[0]).toMatchObject({
      method: 'GET',
      url: 'https://graph.microsoft.com/v1.0/users?$top=5&select=id',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${bearer}`,
        'client-request-id': 'dddddddd-0000-4000-8000-000000000001',
      },
      body: undefined,
    });
  });

  it('is recorded before it leaves and with its outcome', async () => {
    const { world, audit, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const body = bytes({ jobTitle: 'x' });
    world.answers.push(json({}, { headers: { 'content-type': 'application/json', 'request-id': 'r-1' } }));
    await send(`/v1.0/users/${groupId}`, { method: 'PATCH', body });
    const about = {
      kind: 'request',
      method: 'PATCH',
      path: `/v1.0/users/${groupId}`,
      template: '/v1.0/users/*',
      bodyNames: ['jobTitle'],
      roles: ['Requests.Send'],
      rule: 'reads users',
      tenantId: contoso,
      resource: 'graph',
      grant: 'delegated',
      scopes: ['User.ReadWrite.All'],
      uti: 'token-1',
      tokenId: audit.entries[0]?.tokenId,
    };
    expect(audit.entries).toEqual([
      expect.objectContaining({
        ...about,
        outcome: 'sent',
        bodySha256: createHash('sha256').update(body).digest('hex'),
      }),
      expect.objectContaining({ ...about, outcome: 'answered', status: 200, requestId: 'r-1', bytes: 2 }),
    ]);
  });

  it('is recorded with the names in its query, whether it is sent or refused', async () => {
    const { audit, send } = stage();
    await send("/v1.0/users?$select=id,displayName&$filter=startswith(displayName,'private')");
    await expect(send('/v1.0/groups?$expand=members($select=id)&$top=7')).rejects.toThrow(code('caller_forbidden'));
    expect(audit.entries[0]).toMatchObject({
      template: '/v1.0/users',
      query: '$select=id,displayName&$filter=displayName',
    });
    expect(audit.entries[2]).toMatchObject({
      outcome: 'denied',
      template: '/v1.0/groups',
      query: '$expand=members($select=id)&$top',
    });
    expect(JSON.stringify(audit.entries)).not.toContain('private');
  });

  it('is recorded without a token that stands in place of a name', async () => {
    const { audit, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const token = `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(30)}.${'b'.repeat(43)}`;
    await send(`/v1.0/users/${groupId}`, { method: 'PATCH', body: bytes({ jobTitle: 'x', [token]: 1 }) });
    expect(audit.entries[0]?.bodyNames).toEqual(['jobTitle', '[secret]']);
  });

  it('is not sent if its record is not durable', async () => {
    const { world, audit, send } = stage();
    audit.down = true;
    await expect(send('/v1.0/users')).rejects.toThrow(code('audit_unavailable'));
    expect(world.sent).toEqual([]);
  });

  it('keeps its answer if the record of the outcome is lost, which is logged', async () => {
    const { world, audit, events, deps, send } = stage();
    const upstream = deps.upstream;
    Object.assign(deps, {
      upstream: async (request: Parameters<typeof upstream>[0]) => {
        audit.down = true;
        return upstream(request);
      },
    });
    expect((await send('/v1.0/users')).status).toBe(200);
    expect([world.sent.length, events()]).toEqual([1, ['audit.outcome_not_recorded']]);
  });

  it('gets a newer token if the cached one has none of the permissions that open it', async () => {
    const { world, send } = stage();
    Object.assign(world, { fromCache: true, scopes: ['User.Read'] });
    await send('/v1.0/users');
    expect(world.newer).toBe(1);
    world.scopes = ['User.Read.All'];
    await send('/v1.0/users');
    expect(world.newer).toBe(1);
  });
});

describe('a refused request', () => {
  it.each([
    ['/v1.0/groups', 'caller_forbidden', '/v1.0/groups'],
    ['/v1.0/users/a%2fb', 'request_invalid', undefined],
    ['/v1.0/me', 'caller_forbidden', '/v1.0/me'],
  ])('%s is recorded as %s and not sent', async (url, expected, path) => {
    const { world, audit, send } = stage();
    await expect(send(url)).rejects.toThrow(code(expected));
    expect(world.sent).toEqual([]);
    expect(audit.entries).toHaveLength(1);
    expect(audit.entries[0]).toMatchObject({ kind: 'request', outcome: 'denied', code: expected, method: 'GET' });
    expect(audit.entries[0]?.path).toBe(path);
  });

  it('keeps its refusal if the record fails', async () => {
    const { audit, events, send } = stage();
    audit.down = true;
    await expect(send('/v1.0/groups')).rejects.toThrow(code('caller_forbidden'));
    expect(events()).toEqual(['audit.denial_not_recorded']);
  });

  it('of a caller without a rule reveals nothing about the tenant, and looks nothing up', async () => {
    const { world, send } = stage();
    const stranger = { ...portal, applicationId: 'cccccccc-0000-4000-8000-000000000009' };
    for (const tenant of [contoso, 'bbbbbbbb-0000-4000-8000-000000000009', 'nobody.example'])
      await expect(send('/v1.0/users', { tenant }, stranger)).rejects.toThrow(/No rule for the gateway applies/);
    expect(world.lookedUp).toEqual([]);
  });

  it('of an unknown domain is tenant_unknown for a caller with a rule', async () => {
    const { send } = stage();
    await expect(send('/v1.0/users', { tenant: 'nobody.example' })).rejects.toThrow(code('tenant_unknown'));
  });

  it('of a tenant that was excluded after the rule matched gets nothing', async () => {
    const { world, audit, send } = stage();
    world.tenant = { ...world.tenant, reachable: false, reason: 'excluded' };
    await expect(send('/v1.0/users')).rejects.toThrow(code('tenant_excluded'));
    expect([world.sent, audit.entries[0]?.code]).toEqual([[], 'tenant_excluded']);
  });

  it('of a resource without an address is resource_not_allowed', async () => {
    const rule = { ...usersRule, resources: ['teams'], requests: { paths: ['/**'] } };
    await expect(stage([rule]).send('/x', { resource: 'teams' })).rejects.toThrow(code('resource_not_allowed'));
  });
});

describe('repeating', () => {
  const busy = (headers: Readonly<Record<string, string>> = {}) => json({ error: {} }, { status: 503, headers });

  it('reads again after a short Retry-After, and checks the tenant again before', async () => {
    const { world, audit, clock, send } = stage();
    world.answers.push(busy({ 'retry-after': '7', 'content-type': 'application/json' }));
    const answering = send('/v1.0/users');
    await clock.advance(7_499);
    expect(world.sent).toHaveLength(1);
    const before = world.tokenRequests.length;
    await clock.advance(2);
    expect((await answering).status).toBe(200);
    expect([world.sent.length, world.tokenRequests.length]).toEqual([2, before + 1]);
    expect(audit.entries.map(({ outcome }) => outcome)).toEqual(['sent', 'answered']);
  });

  it('sends nothing more into a tenant that was excluded during the pause', async () => {
    const { world, audit, clock, send } = stage();
    world.answers.push(busy({ 'retry-after': '7' }));
    const answering = send('/v1.0/users').catch((error: unknown) => error);
    await clock.advance(1_000);
    world.tenant = { ...world.tenant, reachable: false, reason: 'excluded' };
    await clock.advance(10_000);
    expect(await answering).toEqual(code('tenant_excluded'));
    expect([world.sent.length, audit.entries.at(-1)]).toEqual([
      1,
      expect.objectContaining({ outcome: 'failed', code: 'tenant_excluded' }),
    ]);
  });

  it('returns an answer that asks for a longer pause, with its Retry-After', async () => {
    const { world, send } = stage();
    world.answers.push(busy({ 'retry-after': '21', 'content-type': 'application/json' }));
    const answer = await send('/v1.0/users');
    expect([answer.status, answer.headers['retry-after'], world.sent.length]).toEqual([503, '21', 1]);
  });

  it('tells the other instances how long the resource throttles, and whom', async () => {
    const { world, deps, send } = stage();
    const told: unknown[] = [];
    Object.assign(deps, { budgets: { admit: async () => {}, throttled: (...all: unknown[]) => told.push(all) } });
    const headers = { 'retry-after': '60', 'x-ms-throttle-scope': 'Tenant/ReadWrite' };
    world.answers.push(json({}, { status: 429, headers }), json({}, { status: 503, headers }));
    expect([(await send('/v1.0/users')).status, (await send('/v1.0/users')).status]).toEqual([429, 503]);
    const request = expect.objectContaining({ resource: 'graph', tenantId: contoso, method: 'GET' }) as unknown;
    expect(told).toEqual([[request, 60, 'Tenant/ReadWrite']]);
  });

  it.each(['POST', 'PATCH', 'DELETE'])('never sends %s twice', async (method) => {
    const { world, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const path = method === 'POST' ? '/v1.0/users' : `/v1.0/users/${groupId}`;
    const more = { method, ...(method === 'DELETE' ? {} : { body: bytes({ jobTitle: 'x' }) }) };
    world.answers.push(json({}, { status: 429 }));
    expect((await send(path, more)).status).toBe(429);
    world.answers.push(new OutboundError('network', 'graph.microsoft.com'));
    await expect(send(path, more)).rejects.toThrow(code('resource_error'));
    expect(world.sent).toHaveLength(2);
  });

  it('ends with the deadline', async () => {
    const { world, clock, deps, send } = stage();
    Object.assign(deps, { upstream: () => new Promise(() => undefined) });
    const answering = send('/v1.0/users').catch((error: unknown) => error);
    await clock.advance(100_001);
    expect(await answering).toEqual(code('resource_error'));
    expect(world.sent).toEqual([]);
  });
});

describe('an answer', () => {
  it.each([
    ['in its body', json({ echo: { authorization: `Bearer ${bearer}` } })],
    ['in a header', json({}, { headers: { 'content-type': 'application/json', etag: bearer } })],
    ['by its signature', json({ echo: 's'.repeat(40) })],
    ['by its signature with an escape', { ...json({}), body: Buffer.from(`{"x":"${bearer.slice(0, -1)}\\u0073"}`) }],
    ['in JSON inside of JSON', json({ x: `{"y":"${bearer.slice(0, -1)}\\u0073"}` })],
    ['with every character escaped', { ...json({}), body: Buffer.from(`{"x":"${'\\u0073'.repeat(40)}"}`) }],
    ['far behind', { ...json({}), body: Buffer.from(`{"x":"${'s '.repeat(400_000)}${'s'.repeat(39)}\\u0073"}`) }],
    ['in an error', json({ error: { message: bearer } }, { status: 400 })],
  ])('that quotes the token %s is dropped and recorded as failed', async (_, quoting) => {
    const { world, audit, send } = stage();
    world.answers.push(quoting);
    await expect(send('/v1.0/users')).rejects.toThrow(code('resource_error'));
    expect(audit.entries.at(-1)).toMatchObject({ outcome: 'failed', code: 'resource_error' });
    expect(JSON.stringify(audit.entries)).not.toContain('s'.repeat(40));
  });

  it.each([`${'s'.repeat(39)}\\u0074`, `${'s'.repeat(39)} \\u0073`, `\\u0073${'s'.repeat(38)}`])(
    'with %s quotes no token',
    async (text) => {
      const { world, send } = stage();
      world.answers.push({ ...json({}), body: Buffer.from(`{"x":"${text}"}`) });
      expect((await send('/v1.0/users')).status).toBe(200);
    },
  );

  it('loses cookies and unknown headers', async () => {
    const { world, send } = stage();
    const headers = { 'content-type': 'application/json', 'set-cookie': 'a=b', etag: 'W/"1"', connection: 'close' };
    world.answers.push(json({}, { headers }));
    expect((await send('/v1.0/users')).headers).toEqual({ 'content-type': 'application/json', etag: 'W/"1"' });
  });

  it('loses what the rule does not cover', async () => {
    const { world, send } = stage([{ ...usersRule, scopes: ['Group.Read.All', 'User.Read.All'] }]);
    const user = { '@odata.type': '#microsoft.graph.user', id: '1', displayName: 'a' };
    const device = { '@odata.type': '#microsoft.graph.device', id: '2', displayName: 'b' };
    world.answers.push(json({ value: [user, device], '@odata.nextLink': 'https://graph.microsoft.com/v1.0/groups/x' }));
    const { value, ...rest } = bodyOf(await send(`/v1.0/groups/${groupId}/members`)) as Record<string, unknown>;
    expect(value).toEqual([user, { '@odata.type': '#microsoft.graph.device', id: '2' }]);
    expect(String(rest['@odata.nextLink'])).toMatch(
      /^https:\/\/broker\.example\/api\/gateway\/.*\/graph\/v1\.0\/groups\/x\?ptb_link=/,
    );
  });
});

describe('the turns of a large request and a large answer', () => {
  /** For whom each turn was taken or asked for. The time of each pass is over. */
  function watched() {
    const whose: unknown[] = [];
    const isOver = vi.spyOn(longWork, 'isOver').mockImplementation((work) => whose.push(work) > 0);
    const take = vi.spyOn(longWork, 'take').mockImplementation(async (work) => void whose.push(work));
    onTestFinished(() => {
      isOver.mockRestore();
      take.mockRestore();
    });
    return { whose, isOver, take };
  }
  const rules = [{ ...usersRule, scopes: ['User.ReadWrite.All'] }];
  const text = 'a'.repeat(1_100_000);
  const link = { '@odata.nextLink': 'https://graph.microsoft.com/v1.0/users?$skiptoken=x', value: [{ id: text }] };

  it.each([
    ['a caller', undefined, 'caller'],
    ['nobody, if a run sends it', 'query@1', 'background'],
  ])('are those of %s', async (_, run, expected) => {
    const { world, send } = stage(rules);
    world.answers.push(json(link));
    const { whose, take } = watched();
    await send('/v1.0/users', run === undefined ? {} : { run });
    expect(new Set(whose)).toEqual(new Set([expected]));
    expect(take.mock.calls.length).toBeGreaterThan(10);
  });

  it.each([
    ['are taken before its body is read and before its digest is recorded', text, 2],
    ['are none while a short body is read and recorded', 'x', 0],
  ])('%s', async (_, jobTitle, expected) => {
    const { world, deps, send } = stage(rules);
    const { whose, take } = watched();
    const before: number[] = [];
    world.beforeToken = async () => before.push(take.mock.calls.length);
    const { upstream } = deps;
    Object.assign(deps, {
      upstream: (request: Parameters<typeof upstream>[0]) => {
        before.push(take.mock.calls.length);
        return upstream(request);
      },
    });
    await send(`/v1.0/users/${groupId}`, { method: 'PATCH', body: bytes({ jobTitle }) });
    expect([before[0], before.at(-1)]).toEqual([expected / 2, expected]);
    expect(new Set(whose)).toEqual(new Set(['caller']));
  });

  it('come before the body is read', async () => {
    const { world, send } = stage(rules);
    const { take } = watched();
    take.mockReturnValue(new Promise(() => undefined));
    const body = new Uint8Array(bytes({ jobTitle: text })).fill(0xff, 20, 40);
    const sent = send(`/v1.0/users/${groupId}`, { method: 'PATCH', body });
    await Promise.race([sent, vi.waitFor(() => expect(take).toHaveBeenCalled())]);
    // What is not UTF-8 is refused as soon as it is read.
    await expect(Promise.race([sent, setImmediate('waits')])).resolves.toBe('waits');
    expect(world.sent).toEqual([]);
  });
});

describe('the record of a request', () => {
  it('says that it was refused if the key of the links cannot be read', async () => {
    const { world, audit, deps, send } = stage();
    const writer = async () => {
      throw new BrokerError('key_vault_unavailable', 'x');
    };
    Object.assign(deps, { links: { writer, read: deps.links.read.bind(deps.links) } });
    await expect(send('/v1.0/users')).rejects.toThrow(code('key_vault_unavailable'));
    expect([world.sent, audit.entries]).toEqual([
      [],
      [expect.objectContaining({ outcome: 'denied', code: 'key_vault_unavailable', path: '/v1.0/users' })],
    ]);
  });

  it('is counted while it waits for a place at its resource', async () => {
    const { deps, send } = stage();
    expect(deps.waiting()).toEqual(new Map());
    const held = Promise.withResolvers<Answer>();
    Object.assign(deps, { upstream: () => held.promise });
    // One of the 64 places is free for another caller.
    const sending = Array.from({ length: 66 }, () => send('/v1.0/users'));
    await expect.poll(() => deps.waiting()).toEqual(new Map([['graph', 3]]));
    held.resolve(json({ value: [] }));
    await Promise.all(sending);
    expect(deps.waiting()).toEqual(new Map([['graph', 0]]));
  });

  it('says that it was refused if the queue is full, for it never left', async () => {
    const { world, audit, deps, send } = stage();
    const run = async () => {
      throw new BrokerError('caller_throttled', 'x');
    };
    Object.assign(deps, { limiterOf: () => ({ run }) });
    await expect(send('/v1.0/users')).rejects.toThrow(code('caller_throttled'));
    expect([world.sent, audit.entries.map((entry) => [entry.outcome, entry.code])]).toEqual([
      [],
      [['denied', 'caller_throttled']],
    ]);
  });

  it('has the status of an answer that the gateway cannot return', async () => {
    const { world, audit, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const headers = { 'content-type': 'text/html', 'request-id': 'r-9' };
    world.answers.push({ status: 201, headers, body: Buffer.from('ok') });
    await expect(send('/v1.0/users', { method: 'POST', body: bytes({ displayName: 'x' }) })).rejects.toThrow(
      code('resource_error'),
    );
    expect(audit.entries.at(-1)).toMatchObject({
      outcome: 'failed',
      code: 'resource_error',
      status: 201,
      requestId: 'r-9',
      bytes: 2,
    });
  });

  it('has no request id that repeats the token', async () => {
    const { world, audit, send } = stage();
    world.answers.push(json({}, { headers: { 'content-type': 'application/json', 'request-id': bearer } }));
    await expect(send('/v1.0/users')).rejects.toThrow(code('resource_error'));
    expect(audit.entries.at(-1)).toMatchObject({ outcome: 'failed', status: 200 });
    expect(JSON.stringify(audit.entries)).not.toContain('s'.repeat(40));
  });
});

describe('a link without an address', () => {
  const location = `/teams('a')/operations('b')`;
  const moved = (at: string): Answer => ({ status: 202, headers: { location: at }, body: new Uint8Array() });
  const follow = async (path: string, more: object, rule: object, at: string, answer = moved) => {
    const { world, send, deps } = stage([{ ...usersRule, ...rule }]);
    const own = { alias: 'own', identifier: 'https://api.example/base' };
    const { resources } = deps;
    Object.assign(deps, {
      resources: { ...resources, get: (alias: string) => (alias === 'own' ? own : resources.get(alias)) },
    });
    world.answers.push(answer(at));
    const { headers, body } = await send(path, more);
    if (body.length > 0) return (JSON.parse(Buffer.from(body).toString()) as { nextLink: string }).nextLink;
    return headers['location']?.replace(/\?.*$/, '');
  };

  it('continues the version of a request to Graph', async () => {
    const rule = { scopes: ['User.ReadWrite.All'] };
    const more = { method: 'POST', body: bytes({ displayName: 'x' }) };
    expect(await follow('/v1.0/users', more, rule, location)).toBe(
      `https://broker.example/api/gateway/${contoso}/graph/v1.0${location}`,
    );
    expect(await follow('/v1.0/users', more, rule, 'users/1')).toBe(
      `https://broker.example/api/gateway/${contoso}/graph/v1.0/users/1`,
    );
    for (const foreign of ['//evil.example/x', '/\\evil.example'])
      expect(await follow('/v1.0/users', more, rule, foreign)).toBeUndefined();
  });

  it('continues the host of another resource', async () => {
    const rule = { resources: ['own'], scopes: undefined, requests: { paths: ['/v1/items'] } };
    const more = { resource: 'own', gatewayUrl: 'https://broker.example/api/gateway/t/own' };
    expect(await follow('/v1/items', more, rule, '/base/v1/items/1')).toBe(
      'https://broker.example/api/gateway/t/own/v1/items/1',
    );
    expect(await follow('/v1/items', more, rule, 'items/1')).toBe(
      'https://broker.example/api/gateway/t/own/v1/items/1',
    );
    expect(await follow('/v1/items', more, rule, '/base/v1/items/1', (at) => json({ nextLink: at }))).toMatch(
      /^https:\/\/broker\.example\/api\/gateway\/t\/own\/v1\/items\/1\?ptb_link=/,
    );
    expect(await follow('/v1/items', more, rule, '/other/v1/items/1')).toBeUndefined();
    expect(await follow('/v1/items', more, rule, '../../other')).toBeUndefined();
  });
});

describe('a group to which roles can be assigned', () => {
  const rule = { ...usersRule, scopes: ['Group.ReadWrite.All'] };
  const patch = { method: 'PATCH', body: bytes({ description: 'x' }) };

  it.each([
    [json({ isAssignableToRole: true }), 'caller_forbidden'],
    // As if the roles could be assigned: the caller may not read which groups exist.
    [json({}, { status: 404 }), 'caller_forbidden'],
    [json({}, { status: 403 }), 'resource_error'],
  ])('is not changed', async (answer, expected) => {
    const { world, audit, send } = stage([rule]);
    world.answers.push(answer);
    await expect(send(`/v1.0/groups/${groupId}`, patch)).rejects.toThrow(code(expected));
    expect(world.sent.map(({ method }) => method)).toEqual(['GET']);
    const path = `/v1.0/groups/${groupId}`;
    expect(audit.entries).toMatchObject([
      { outcome: 'sent', method: 'GET', path },
      { outcome: 'answered', method: 'GET', path, status: answer.status },
      { outcome: 'denied', method: 'PATCH', path, code: expected },
    ]);
  });

  it('is not looked up without a record', async () => {
    const { world, audit, send } = stage([rule]);
    audit.down = true;
    await expect(send(`/v1.0/groups/${groupId}`, patch)).rejects.toThrow(code('audit_unavailable'));
    expect(world.sent).toEqual([]);
  });

  it('is looked up first, without the body of the request', async () => {
    const { world, send } = stage([rule]);
    world.answers.push(json({ isAssignableToRole: null }), json({}, { status: 204, body: new Uint8Array() }));
    expect((await send(`/v1.0/groups/${groupId}`, patch)).status).toBe(204);
    expect(world.sent).toMatchObject([
      { url: `https://graph.microsoft.com/v1.0/groups/${groupId}?$select=isAssignableToRole`, body: undefined },
      { method: 'PATCH', url: `https://graph.microsoft.com/v1.0/groups/${groupId}` },
    ]);
  });
});

describe('a batch', () => {
  it.each([
    '{"requests"',
    JSON.stringify({ requests: [{ id: '1', method: 'GET', url: 'https://evil.example/v1.0/users' }] }),
  ])('that cannot be read is invalid, and not forbidden: %s', async (body) => {
    const { world, send } = stage();
    await expect(send('/v1.0/$batch', { method: 'POST', body: Buffer.from(body) })).rejects.toThrow(
      code('request_invalid'),
    );
    expect(world.sent).toEqual([]);
  });

  const groups = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `${index}`, method: 'DELETE', url: `/groups/${index}` }));
  const sendBatch = (send: ReturnType<typeof stage>['send'], requests: readonly object[]) =>
    send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }) });

  it('records what each refused part asked for, and no rule', async () => {
    const { audit, send } = stage();
    const requests = [
      { id: '1', method: 'GET', url: '/users' },
      { id: '2', method: 'DELETE', url: `/groups('a')` },
      { id: '3', method: 'GET', url: '/users/a%2fb' },
    ];
    await sendBatch(send, requests);
    const denied = audit.entries.filter(({ outcome }) => outcome === 'denied');
    expect(denied).toMatchObject([
      { method: 'DELETE', path: '/v1.0/groups/a', code: 'caller_forbidden', tenantId: contoso, resource: 'graph' },
      { method: 'GET', code: 'request_invalid' },
    ]);
    for (const entry of denied) expect(entry).not.toHaveProperty('rule');
    expect(denied[1]).not.toHaveProperty('path');
  });

  it('counts each part in the limit of the caller', async () => {
    const { world, send } = stage([usersRule], { requestsPerMinute: 30 });
    const requests = Array.from({ length: 6 }, (_, index) => ({ id: `${index}`, method: 'GET', url: '/users' }));
    const { responses } = bodyOf(await sendBatch(send, requests)) as { responses: { status: number }[] };
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429]);
    expect(world.sent).toHaveLength(4);
  });

  it('does not fill the audit log with refusals', async () => {
    const { audit, events, send } = stage();
    for (let count = 0; count < 4; count += 1) await sendBatch(send, groups(20)).catch(() => undefined);
    await send('/v1.0/groups').catch(() => undefined);
    expect(audit.entries).toHaveLength(60);
    expect(events().filter((event) => event === 'request.part_failed')).toHaveLength(80);
  });

  it('sends the bodies of its parts as they are written', async () => {
    const { world, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const body = '{ "jobTitle":"a\\u0062", "employeeId":9007199254740993,"n":1.10}';
    const batch = `{"requests":[{"id":"1","method":"PATCH","url":"/users/${groupId}","body": ${body} ,"headers":{"content-type":"application/json"}}]}`;
    await send('/v1.0/$batch', { method: 'POST', body: Buffer.from(batch) });
    expect(world.sent.map((request) => Buffer.from(request.body ?? []).toString())).toEqual([body]);
  });

  it('sends and records each part, and refuses the others', async () => {
    const { world, audit, send } = stage();
    const requests = [
      { id: '1', method: 'GET', url: '/users' },
      { id: '2', method: 'GET', url: '/groups' },
      { id: '3', method: 'GET', url: '/users/delta', dependsOn: ['2'] },
    ];
    const answer = await send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }) });
    expect(bodyOf(answer)).toMatchObject({
      responses: [
        { id: '1', status: 200 },
        { id: '2', status: 403 },
        { id: '3', status: 424 },
      ],
    });
    expect(world.sent.map(({ url }) => url)).toEqual(['https://graph.microsoft.com/v1.0/users']);
    expect(audit.entries.map(({ outcome }) => outcome).toSorted()).toEqual(['answered', 'denied', 'denied', 'sent']);
  });

  it('is narrowed by the requests of the rule, part by part', async () => {
    const { world, send } = stage([{ ...usersRule, requests: { paths: ['/v1.0/users'] } }]);
    const requests = [
      { id: '1', method: 'GET', url: '/users/delta' },
      { id: '2', method: 'GET', url: '/users', dependsOn: ['1'] },
      { id: '3', method: 'GET', url: '/users' },
    ];
    const answer = await send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }) });
    expect((bodyOf(answer) as { responses: { status: number }[] }).responses.map(({ status }) => status)).toEqual([
      403, 424, 200,
    ]);
    expect(world.sent).toHaveLength(1);
  });
});

it('a resource whose address has a path gets the path once', async () => {
  const { deps, world, send } = stage([
    { ...usersRule, resources: ['own'], scopes: undefined, requests: { paths: ['/v1/items'] } },
  ]);
  const own = { alias: 'own', identifier: 'https://api.example/base' };
  Object.assign(deps, { resources: { get: () => own, list: () => [own] } });
  await send('/v1/items?x=1', { resource: 'own' });
  expect(world.sent.map(({ url }) => url)).toEqual(['https://api.example/base/v1/items?x=1']);
});

describe('the address of a resource', () => {
  const { addressOf } = stage().deps;
  const further = (identifier: string) => addressOf({ alias: 'mine', identifier });

  it('is its identifier', () => {
    expect(further('https://api.example.com/')).toBe('https://api.example.com');
    expect(further('https://notgraph.microsoft.com')).toBe('https://notgraph.microsoft.com');
  });

  it.each([
    'https://graph.microsoft.com',
    'https://GRAPH.microsoft.com/',
    'https://graph.microsoft.com./v1.0',
    'https://canary.graph.microsoft.com',
    'http://graph.microsoft.com:80',
    '00000003-0000-0000-c000-000000000000',
    'https://',
  ])('is unknown for %s, which no permission map would judge', (identifier) => {
    expect(further(identifier)).toBeUndefined();
  });
});

describe('the version beta and the signed-in account', () => {
  const open = (scopes: string[], ...paths: string[]) => ({ ...usersRule, scopes, requests: { paths } });

  it.each([
    ['/beta/users', ['User.Read.All'], ['/beta/users']],
    ['/v1.0/me/memberOf', ['Directory.Read.All'], ['/v1.0/me/**']],
  ])('%s is open if a path of the rule names it', async (path, scopes, paths) => {
    expect((await stage([open(scopes, ...paths)]).send(path)).status).toBe(200);
  });

  it.each([
    ['/beta/users', ['User.Read.All'], ['/v1.0/users', '/v1.0/beta/**']],
    ['/v1.0/me/memberOf', ['Directory.Read.All'], ['/v1.0/*/**']],
    ['/v1.0/me/memberOf', ['Directory.Read.All'], ['/v1.0/**']],
  ])('%s is closed if a path merely matches', async (path, scopes, paths) => {
    const { world, send } = stage([open(scopes, ...paths)]);
    await expect(send(path)).rejects.toThrow(code('caller_forbidden'));
    expect(world.sent).toEqual([]);
  });
});

describe('several rules', () => {
  const groups = { ...usersRule, name: 'reads groups', scopes: ['Group.Read.All'], application: 'groups' };

  it('are tried in their order, and the first that opens the request serves it', async () => {
    const { world, audit, send } = stage([usersRule, groups, { ...groups, name: 'never reached' }]);
    await send('/v1.0/groups');
    expect(audit.entries[0]).toMatchObject({ rule: 'reads groups', application: 'groups' });
    expect(world.tokenRequests[0]).toMatchObject({ application: 'groups', grant: 'delegated' });
  });

  it('refuse with the reason of the rule that came furthest', async () => {
    const { send } = stage([{ ...usersRule, requests: { paths: ['/beta/**'] } }, groups]);
    await expect(send('/beta/applications')).rejects.toThrow(/None of the rule's permissions opens GET \/applications/);
  });

  it('use the grant application only if the rule has no other', async () => {
    const { world, send } = stage([{ ...usersRule, grants: ['application'] }]);
    await send('/v1.0/users');
    expect(world.tokenRequests[0]).toMatchObject({ grant: 'application' });
    const both = stage([{ ...usersRule, grants: ['application', 'delegated'] }]);
    await both.send('/v1.0/users');
    expect(both.world.tokenRequests[0]).toMatchObject({ grant: 'delegated' });
  });

  it('open /me and /beta by the pattern that matches', async () => {
    const scopes = ['User.Read', 'Mail.Read', 'User.Read.All', 'Group.Read.All'];
    const { world, send } = stage([
      {
        ...usersRule,
        resources: ['graph', 'exchange'],
        scopes,
        requests: { paths: ['/v1.0/me', '/v1.0/*/messages', '/beta/users', '/**'] },
      },
    ]);
    await expect(send('/v1.0/me/messages')).rejects.toThrow(/requests that the rule lists/);
    await expect(send('/beta/groups')).rejects.toThrow(/requests that the rule lists/);
    expect(world.sent).toEqual([]);
    await send('/v1.0/me');
    await send('/beta/users');
    expect(world.sent).toHaveLength(2);
  });

  it('own their links: another rule cannot follow them', async () => {
    const first = stage([usersRule]);
    first.world.answers.push(json({ '@odata.nextLink': 'https://graph.microsoft.com/v1.0/users?$skiptoken=x' }));
    const { '@odata.nextLink': link = '' } = bodyOf(await first.send('/v1.0/users')) as Record<string, string>;
    const url = link.slice(link.indexOf('/graph/') + '/graph'.length);
    expect((await first.send(url)).status).toBe(200);
    expect(first.world.sent.at(-1)?.url).toBe('https://graph.microsoft.com/v1.0/users?$skiptoken=x');
    await expect(first.send('/v1.0/users?$skiptoken=x')).rejects.toThrow(/did not come from this gateway/);
    const other = { ...portal, objectId: 'cccccccc-0000-4000-8000-00000000000b' };
    await expect(first.send(url, {}, other)).rejects.toThrow(/belongs to another caller/);
  });
});
