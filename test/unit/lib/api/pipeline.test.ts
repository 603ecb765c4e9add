import type { HttpRequest, InvocationContext } from '@azure/functions';
import { AppMetrics } from '../../../../src/lib/core/metrics.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { createCallerRateLimit } from '../../../../src/lib/access/sign-in/callers.ts';
import { createCallerVerifier } from '../../../../src/lib/access/sign-in/verify-caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { type BoundRoute, bindRoute } from '../../../../src/lib/api/call.ts';
import { createPipeline, type PipelineServices } from '../../../../src/lib/api/pipeline.ts';
import type { Access, Answer, RouteDefinition } from '../../../../src/lib/api/route.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { guid as oid } from '../../../support/audit-entries.ts';
import {
  audiences,
  claims,
  entraEndpoint,
  homeTenant,
  KeyServer,
  newSigningKey,
  signJwt,
} from '../../../support/token-forge.ts';

const caller: Caller = {
  applicationId: '11111111-1111-4111-8111-111111111111',
  objectId: '22222222-2222-4222-8222-222222222222',
  kind: 'application',
  roles: ['Tokens.Request'],
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId,
  name: 'caller',
};
const newId = '33333333-3333-4333-8333-333333333333';
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let logged: ReturnType<typeof recordingLogger>;
let services: PipelineServices;
let taken: string[];
let failure: BrokerError | undefined;
let audit: MemoryAuditLog;
let metrics: AppMetrics;
const clock = new FakeClock(Date.UTC(2026, 10, 24));
beforeEach(() => {
  logged = recordingLogger();
  taken = [];
  failure = undefined;
  audit = new MemoryAuditLog();
  metrics = new AppMetrics();
  services = {
    audit,
    clock,
    newId: () => newId,
    callers: {
      verify: async (authorization) => {
        if (authorization === 'Bearer good') return caller;
        throw new BrokerError('caller_unauthenticated', 'no token');
      },
      refusalRecords: createCallerRateLimit({ clock }, { requestsPerMinute: 3, burst: 3 }),
      limit: { take: ({ applicationId }) => void taken.push(applicationId) },
    },
  };
});

const respond = async (
  route: BoundRoute<PipelineServices>,
  headers: Record<string, string> = { authorization: 'Bearer good' },
  body: HttpRequest['body'] = null,
): Promise<Answer & { headers: Record<string, string> }> => {
  const pipeline = createPipeline<PipelineServices>({
    services: async () => {
      if (failure !== undefined) throw failure;
      return services;
    },
    withInvocation: (_context, work) => work(),
    log: logged.log,
    metrics,
  });
  const { method } = route.definition.furtherMethods === undefined ? route.definition : { method: 'DELETE' };
  const url = 'https://broker.example/api/route';
  const request = { url, method, headers: new Headers(headers), params: {}, body } as unknown as HttpRequest;
  const context = { functionName: 'route' } as InvocationContext;
  return (await pipeline(route)(request, context)) as Answer & { headers: Record<string, string> };
};
const definition = (access: Access): RouteDefinition => ({
  name: 'route',
  method: 'GET',
  path: '/route',
  access,
  failures: [],
  document: () => Promise.reject(new Error('The pipeline does not read the documentation.')),
});
const codeOf = (answer: Answer): unknown => (JSON.parse(String(answer.body)) as { code: string }).code;
const succeed = async (): Promise<Answer> => ({ status: 200, headers: { 'cache-control': 'no-store' } });
const route = (access: Access, handler: () => Promise<Answer> = succeed): BoundRoute<PipelineServices> =>
  bindRoute(definition(access), handler);

it('gives the handler the request, its correlation id and the durable client if there is one', async () => {
  const seen: object[] = [];
  const handler = bindRoute<PipelineServices, RouteDefinition>(definition('anonymous'), async (_services, call) => {
    seen.push(call);
    return succeed();
  });
  const correlationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
  const serve = createPipeline<PipelineServices>({
    services: async () => services,
    withInvocation: (_context, work) => work(),
    log: logged.log,
    metrics,
  })(handler);
  const request = { method: 'GET', headers: new Headers({ 'x-correlation-id': correlationId }), params: {} };
  const orchestrations = {};
  const context = { functionName: 'route' } as InvocationContext;
  await serve(request as unknown as HttpRequest, context, orchestrations as never);
  await serve(request as unknown as HttpRequest, context);
  expect(seen).toHaveLength(2);
  expect(seen[0]).toMatchObject({ correlationId, caller: undefined });
  expect(seen[0]).toHaveProperty('orchestrations', orchestrations);
  expect(seen[0]).toHaveProperty('request', request);
  expect(seen[1]).not.toHaveProperty('orchestrations');
});

