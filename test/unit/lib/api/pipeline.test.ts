import type { HttpRequest, InvocationContext } from '@azure/functions';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Caller, CallerRole } from '../../../../src/lib/model/caller.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { createPipeline, type PipelineServices } from '../../../../src/lib/api/pipeline.ts';
import type { Answer } from '../../../../src/lib/api/problem.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const caller: Caller = {
  applicationId: '11111111-1111-4111-8111-111111111111',
  objectId: '22222222-2222-4222-8222-222222222222',
  kind: 'application',
  roles: ['Tokens.Request'],
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId,
  name: 'caller',
};
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let logged: ReturnType<typeof recordingLogger>;
let services: PipelineServices;
let taken: string[];
let failure: BrokerError | undefined;
beforeEach(() => {
  logged = recordingLogger();
  taken = [];
  failure = undefined;
  services = {
    log: logged.log,
    callers: {
      verify: async (authorization) => {
        if (authorization === 'Bearer good') return caller;
        throw new BrokerError('caller_unauthenticated', 'no token');
      },
    },
    callerLimit: { take: (applicationId) => void taken.push(applicationId) },
  };
});

const pipeline = () =>
  createPipeline<PipelineServices>({
    services: async () => {
      if (failure !== undefined) throw failure;
      return services;
    },
    withInvocation: (_context, work) => work(),
    log: logged.log,
  });
const send = async (
  handler: ReturnType<ReturnType<typeof pipeline>['open']>,
  headers: Record<string, string> = { authorization: 'Bearer good' },
): Promise<Answer & { headers: Record<string, string> }> =>
  (await handler(
    { headers: new Headers(headers) } as unknown as HttpRequest,
    { functionName: 'route' } as InvocationContext,
  )) as Answer & { headers: Record<string, string> };
const codeOf = (answer: Answer): unknown => (JSON.parse(String(answer.body)) as { code: string }).code;
const fine = async (): Promise<Answer> => ({ status: 200, headers: { 'cache-control': 'no-store' } });
const guarded = (role: CallerRole, handler: () => Promise<Answer> = fine) => pipeline().guarded(role, handler);

describe('every answer', () => {
  it('carries a correlation id: that of the request where it is one, a new one otherwise', async () => {
    const asked = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
    const open = pipeline().open(fine);
    expect((await send(open, { 'x-correlation-id': asked })).headers).toEqual({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-correlation-id': asked,
    });
    expect((await send(open, { 'x-correlation-id': 'no guid' })).headers['x-correlation-id']).toMatch(guid);
    expect((await send(open, {})).headers['x-correlation-id']).toMatch(guid);
  });

  it('of a failure is a problem of the table, noted as a warning; what nobody expects as an error', async () => {
    const known = await send(pipeline().open(() => Promise.reject(new BrokerError('not_found', 'nothing here'))));
    expect([known.status, codeOf(known)]).toEqual([404, 'not_found']);
    const unknown = await send(pipeline().open(() => Promise.reject(new TypeError('boom'))));
    expect([unknown.status, codeOf(unknown)]).toEqual([500, 'internal']);
    expect(String(unknown.body)).not.toContain('boom');
    expect(logged.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
    expect(logged.events()).toEqual(['request.failed', 'request.failed']);
  });

  it('while the settings are wrong says so', async () => {
    failure = new BrokerError('config_invalid', 'KEY_VAULT_URL: is missing.');
    expect(await send(guarded('Tokens.Request'))).toMatchObject({ status: 503 });
    expect(await send(pipeline().open(fine))).toMatchObject({ status: 200 });
  });
});

describe('a guarded route', () => {
  it('lets in who proves himself and holds the role, and counts the request', async () => {
    expect(await send(guarded('Tokens.Request'))).toMatchObject({ status: 200 });
    expect(taken).toEqual([caller.applicationId]);
  });

  it('keeps out who proves nothing, before anything is counted', async () => {
    const answer = await send(guarded('Tokens.Request'), {});
    expect([answer.status, codeOf(answer), taken]).toEqual([401, 'caller_unauthenticated', []]);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('keeps out who lacks the role, though the request counts', async () => {
    const answer = await send(guarded('Audit.Read'));
    expect([answer.status, codeOf(answer), taken.length]).toEqual([403, 'caller_forbidden', 1]);
    expect(String(answer.body)).toContain('The caller lacks the app role Audit.Read.');
  });

  it('tells a caller that is too fast when to come back', async () => {
    services = {
      ...services,
      callerLimit: {
        take: () => {
          throw new BrokerError('caller_throttled', 'too fast', { retryAfterSeconds: 3 });
        },
      },
    };
    const answer = await send(guarded('Tokens.Request'));
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3']);
  });
});

describe('an open-minded route', () => {
  it('knows the caller where there is one, and refuses a bad token all the same', async () => {
    const seen: unknown[] = [];
    const handler = pipeline().anonymous(async (_services, call) => {
      seen.push(call.caller);
      return { status: 200 };
    });
    await send(handler, {});
    await send(handler);
    expect(seen).toEqual([undefined, caller]);
    expect((await send(handler, { authorization: 'Bearer bad' })).status).toBe(401);
  });
});

it('sends JSON as the text of it, and leaves a content type that the answer has', async () => {
  const { open } = pipeline();
  const plain = await send(open(async () => ({ status: 200, jsonBody: { a: 1 } })));
  expect(plain).toMatchObject({ status: 200, body: '{"a":1}', headers: { 'content-type': 'application/json' } });
  const own = await send(open(async () => ({ status: 200, headers: { 'content-type': 'a/b' }, jsonBody: [] })));
  expect(own).toMatchObject({ body: '[]', headers: { 'content-type': 'a/b' } });
  const none = await send(open(async () => ({ status: 204 })));
  expect(none.headers).not.toHaveProperty('content-type');
  expect(none).not.toHaveProperty('body');
});
