import { hash } from 'node:crypto';
import { HttpRequest } from '@azure/functions';
import { describe, expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { writeCheckpoint } from '../../src/functions/audit.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import { type StoredRecord, storedRecord } from '../../src/lib/audit/chain/checkpoint.ts';
import { toRow } from '../../src/lib/audit/log/audit-row.ts';
import type { ExtractDeps } from '../../src/lib/audit/proof/extract.ts';
import type { CallerRole } from '../../src/lib/core/caller.ts';
import { type Logger, silentLogger } from '../../src/lib/core/log.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { guid, issued, tenant } from '../support/audit-entries.ts';
import { openPolicy } from '../support/open-policy.ts';
import { auditCall } from '../support/route-call.ts';

const day = 24 * 3_600_000;

it.each([
  ['2026-11-24', '2026-11-23'],
  ['2026-11-24', '2026-11-24'],
  // Until now, which the records have not reached.
  ['2026-11-25', undefined],
])('refuses records from %s to %s, which are none', async (from, to) => {
  const services = {
    callers: { policy: openPolicy },
    evidence: { latestMs: async () => Date.parse('2026-11-25') - 1, records: () => expect.fail('read') },
  } as unknown as Services;
  const query = { from, ...(to === undefined ? {} : { to }) };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/audit/records', query });
  const route = boundRoutes().find(({ definition }) => definition.name === 'audit-records');
  await expect(route?.answer(services, auditCall(request))).rejects.toMatchObject({ code: 'request_invalid' });
});

/** What the route of extracts gives the evidence, for a broker with these callers and approvals. */
async function shownBy(
  query: Readonly<Record<string, string>>,
  {
    wait = async () => undefined,
    roles = ['Audit.Read', 'Runs.Read'],
    rows = [`${planRow('ann@contoso.com')}\n${planRow('say "x"')}`, '\n'],
    log = silentLogger,
  }: {
    readonly wait?: () => Promise<void>;
    readonly roles?: readonly CallerRole[];
    readonly rows?: readonly string[];
    readonly log?: Logger;
  } = {},
): Promise<Required<Shown>> {
  let given: Shown = {};
  const approval = {
    asker: { kind: 'user', applicationId: guid(1), objectId: guid(4), name: 'Ann' },
    decisions: [{ decider: { kind: 'user', applicationId: guid(1), objectId: guid(5), name: 'Bob' } }],
  };
  const services = {
    log,
    callers: {
      policy: {
        current: async () => ({
          policy: { groups: new Map(), rules: [], callerNames: new Map([[guid(1), 'Helpdesk']]) },
          tag: '1',
        }),
      },
    },
    directory: { find: async () => ({ tenantId: tenant(7), name: 'Contoso' }) },
    approvals: {
      approvalLog: {
        find: async (id: string) => {
          await wait();
          return id === 'a1' ? { approval } : undefined;
        },
      },
    },
    runs: {
      log: {
        request: async (apply: string) =>
          apply === 'adjust@apply-1' ? { change: { kind: 'apply', plan: 'adjust@plan' } } : undefined,
        findOutcome: async (plan: string, of: string) =>
          plan === 'adjust@plan' && of === tenant(7) ? { rowsName: 'rows' } : undefined,
      },
      results: {
        rows: async function* () {
          yield* rows;
        },
      },
    },
    evidence: {
      extract: async (_query: unknown, _continuation: unknown, shown: Shown) => {
        given = shown;
        return { lines: [] };
      },
    },
  } as unknown as Services;
  const all = { tenant: tenant(7), since: '2026-11-01', until: '2026-12-01', ...query };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/audit/extract', query: all });
  const call = auditCall(request);
  await boundRoutes()
    .find(({ definition }) => definition.name === 'audit-extract')
    ?.answer(services, { ...call, caller: { ...call.caller, roles } });
  return given as Required<Shown>;
}
const planRow = (value: string): string => {
  const after = JSON.stringify({ value });
  return JSON.stringify({ action: 'update', after, content: JSON.stringify({ after }), target: '/users/1' });
};

describe('GET /api/audit/heads', () => {
  const ask = async (headers: Readonly<Record<string, string>>, page: object = { heads: ['a', 'b'] }) => {
    const asked: unknown[] = [];
    const evidence = {
      heads: async (...given: readonly unknown[]) => {
        asked.push(given.at(2));
        return page;
      },
    };
    const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/audit/heads', headers });
    const answer = await boundRoutes()
      .find(({ definition }) => definition.name === 'audit-heads')
      ?.answer({ evidence } as unknown as Services, { ...auditCall(request), caller: undefined });
    return { ...answer, who: asked[0] };
  };

  it.each([
    ['198.51.100.7:50123', '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7:50123', '198.51.100.7'],
    ['203.0.113.9,198.51.100.7', '198.51.100.7'],
    ['[2001:db8:1:2:3:4:5:6]:50123', '2001:db8:1:2'],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001::1:2:3:4:5:6', '2001:0:1:2'],
    ['', ''],
  ])('counts what %j asks for as of %j', async (forwarded, who) => {
    expect((await ask({ 'x-forwarded-for': forwarded })).who).toBe(who);
  });

  it('says how long a copy is good, and answers 304 to whoever has it', async () => {
    const newest = await ask({});
    expect(newest).toMatchObject({ status: 200, headers: { 'cache-control': 'public, max-age=60' } });
    const past = await ask({}, { heads: ['a'], continuation: '7.0' });
    expect(past.headers).toMatchObject({ 'cache-control': 'public, max-age=86400' });
    const etag = (newest.headers as Record<string, string>)['etag'] ?? '';
    const again = await ask({ 'if-none-match': etag });
    expect([again.status, again.jsonBody, etag]).toEqual([304, undefined, expect.stringMatching(/^".{22}"$/)]);
    expect((await ask({ 'if-none-match': etag }, { heads: ['a'] })).status).toBe(200);
    // The same heads, and now others follow.
    const followed = await ask({ 'if-none-match': etag }, { heads: ['a', 'b'], continuation: '7.0' });
    expect(followed).toMatchObject({ status: 200, jsonBody: { continuation: '7.0' } });
  });
});

type Shown = Pick<ExtractDeps, 'isWithheld' | 'names' | 'changes'>;
const stored = (changes: Readonly<Record<string, unknown>> = {}): StoredRecord => ({
  ...storedRecord({ ...toRow(issued({ atMs: Date.UTC(2026, 10, 20) }), guid(6)) }),
  ...changes,
});

it('names callers in an extract as the policy does, people as approvals do, and nobody else', async () => {
  const { names } = await shownBy({});
  const records = [
    stored({ callerApplication: guid(1), callerObject: guid(4), approvalId: 'a1' }),
    stored({ callerApplication: guid(8), callerObject: guid(8), approvalId: 'a2' }),
  ];
  expect(Object.fromEntries(await names(records))).toEqual({ [guid(1)]: 'Helpdesk', [guid(4)]: 'Ann' });
  expect(Object.fromEntries(await names([]))).toEqual({ [tenant(7)]: 'Contoso' });
});

it('reads some approvals of a page of an extract at the same time', async () => {
  let [now, most, read] = [0, 0, 0];
  const wait = async () => {
    now += 1;
    read += 1;
    most = Math.max(most, now);
    await Promise.resolve();
    now -= 1;
  };
  const { names } = await shownBy({}, { wait });
  await names(Array.from({ length: 100 }, (_, number) => stored({ approvalId: `b${number}` })));
  expect(read).toBe(100);
  expect(most).toBeGreaterThan(4);
  expect(most).toBeLessThan(50);
});

it('withholds records of an extract by their time and by texts in any column', async () => {
  const record = stored({ path: '/users/ann@contoso.com/messages' });
  const isWithheld = async (query: Readonly<Record<string, string>>) => (await shownBy(query)).isWithheld(record);
  expect(await isWithheld({})).toBe(false);
  expect(await isWithheld({ withholdBefore: '2026-11-20' })).toBe(false);
  expect(await isWithheld({ withholdBefore: '2026-11-20T00:00:00.001Z' })).toBe(true);
  expect(await isWithheld({ withhold: 'bob@contoso.com' })).toBe(false);
  expect(await isWithheld({ withhold: 'bob@contoso.com,ANN@contoso.com' })).toBe(true);
  expect(await isWithheld({ withhold: String(record['callerObject']) })).toBe(true);
});

const planned = [planRow('ann@contoso.com'), planRow('say "x"')];
const naming = planned.map((row) => stored({ run: 'adjust@apply-1', changeSha256: hash('sha256', row, 'hex') }));

it('gives an extract what plans hold, but what has a text that is withheld', async () => {
  const records = [...naming, stored({ run: 'purged@apply-2', changeSha256: 'ab'.repeat(32) })];
  const changes = async (query: Readonly<Record<string, string>>) => [
    ...((await (await shownBy(query)).changes(records, Infinity)) ?? []).values(),
  ];
  expect(await changes({})).toEqual(planned);
  expect(await changes({ withhold: 'ANN@contoso.com' })).toEqual([{ missing: 'withheld' }, planRow('say "x"')]);
  expect(await changes({ withhold: 'say "x"' })).toEqual([planRow('ann@contoso.com'), { missing: 'withheld' }]);
});

it('tells what somebody has changed in storage from what was purged, and reports it once', async () => {
  const { log, lines } = recordingLogger();
  const { changes } = await shownBy({}, { rows: [`${planned[0]}\n${planRow('forged')}\n`], log });
  const purged = stored({ run: 'purged@apply-2', changeSha256: 'ab'.repeat(32) });
  const found = await changes([...naming, purged], Infinity);
  await changes(naming, Infinity);
  expect(naming.map(({ changeSha256 }) => found?.get(String(changeSha256)))).toEqual([
    planned[0],
    { missing: 'changed' },
  ]);
  expect(found?.has('ab'.repeat(32))).toBe(false);
  expect(lines.map(({ line }) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({
      level: 'error',
      event: 'audit.plan_rows_changed',
      plan: 'adjust@plan',
      tenantId: tenant(7),
      changes: 1,
    }),
  ]);
});

it('withholds what plans hold from a caller that may not read plans', async () => {
  const { changes } = await shownBy({}, { roles: ['Audit.Read'] });
  expect([...((await changes(naming, Infinity)) ?? [])]).toEqual(
    naming.map(({ changeSha256 }) => [changeSha256, { missing: 'withheld' }]),
  );
});

it('keeps of a plan what the records name alone, and no more than the page has room for', async () => {
  const { changes } = await shownBy({});
  const [one = '', other = ''] = planned;
  expect([...((await changes(naming.slice(1), other.length)) ?? []).values()]).toEqual([other]);
  expect(await changes(naming, one.length + other.length - 1)).toBeUndefined();
});

it('compares each row of a plan with all withheld texts at once', async () => {
  const { changes } = await shownBy({ withhold: Array.from({ length: 20 }, (_, at) => `p${at}@x.example`).join() });
  const lowered = vi.spyOn(String.prototype, 'toLowerCase');
  await changes(naming, Infinity);
  expect(lowered.mock.contexts.filter((text) => planned.includes(String(text)))).toHaveLength(planned.length);
  lowered.mockRestore();
});

it('tells checkpoints how long records are kept, and logs each that was written', async () => {
  const logged = recordingLogger();
  const retentions: number[] = [];
  const written = [{ number: 7, to: '2026-11-24T05:00:00.000Z', chains: [{}, {}] }, undefined];
  const services = {
    log: logged.log,
    settings: { AUDIT_RETENTION_DAYS: 30 },
    evidence: {
      write: async (retentionMs: number) => {
        retentions.push(retentionMs);
        return written.shift();
      },
    },
  } as unknown as Pick<Services, 'evidence' | 'log' | 'settings'>;
  await writeCheckpoint(services);
  await writeCheckpoint(services);
  expect(retentions).toEqual([30 * day, 30 * day]);
  expect(logged.events()).toEqual(['audit.checkpoint_written']);
  expect(logged.lines[0]?.line).toContain('"number":7');
});