it('gives the handler a log with the correlation id, the route and the caller', async () => {
  const correlationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
  const logging = bindRoute(definition('Tokens.Request'), async (_services: PipelineServices | undefined, { log }) => {
    log.log('info', 'handled');
    return succeed();
  });
  await respond(logging, { authorization: 'Bearer good', 'x-correlation-id': correlationId });
  expect(logged.lines.map(({ line }) => JSON.parse(line) as unknown)).toEqual([
    { event: 'handled', level: 'info', correlationId, route: 'route', caller: caller.applicationId },
  ]);
});

describe('every answer', () => {
  it('carries the correlation id of the request if it is a GUID, otherwise a new one', async () => {
    const own = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
    expect((await respond(route('anonymous'), { 'x-correlation-id': own })).headers).toEqual({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-correlation-id': own,
    });
    expect((await respond(route('anonymous'), { 'x-correlation-id': 'no guid' })).headers['x-correlation-id']).toMatch(
      guid,
    );
    expect((await respond(route('anonymous'), {})).headers['x-correlation-id']).toMatch(guid);
  });

  it.each([
    ['nothing', () => undefined as unknown as Answer],
    ['a value that is no JSON', () => ({ status: 200, jsonBody: { n: 1n } })],
    [
      'a value that contains itself',
      () => ({ status: 200, jsonBody: [((own: unknown[]) => own.push(own) && own)([])] }),
    ],
    [
      'an error that cannot be read',
      () => {
        throw new Proxy(new Error('x'), {
          get: () => {
            throw new Error('trap');
          },
        });
      },
    ],
  ])('is a problem if the handler gives %s', async (_what, made) => {
    const answer = await respond(route('anonymous', async () => made()));
    expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
    expect(answer.headers['x-correlation-id']).toMatch(guid);
  });

  it('to a failure is a problem; unexpected errors become `internal` and are logged as errors', async () => {
    const known = await respond(route('anonymous', () => Promise.reject(new BrokerError('not_found', 'nothing here'))));
    expect([known.status, codeOf(known)]).toEqual([404, 'not_found']);
    const unknown = await respond(route('anonymous', () => Promise.reject(new TypeError('boom'))));
    expect([unknown.status, codeOf(unknown)]).toEqual([500, 'internal']);
    expect(String(unknown.body)).not.toContain('boom');
    expect(logged.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
    expect(logged.events()).toEqual(['request.failed', 'request.failed']);
  });

  it('to a failure that cannot be read has the form that the route has for problems', async () => {
    const unreadable = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new TypeError('unreadable');
        },
      },
    );
    const like = { ...definition('anonymous'), problemsLikeGraph: true } as const;
    const answer = await respond(
      bindRoute(like, () => {
        throw unreadable;
      }),
    );
    expect(JSON.parse(String(answer.body))).toMatchObject({
      code: 'internal',
      error: { code: 'internal', message: 'The failure could not be read or logged.' },
    });
  });

  it('is 503 config_invalid while settings are wrong, except on anonymous routes', async () => {
    failure = new BrokerError('config_invalid', 'KEY_VAULT_URL: is missing.');
    expect(await respond(route('Tokens.Request'))).toMatchObject({ status: 503 });
    expect(await respond(route('anonymous'))).toMatchObject({ status: 200 });
  });
});

