import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import '../../src/functions/gateway.ts';
import '../../src/functions/health.ts';
import '../../src/functions/mcp.ts';
import '../../src/functions/queries.ts';
import '../../src/functions/tokens.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import type { Answer } from '../../src/lib/api/route.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { guid } from '../support/audit-entries.ts';
import { bearer, contoso, json, portal, stage, usersRule } from '../unit/lib/gateway/send/stage.ts';

const allowed = { ...usersRule, via: ['token', 'gateway'] };
const approved = { ...allowed, approval: {} };

/** Serves a request with the function of this name. */
function serve(name: 'gateway' | 'tokens', stand: ReturnType<typeof stage>, request: HttpRequest) {
  let overdueChecks = 0;
  const services = {
    gateway: stand.deps,
    issuing: stand.deps,
    clock: stand.clock,
    credentials: { overdue: { check: () => void (overdueChecks += 1) } },
  } as unknown as Services;
  const route = boundRoutes().find(({ definition }) => definition.name === name);
  if (route === undefined) throw new Error(`There is no function ${name}.`);
  const caller = { ...portal, roles: ['Requests.Send', 'Tokens.Request'] as const };
  const orchestrations = new FakeOrchestrations();
  const admitted = { request, caller, correlationId: guid(3), log: silentLogger, orchestrations };
  return route.answer(services, admitted).then((answer) => ({ answer, overdueChecks }));
}

describe('the function gateway', () => {
  const address = `https://broker.example/api/gateway/${contoso}/graph`;
  const send = (stand: ReturnType<typeof stage>, path: string, more: { method?: string; body?: string } = {}) => {
    const { method = 'GET', body } = more;
    const params = { tenant: contoso, resource: 'graph', path: path.slice(1) };
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = new HttpRequest({
      method,
      url: `${address}${path}`,
      params,
      headers,
      ...(body === undefined ? {} : { body: { string: body } }),
    });
    return serve('gateway', stand, request);
  };
  const textOf = ({ body }: Answer): string => Buffer.from(body ?? '').toString();

  it('returns the answer of the resource so that a browser neither keeps nor runs it', async () => {
    const stand = stage([allowed]);
    stand.world.answers.push(json({ value: [1] }, { status: 203 }));
    const { answer, overdueChecks } = await send(stand, '/v1.0/users?$top=1');
    expect(answer).toMatchObject({
      status: 203,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'content-security-policy': "sandbox; default-src 'none'",
      },
    });
    expect(textOf(answer)).toBe('{"value":[1]}');
    expect(stand.world.sent[0]?.url).toBe('https://graph.microsoft.com/v1.0/users?$top=1');
    expect(overdueChecks).toBe(1);
  });

  it('sends the body as it is, and returns no body if there is none', async () => {
    const stand = stage([{ ...allowed, scopes: ['User.ReadWrite.All'] }]);
    stand.world.answers.push({ status: 204, headers: {}, body: new Uint8Array() });
    const body = '{ "displayName":"x" }';
    const { answer } = await send(stand, '/v1.0/users', { method: 'POST', body });
    expect(Buffer.from(stand.world.sent[0]?.body ?? []).toString()).toBe(body);
    expect(answer.status).toBe(204);
    expect(answer).not.toHaveProperty('body');
  });

  it('accepts a body of 4 MiB, and no larger one', async () => {
    const stand = stage([{ ...allowed, scopes: ['User.ReadWrite.All'] }]);
    const body = (length: number) => `{"displayName":"${'x'.repeat(length - 18)}"}`;
    const limit = 4 * 1024 * 1024;
    await expect(send(stand, '/v1.0/users', { method: 'POST', body: body(limit + 1) })).rejects.toMatchObject({
      code: 'request_too_large',
    });
    const outcome = await send(stand, '/v1.0/users', { method: 'POST', body: body(limit) }).catch((thrown) => thrown);
    expect((outcome as Partial<BrokerError>).code).not.toBe('request_too_large');
  });

  it('refuses what no rule opens', async () => {
    await expect(send(stage([allowed]), '/v1.0/groups')).rejects.toMatchObject({ code: 'caller_forbidden' });
  });
});

