import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RowMemory } from '../../../../../src/lib/gateway/queries/answer-rows.ts';
import { askTenant, createRowMemory } from '../../../../../src/lib/gateway/queries/ask-tenant.ts';
import type { RunStop } from '../../../../../src/lib/runs/store/run.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import type { Answer } from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { LargeAnswers, type UpstreamRequest } from '../../../../../src/lib/gateway/send/upstream.ts';
import { shortTurns } from '../../../../support/short-turns.ts';
import { contoso, json, portal, stage, usersRule } from '../send/stage.ts';

const runId = 'query@manual-1';
const graph = 'https://graph.microsoft.com';

function ask(
  staged: ReturnType<typeof stage>,
  path: string,
  {
    allPages = false,
    asker = portal,
    stops = { find: async (): Promise<RunStop | undefined> => undefined },
    rowMemory = createRowMemory(),
  } = {},
) {
  const deps = {
    gateway: staged.deps,
    runs: { stops },
    rowMemory,
    newId: () => 'dddddddd-0000-4000-8000-000000000002',
    log: silentLogger,
  };
  return askTenant(deps, { runId, asker, parameters: { path, allPages }, tenantId: contoso });
}

const users = (from: number, count: number) => Array.from({ length: count }, (_, index) => ({ id: from + index }));
const page = (from: number, next?: string): Answer =>
  json({ value: users(from, 2), ...(next === undefined ? {} : { '@odata.nextLink': next }) });
const code = (expected: string, detail?: string) =>
  expect.objectContaining({ code: expected, ...(detail === undefined ? {} : { detail }) }) as Error;

describe('the request of a query', () => {
  it('goes through the gateway under the rules for its asker, and its records name the run', async () => {
    const staged = stage();
    staged.world.answers.push(json({ value: [{ id: 1, n: null }] }));
    expect(await ask(staged, '/v1.0/users?$select=id,n')).toEqual({
      jsonLines: Buffer.from('{"id":1,"n":null}\n'),
      count: 1,
      columns: ['id', 'n'],
      release: expect.any(Function) as unknown,
    });
    expect(staged.world.sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${graph}/v1.0/users?$select=id%2Cn`,
    ]);
    const about = { kind: 'request', run: runId, rule: 'reads users', path: '/v1.0/users', tenantId: contoso };
    const { applicationId, objectId, kind } = portal;
    expect(staged.audit.entries).toEqual(
      ['sent', 'answered'].map(
        (outcome) =>
          expect.objectContaining({ ...about, outcome, caller: { applicationId, objectId, kind } }) as unknown,
      ),
    );
  });

  it('has the correlation id of the request that started the query', async () => {
    const staged = stage();
    staged.world.answers.push(json({ value: [] }));
    await ask(staged, '/v1.0/users', { asker: { ...portal, correlationId: 'of the start' } as typeof portal });
    expect(staged.audit.entries.map(({ correlationId }) => correlationId)).toEqual(['of the start', 'of the start']);
  });

  it('is refused and recorded if no rule opens it for the asker now', async () => {
    const staged = stage();
    const stranger = { ...portal, applicationId: 'cccccccc-0000-4000-8000-000000000009' };
    await expect(ask(staged, '/v1.0/users', { asker: stranger })).rejects.toThrow(code('caller_forbidden'));
    await expect(ask(staged, '/v1.0/groups')).rejects.toThrow(code('caller_forbidden'));
    expect(staged.world.sent).toEqual([]);
    expect(staged.audit.entries.map(({ outcome, run }) => [outcome, run])).toEqual([
      ['denied', runId],
      ['denied', runId],
    ]);
  });

  it.each([
    [{ approval: { count: 1 } }, 'needs an approval'],
    [{ breakGlass: true }, 'is for emergencies'],
  ])('is refused by a rule with %j, and asks nobody', async (condition, words) => {
    const staged = stage([{ ...usersRule, ...condition }]);
    await expect(ask(staged, '/v1.0/users')).rejects.toThrow(
      code(
        'caller_forbidden',
        `Only the rule "reads users" opens the request, and it ${words}, which a query cannot wait for or declare. Send the request to each tenant by itself: \`ptb request\`.`,
      ),
    );
    expect(staged.world.sent).toEqual([]);
    expect(staged.audit.entries.map(({ outcome }) => outcome)).toEqual(['denied']);
  });

  it('is not sent to an excluded tenant', async () => {
    const staged = stage();
    staged.world.tenant = { ...staged.world.tenant, reachable: false, reason: 'excluded' };
    await expect(ask(staged, '/v1.0/users')).rejects.toThrow(code('tenant_excluded'));
    expect(staged.world.sent).toEqual([]);
  });
});