describe('a route with an answer of its own for wrong settings', () => {
  const health = bindRoute<PipelineServices, RouteDefinition>(
    { ...definition('optional'), misconfigured: ({ detail }) => ({ status: 503, jsonBody: { detail } }) },
    succeed,
  );

  it('gives this answer without authenticating the caller', async () => {
    failure = new BrokerError('config_invalid', 'KEY_VAULT_URL: is missing.');
    const answer = await respond(health, { authorization: 'Bearer bad' });
    expect([answer.status, answer.body]).toEqual([503, '{"detail":"KEY_VAULT_URL: is missing."}']);
    expect(logged.lines).toEqual([]);
  });

  it('answers other failures with a problem', async () => {
    failure = new BrokerError('key_vault_unavailable', 'no answer');
    expect(codeOf(await respond(health))).toBe('key_vault_unavailable');
  });
});

describe('a route and an agent', () => {
  const key = newSigningKey('key-1');
  const ask = (changes: object, headers: Record<string, string> = {}, access: Access = 'Audit.Read') => {
    const { fetch } = new KeyServer(key);
    const settings = { entraEndpoint, tenantId: homeTenant, audiences };
    const verifier = createCallerVerifier({ fetch, clock, log: logged.log }, settings);
    services = { ...services, callers: { ...services.callers, ...verifier } };
    const token = signJwt(key, claims(clock.nowMs(), { scp: 'access_as_user', upn: 'ann@contoso.com', ...changes }));
    const seen: Caller[] = [];
    const handler = bindRoute<PipelineServices, RouteDefinition>(definition(access), async (_services, call) => {
      if (call.caller !== undefined) seen.push(call.caller);
      return succeed();
    });
    return respond(handler, { authorization: `Bearer ${token}`, ...headers }).then((answer) => ({ answer, seen }));
  };
  // App Service authentication sets these. Where it is off, anybody can.
  const asPerson = {
    'x-ms-client-principal': Buffer.from('{"auth_typ":"aad","claims":[{"typ":"idtyp","val":"user"}]}').toString(
      'base64',
    ),
    'x-ms-client-principal-name': 'ann@contoso.com',
    'x-ms-client-principal-id': oid(0xb1),
  };

  it('takes an agent for no person, whatever the headers of App Service authentication say', async () => {
    const { seen } = await ask({ xms_act_fct: '11', xms_par_app_azp: oid(0xd1) }, asPerson);
    expect(seen).toMatchObject([{ kind: 'agent', blueprint: oid(0xd1), actsFor: oid(0xb1) }]);
    expect((await ask({}, asPerson)).seen).toMatchObject([{ kind: 'user' }]);
    const { answer } = await ask({}, { ...asPerson, authorization: '' });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'caller_unauthenticated']);
  });

  it('records a refusal with its blueprint and the person that it acts for', async () => {
    const agent = { xms_act_fct: '3 11', xms_sub_fct: '3 6', xms_par_app_azp: oid(0xd1) };
    expect((await ask(agent, {}, 'Runs.Write')).answer.status).toBe(403);
    const identity = { applicationId: oid(0xa1), objectId: oid(0xb1), kind: 'agent', blueprint: oid(0xd1) };
    expect(audit.entries.at(-1)?.caller).toEqual({ ...identity, actsFor: oid(0xb1) });
  });

  it.each([
    [{ xms_act_fct: 11 }, 'not as Entra writes it'],
    [{ xms_act_fct: '11', xms_sub_fct: '11' }, 'contradict each other'],
  ])('answers 401 with a sentence about the claims %j', async (wrong, sentence) => {
    const { answer, seen } = await ask(wrong, asPerson);
    expect([answer.status, codeOf(answer), seen]).toEqual([401, 'caller_unauthenticated', []]);
    expect(JSON.parse(String(answer.body))).toMatchObject({ detail: expect.stringContaining(sentence) as string });
  });
});