describe('the function tokens', () => {
  const order = (stand: ReturnType<typeof stage>, body: object) =>
    serve(
      'tokens',
      stand,
      new HttpRequest({
        method: 'POST',
        url: 'https://broker.example/api/tokens',
        body: { string: JSON.stringify(body) },
      }),
    );

  it('returns the token, which nobody may store, with what it is for and how long it works', async () => {
    const stand = stage([allowed]);
    stand.world.scopes = ['User.Read.All'];
    const { answer, overdueChecks } = await order(stand, { tenant: contoso, resource: 'graph' });
    expect(answer).toEqual({
      status: 200,
      headers: { 'cache-control': 'no-store' },
      jsonBody: {
        accessToken: bearer,
        tokenType: 'Bearer',
        expiresAt: '2026-11-24T06:00:00.000Z',
        expiresInSeconds: 3600,
        tenantId: contoso,
        resource: 'graph',
        scopes: ['User.Read.All'],
        grant: 'delegated',
        tokenId: stand.audit.entries[0]?.tokenId,
      },
    });
    expect(overdueChecks).toBe(1);
  });

  it('says that a resource is retired', async () => {
    const stand = stage([{ ...allowed, via: ['token'], resources: ['aad-graph'] }]);
    stand.world.scopes = ['User.Read.All'];
    const { answer } = await order(stand, { tenant: contoso, resource: 'aad-graph' });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', sunset: 'Sun, 31 Aug 2025 00:00:00 GMT' });
  });

  it('answers 202 while the token waits for an approval', async () => {
    const stand = stage([approved]);
    const reason = 'The account sends spam, ticket 4711.';
    const { answer } = await order(stand, { tenant: contoso, resource: 'graph', reason });
    const [id] = stand.approvals.approvalLog.rows.keys();
    expect(answer).toMatchObject({
      status: 202,
      headers: { location: `/api/approvals/${id}`, 'x-approval-id': id, 'cache-control': 'no-store' },
      jsonBody: { approvalId: id, status: 'pending' },
    });
    expect(JSON.stringify(answer)).not.toContain(bearer);
  });

  it('refuses what no rule opens', async () => {
    await expect(order(stage([allowed]), { tenant: contoso, resource: 'arm' })).rejects.toMatchObject({
      code: 'caller_forbidden',
    });
  });
});

describe('a request that needs a credential', () => {
  const message = { jsonrpc: '2.0', id: 1, method: 'ping' };
  it.each([
    ['gateway', {}],
    ['tokens', { tenant: contoso, resource: 'graph' }],
    ['queries-start', { path: '/users' }],
    ['health', undefined],
    ['mcp', message],
  ])('starts the rotation that the timer missed, whatever becomes of the request: %s', async (name, body) => {
    let overdueChecks = 0;
    const services = {
      credentials: { overdue: { check: () => void (overdueChecks += 1) } },
      callers: { limit: { take: () => undefined } },
    } as unknown as Services;
    const route = boundRoutes().find(({ definition }) => definition.name === name);
    const request = new HttpRequest({
      method: body === undefined ? 'GET' : 'POST',
      url: `https://broker.example/api/gateway/${contoso}/graph/v1.0/users`,
      params: { tenant: contoso, resource: 'graph', path: 'v1.0/users' },
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
    });
    const caller = { ...portal, roles: ['Requests.Send'] as const };
    const orchestrations = new FakeOrchestrations();
    const admitted = { request, caller, correlationId: guid(3), log: silentLogger, orchestrations };
    // The parts that would answer are missing.
    await Promise.resolve(route?.answer(services, admitted)).catch(() => undefined);
    expect(overdueChecks).toBe(1);
  });
});