/** Memory for rows that notes when rows are written. */
function watchedMemory(events: string[]) {
  const rowMemory = createRowMemory();
  const take = rowMemory.take.bind(rowMemory);
  rowMemory.take = (bytes) => {
    events.push('written');
    take(bytes);
  };
  return rowMemory;
}

describe('the pages of a query', () => {
  it('are all read, each as a request of its own', async () => {
    const staged = stage();
    staged.world.answers.push(
      page(1, `${graph}/v1.0/users?$skiptoken=b`),
      page(3, `${graph}/v1.0/users?$skiptoken=c`),
      page(5),
    );
    expect(await ask(staged, '/v1.0/users', { allPages: true })).toMatchObject({ count: 6, columns: ['id'] });
    expect(staged.world.sent.map(({ url }) => url)).toEqual([
      `${graph}/v1.0/users`,
      `${graph}/v1.0/users?$skiptoken=b`,
      `${graph}/v1.0/users?$skiptoken=c`,
    ]);
    expect(staged.audit.entries.filter(({ outcome }) => outcome === 'sent')).toHaveLength(3);
  });

  it('keep the place of a large answer until their rows are written, so that few are parsed at a time', async () => {
    const events: string[] = [];
    const rowMemory = watchedMemory(events);
    const staged = stage();
    Object.assign(staged.deps, {
      largeAnswers: new LargeAnswers(1),
      upstream: async ({ large }: UpstreamRequest) => {
        await large();
        events.push('held');
        return json({ value: users(0, 40_000) });
      },
    });
    await Promise.all([1, 2, 3].map(() => ask(staged, '/v1.0/users', { rowMemory })));
    expect(events).toEqual(['held', 'written', 'held', 'written', 'held', 'written']);
  });

  it('are parsed one at a time if they are large, for all tenants together', async () => {
    const large = { value: [{ text: 'a'.repeat(3_000_000) }, ...users(0, 1_000)] };
    const { length } = JSON.stringify(large);
    const events: string[] = [];
    shortTurns();
    const decode = Buffer.prototype.toString;
    const decoded = vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...given) {
      if (this.length === length) events.push('begun');
      return decode.apply(this, given);
    });
    onTestFinished(() => decoded.mockRestore());
    const rowMemory = watchedMemory(events);
    const staged = stage();
    staged.world.answers.push(json(large), json(large), json(large));
    await Promise.all([1, 2, 3].map(() => ask(staged, '/v1.0/users', { rowMemory })));
    expect(events).toEqual(['begun', 'written', 'begun', 'written', 'begun', 'written']);
  });

  it('are not parsed if they are large and the run is stopped while they wait for others', async () => {
    const staged = stage();
    const large = json({ value: [{ text: 'a'.repeat(3_000_000) }, ...users(0, 1_000)] });
    staged.world.answers.push(large, large, large);
    const rowMemory = createRowMemory();
    const take = vi.spyOn(rowMemory, 'take');
    const stops = {
      find: async (): Promise<RunStop | undefined> =>
        take.mock.calls.length === 0 ? undefined : { code: 'run_cancelled', detail: 'The run was cancelled.' },
    };
    const ended = await Promise.allSettled([1, 2, 3].map(() => ask(staged, '/v1.0/users', { rowMemory, stops })));
    expect(take).toHaveBeenCalledTimes(1);
    const outcomes = ended.map((each) =>
      each.status === 'rejected' ? (each.reason as { code: string }).code : 'done',
    );
    // Which of them is parsed first depends on the turns of the event loop.
    expect(outcomes.toSorted()).toEqual(['done', 'run_cancelled', 'run_cancelled']);
  });

  it('are not read unless the query wants them, and the result says that there are more', async () => {
    const staged = stage();
    staged.world.answers.push(page(1, `${graph}/v1.0/users?$skiptoken=b`));
    expect(await ask(staged, '/v1.0/users')).toMatchObject({
      count: 2,
      missing: 'The answer has more pages, and only the first was read.',
    });
    expect(staged.world.sent).toHaveLength(1);
  });

  it.each([
    ['https://evil.example/v1.0/users?$skiptoken=b', 'resource_error'],
    [`${graph}.evil.example/v1.0/users`, 'resource_error'],
    [`${graph}/v1.0/groups?$skiptoken=b`, 'caller_forbidden'],
  ])('are not followed to %s', async (next, expected) => {
    const staged = stage();
    staged.world.answers.push(page(1, next), page(3));
    await expect(ask(staged, '/v1.0/users', { allPages: true })).rejects.toThrow(code(expected));
    expect(staged.world.sent).toHaveLength(1);
  });

  it('end when a page names itself', async () => {
    const staged = stage();
    const link = `${graph}/v1.0/users?$skiptoken=b`;
    staged.world.answers.push(page(1, link), page(3, link), page(5));
    await expect(ask(staged, '/v1.0/users', { allPages: true })).rejects.toThrow(
      code('resource_error', 'Microsoft Graph sends pages that do not end.'),
    );
  });

  it('are not all if a later one does not exist', async () => {
    const staged = stage();
    staged.world.answers.push(page(1, `${graph}/v1.0/users?$skiptoken=b`), json({ error: {} }, { status: 404 }));
    expect(await ask(staged, '/v1.0/users', { allPages: true })).toMatchObject({
      count: 2,
      missing: 'The answer was cut: Microsoft Graph answers 404 for page 2.',
    });
  });

  it('give the memory of their rows back if they fail', async () => {
    const link = `${graph}/v1.0/users?$skiptoken=b`;
    // Room for one page.
    const rowMemory = new RowMemory(20);
    for (let times = 0; times < 2; times += 1) {
      const staged = stage();
      staged.world.answers.push(page(1, link), json({}, { status: 400 }));
      await expect(ask(staged, '/v1.0/users', { allPages: true, rowMemory })).rejects.toThrow(code('request_invalid'));
    }
    const staged = stage();
    staged.world.answers.push(page(1, link), page(3));
    await expect(ask(staged, '/v1.0/users', { allPages: true, rowMemory })).rejects.toThrow(code('busy'));
  });

  it('end after five minutes', async () => {
    const staged = stage();
    let next = 0;
    Object.assign(staged.deps, {
      upstream: async () => {
        await staged.clock.advance(61_000);
        return page((next += 2), `${graph}/v1.0/users?$skiptoken=${next}`);
      },
    });
    expect(await ask(staged, '/v1.0/users', { allPages: true })).toMatchObject({
      count: 10,
      missing: expect.stringContaining('after 5 pages') as string,
    });
  });

  it('end at the number of rows that a query keeps', async () => {
    const staged = stage();
    staged.world.answers.push(json({ value: Array.from({ length: 50_001 }, () => ({})) }));
    expect(await ask(staged, '/v1.0/users')).toMatchObject({
      count: 50_000,
      missing: 'The answer was cut after 50000 rows: a query keeps 50000 rows and 16 MiB of a tenant.',
    });
  });

  it('end when the run is cancelled', async () => {
    const staged = stage();
    staged.world.answers.push(page(1, `${graph}/v1.0/users?$skiptoken=b`), page(3));
    const stops = { find: async () => ({ code: 'run_cancelled', detail: 'The run was cancelled.' }) as const };
    await expect(ask(staged, '/v1.0/users', { allPages: true, stops })).rejects.toThrow(code('run_cancelled'));
    expect(staged.world.sent).toHaveLength(1);
  });

  it('are judged by the policy in force: a rule that is gone ends them', async () => {
    const staged = stage();
    const { policy } = staged.deps;
    const current = policy.current.bind(policy);
    staged.world.answers.push(page(1, `${graph}/v1.0/users?$skiptoken=b`), page(3));
    Object.assign(staged.deps.policy, {
      current: async () => {
        const state = await current();
        return staged.world.sent.length === 0 ? state : { ...state, policy: { ...state.policy, rules: [] } };
      },
    });
    await expect(ask(staged, '/v1.0/users', { allPages: true })).rejects.toThrow(code('caller_forbidden'));
    expect(staged.world.sent).toHaveLength(1);
  });
});