describe('a route with a role', () => {
  it('admits a caller with the role and counts the request', async () => {
    expect(await respond(route('Tokens.Request'))).toMatchObject({ status: 200 });
    expect(taken).toEqual([caller.applicationId]);
  });

  it('rejects a request without a valid token and does not count it', async () => {
    const answer = await respond(route('Tokens.Request'), {});
    expect([answer.status, codeOf(answer), taken]).toEqual([401, 'caller_unauthenticated', []]);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('may have a challenge of its own, which only a 401 has', async () => {
    const challenge = (url: string): string => `Bearer resource_metadata="${url}/x"`;
    const other = bindRoute<PipelineServices, RouteDefinition>({ ...definition('Audit.Read'), challenge }, succeed);
    const answer = await respond(other, {});
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      401,
      'Bearer resource_metadata="https://broker.example/api/route/x"',
    ]);
    expect((await respond(other)).headers).not.toHaveProperty('www-authenticate');
  });

  it('may refuse web pages before it asks who calls', async () => {
    const refusing = bindRoute<PipelineServices, RouteDefinition>(
      { ...definition('Tokens.Request'), refusesWebPages: true },
      succeed,
    );
    for (const origin of ['https://broker.example', 'http://evil.example', 'null', ''])
      for (const token of [{}, { authorization: 'Bearer good' }]) {
        const answer = await respond(refusing, { ...token, origin });
        expect([answer.status, codeOf(answer), taken]).toEqual([403, 'caller_forbidden', []]);
      }
    expect((await respond(refusing)).status).toBe(200);
    expect((await respond(route('Tokens.Request'), { authorization: 'Bearer good', origin: 'x' })).status).toBe(200);
  });

  it('rejects a caller without the role and counts the request', async () => {
    const answer = await respond(route('Audit.Read'));
    expect([answer.status, codeOf(answer), taken.length]).toEqual([403, 'caller_forbidden', 1]);
    expect(String(answer.body)).toContain('The caller lacks the app role Audit.Read.');
  });

  it('admits a caller with one of several roles', async () => {
    expect(await respond(route(['Audit.Read', 'Tokens.Request']))).toMatchObject({ status: 200 });
    const answer = await respond(route(['Audit.Read', 'Runs.Read']));
    expect(String(answer.body)).toContain('The caller lacks the app role Audit.Read or Runs.Read.');
  });

  it('answers 429 with Retry-After to a caller over its limit', async () => {
    services = {
      ...services,
      callers: {
        ...services.callers,
        limit: {
          take: () => {
            throw new BrokerError('caller_throttled', 'too fast', { retryAfterSeconds: 3 });
          },
        },
      },
    };
    const answer = await respond(route('Tokens.Request'));
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3']);
  });
});

describe('the audit record of a refusal', () => {
  const correlationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
  const headers = { authorization: 'Bearer good', 'x-correlation-id': correlationId };
  const entry = (code: string) => ({
    atMs: clock.nowMs(),
    correlationId,
    tokenId: newId,
    outcome: 'denied',
    code,
    caller: { applicationId: caller.applicationId, objectId: caller.objectId, kind: caller.kind },
    route: 'POST /route',
    scopes: [],
  });
  const posted = (handler = succeed, more: Partial<RouteDefinition> = {}): BoundRoute<PipelineServices> =>
    bindRoute(
      { ...definition('Tokens.Request'), method: 'POST', body: z.strictObject({ tenant: z.string() }), ...more },
      handler,
    );
  const send = (to: BoundRoute<PipelineServices>, body: string) => respond(to, headers, new Blob([body]).stream());

  it('names the caller, the route and the code for a missing role', async () => {
    const answer = await respond(posted(succeed, { access: 'Audit.Read' }), headers);
    expect([answer.status, audit.entries]).toEqual([403, [entry('caller_forbidden')]]);
    expect(JSON.parse(String(answer.body))).toMatchObject({
      lacks: 'role',
      advice: 'Ask the operator for the missing app role.',
    });
  });

  it('names the method of the request on a route with several', async () => {
    await respond(posted(succeed, { access: 'Audit.Read', furtherMethods: ['DELETE'] }), headers);
    expect(audit.entries).toEqual([{ ...entry('caller_forbidden'), route: 'DELETE /route' }]);
  });

  it.each([
    ['request_invalid', 400, '{"tenant":"eyJhbGciOiJub25lIn0.secret","x":1}'],
    ['request_invalid', 400, '{'],
    ['request_too_large', 413, 'x'.repeat(70_000)],
  ])(
    'names the caller, the route and the code %s for an invalid body, and nothing of the body',
    async (code, status, body) => {
      const answer = await send(posted(), body);
      expect([answer.status, audit.entries]).toEqual([status, [entry(code)]]);
    },
  );

  it('is written for a handler that forbids the request, once', async () => {
    const forbid = (): Promise<Answer> => Promise.reject(new BrokerError('caller_forbidden', 'not this tenant'));
    await send(posted(forbid), '{"tenant":"a"}');
    expect(audit.entries).toEqual([entry('caller_forbidden')]);
    await send(posted(forbid, { recordsRefusals: true }), '{"tenant":"a"}');
    expect(audit.entries).toHaveLength(1);
    await send(posted(forbid, { recordsRefusals: true }), '{}');
    expect(audit.entries.map(({ code }) => code)).toEqual(['caller_forbidden', 'request_invalid']);
  });

  it('is stored before the refusal is answered', async () => {
    const stored = Promise.withResolvers<void>();
    audit.record = () => stored.promise;
    let isAnswered = false;
    const answered = send(posted(), '{').finally(() => (isAnswered = true));
    await settle();
    expect(isAnswered).toBe(false);
    stored.resolve();
    expect((await answered).status).toBe(400);
  });

  it('is not written for answers, other failures, strangers and throttled callers', async () => {
    await send(posted(), '{"tenant":"a"}');
    await send(
      posted(() => Promise.reject(new BrokerError('not_found', 'nothing'))),
      '{"tenant":"a"}',
    );
    await respond(posted(), { authorization: 'Bearer bad' });
    await respond(posted(), {});
    const take = (): never => {
      throw new BrokerError('caller_throttled', 'too fast', { retryAfterSeconds: 3 });
    };
    services = { ...services, callers: { ...services.callers, limit: { take } } };
    await respond(posted(succeed, { access: 'Audit.Read' }), headers);
    await send(posted(), '{');
    expect(audit.entries).toEqual([]);
  });

  it('is not written for the requests of a caller that is refused again and again', async () => {
    for (let time = 0; time < 20; time += 1) expect((await send(posted(), '{')).status).toBe(400);
    expect(audit.entries).toHaveLength(3);
    await clock.advance(20_000);
    await send(posted(), '{');
    expect(audit.entries).toHaveLength(4);
  });

  it('changes no refusal when it cannot be written, and the log says so', async () => {
    const roleAnswer = await respond(posted(succeed, { access: 'Audit.Read' }), headers);
    const bodyAnswer = await send(posted(), '{');
    audit.down = true;
    await clock.advance(60_000);
    expect(await respond(posted(succeed, { access: 'Audit.Read' }), headers)).toEqual(roleAnswer);
    expect(await send(posted(), '{')).toEqual(bodyAnswer);
    expect(logged.events().filter((event) => event === 'audit.denial_not_recorded')).toHaveLength(2);
  });
});

describe('an optional route', () => {
  it('passes the caller if there is one, and rejects an invalid token', async () => {
    const seen: unknown[] = [];
    const handler = bindRoute<PipelineServices, RouteDefinition>(definition('optional'), async (_services, call) => {
      seen.push(call.caller);
      return { status: 200 };
    });
    await respond(handler, {});
    await respond(handler);
    expect(seen).toEqual([undefined, caller]);
    expect((await respond(handler, { authorization: 'Bearer bad' })).status).toBe(401);
  });
});

it('serializes JSON and keeps the content type of the answer', async () => {
  const plain = await respond(route('anonymous', async () => ({ status: 200, jsonBody: { a: 1 } })));
  expect(plain).toMatchObject({ status: 200, body: '{"a":1}', headers: { 'content-type': 'application/json' } });
  const own = await respond(
    route('anonymous', async () => ({ status: 200, headers: { 'content-type': 'a/b' }, jsonBody: [] })),
  );
  expect(own).toMatchObject({ body: '[]', headers: { 'content-type': 'a/b' } });
  const none = await respond(route('anonymous', async () => ({ status: 204 })));
  expect(none.headers).not.toHaveProperty('content-type');
  expect(none).not.toHaveProperty('body');
});

it('counts every answer by its route and status', async () => {
  await respond(route('Tokens.Request'));
  await respond(route('Tokens.Request'), {});
  await respond(
    route('anonymous', () => Promise.reject(new Error('broken'))),
    {},
  );
  expect(metrics.httpRequests.samples.map(({ labels: [name, status] }) => `${name} ${status}`)).toEqual([
    'route 200',
    'route 401',
    'route 500',
  ]);
});