describe('an answer that is no list', () => {
  const error = (status: number, name = 'Request_BadRequest', headers = {}): Answer =>
    json(
      { error: { code: name, message: 'Details.' } },
      { status, headers: { 'content-type': 'application/json', ...headers } },
    );

  it.each([
    [error(400), 'request_invalid', 'Microsoft Graph refuses the request (400 Request_BadRequest). Details.'],
    [error(403, 'Forbidden'), 'access_denied', 'Microsoft Graph refuses access (403 Forbidden).'],
    [
      error(403, 'Authentication_RequestFromNonPremiumTenantOrB2CTenant'),
      'resource_unavailable',
      'Microsoft Graph reports that the tenant has no licence for this (403 Authentication_RequestFromNonPremiumTenantOrB2CTenant).',
    ],
    [
      { status: 302, headers: {}, body: new Uint8Array() },
      'request_invalid',
      'Microsoft Graph answers with a redirect; a query reads JSON only.',
    ],
    [
      error(429, 'TooMany', { 'retry-after': '90' }),
      'throttled',
      'Microsoft Graph throttles the requests for this tenant.',
    ],
  ])('fails: %#', async (answer, expected, detail) => {
    const staged = stage();
    staged.world.answers.push(answer);
    await expect(ask(staged, '/v1.0/users')).rejects.toThrow(code(expected, detail));
  });

  it.each([300, 399])('fails with the status %i, and with the word of Graph for others', async (status) => {
    const staged = stage();
    staged.world.answers.push({ status, headers: {}, body: new Uint8Array() });
    await expect(ask(staged, '/v1.0/users')).rejects.toThrow(
      code('request_invalid', 'Microsoft Graph answers with a redirect; a query reads JSON only.'),
    );
    staged.world.answers.push(json({ error: { code: 'Request_BadRequest' } }, { status: 400 }));
    await expect(ask(staged, '/v1.0/users')).rejects.toMatchObject({
      detail: 'Microsoft Graph refuses the request (400 Request_BadRequest).',
      logFields: { status: 400 },
    });
  });

  it('is read with the status 299', async () => {
    const staged = stage();
    staged.world.answers.push(json({ id: 1 }, { status: 299 }));
    expect(await ask(staged, '/v1.0/users')).toMatchObject({ count: 1 });
  });

  it('has no rows if the object does not exist', async () => {
    const staged = stage();
    staged.world.answers.push(error(404, 'Request_ResourceNotFound'));
    expect(await ask(staged, '/v1.0/users/jane@contoso.com')).toEqual({
      jsonLines: Buffer.from(''),
      count: 0,
      columns: [],
      release: expect.any(Function) as unknown,
      note: 'Microsoft Graph answers 404: there is no such object.',
    });
  });
});
