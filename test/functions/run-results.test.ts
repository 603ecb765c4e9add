import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { CallerRole } from '../../src/lib/core/caller.ts';
import type { Services } from '../../src/composition.ts';
import { compareWithEarlierRun, downloadResults } from '../../src/functions/run-results.ts';
import { listRunTenants, showRun } from '../../src/functions/runs.ts';
import type { TenantRun } from '../../src/lib/runs/store/run.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { openPolicy } from '../support/open-policy.ts';
import { guid, tenant } from '../support/audit-entries.ts';

const counts = { total: 100, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };

const record = (index: number): TenantRun => ({
  tenantId: tenant(index),
  name: `Tenant ${index}`,
  outcome: 'succeeded',
  round: 1,
  rows: 1,
  rowsName: `${tenant(index)}.1`,
  columns: ['n'],
  startedAtMs: 0,
  finishedAtMs: 1,
});

/** Services with two ended runs, and a call for the second one. */
async function stage() {
  const log = new MemoryRunLog();
  const results = new MemoryRunResults();
  const clock = new FakeClock();
  const [first, second] = ['licence-report@first', 'licence-report@2026-11-24T06:00Z'];
  for (const [index, runId] of [first, second].entries()) {
    const [job = '', window = ''] = runId.split('@');
    await log.create({ runId, job, window, startedBy: 'timer', createdAtMs: index + 1 }, { parameters: {} });
    await log.change(runId, { status: 'completed' });
  }
  const services = { clock, callers: { policy: openPolicy }, runs: { log, results } } as unknown as Services;
  const call = (runId: string) => ({
    request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/runs/x', params: { runId } }),
    caller: {
      applicationId: guid(1),
      objectId: guid(2),
      kind: 'application' as const,
      roles: ['Runs.Read' as const],
      tenantId: tenant(9),
      name: 'x',
    },
    correlationId: guid(3),
    log: silentLogger,
  });
  return { services, log, results, clock, first: call(first), second: call(second) };
}

it('answers run_not_found if there is no earlier run to compare with', async () => {
  const { services, first } = await stage();
  await expect(compareWithEarlierRun.answer(services, first)).rejects.toMatchObject({
    code: 'run_not_found',
    detail: expect.stringContaining('no earlier completed run') as string,
  });
});

describe('a page of rows', () => {
  const page = async (query: Record<string, string>) => {
    const { services, log, results, second } = await stage();
    const tenants = [record(1), record(2)];
    for (const each of tenants) await log.recordTenants('licence-report@2026-11-24T06:00Z', [each]);
    results.plan = async () => ({ job: 'licence-report', parameters: {}, attempt: tenants, decided: [], digest: '' });
    results.rows = async function* () {
      yield '{"licences":3}\n';
    };
    const request = new HttpRequest({
      method: 'GET',
      url: 'http://localhost/api/runs/x/results',
      params: { runId: 'licence-report@2026-11-24T06:00Z' },
      query,
    });
    return downloadResults.answer(services, { ...second, request });
  };

  it.each([
    ['json', 'application/json'],
    ['jsonl', 'application/jsonl'],
    ['csv', 'text/csv'],
  ])('is a file of the format %s that nobody stores, with a name that Windows accepts', async (format, type) => {
    const { status, headers } = await page({ format });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': expect.stringContaining(type) as string,
      'content-disposition': `attachment; filename="licence-report@2026-11-24T0600Z.${format}"`,
      'cache-control': 'no-store',
    });
  });

  it('links the next page with the same format and limit', async () => {
    const { headers, body } = await page({ format: 'jsonl', limit: '1' });
    expect(String(body).trim().split('\n')).toHaveLength(1);
    expect(headers?.['link']).toMatch(/^<\?format=jsonl&limit=1&continuation=[^>]+>; rel="next"$/);
    expect((await page({ format: 'jsonl', limit: '500' })).headers).not.toHaveProperty('link');
  });
});

describe('a comparison with a named run', () => {
  const compare = async (runId: string) => {
    const { services, second } = await stage();
    const request = new HttpRequest({
      method: 'GET',
      url: 'http://localhost/api/runs/x/changes',
      params: { runId: 'licence-report@2026-11-24T06:00Z' },
      query: { with: runId },
    });
    return compareWithEarlierRun.answer(services, { ...second, request });
  };

  it.each(['licence-report@third', 'access-check@first', 'first', ''])('does not find %j', async (runId) => {
    await expect(compare(runId)).rejects.toMatchObject({
      code: 'run_not_found',
      detail: 'The job has no run with this id to compare with.',
    });
  });

  it('compares with it', async () => {
    const { services, results, second } = await stage();
    results.plan = async () => ({ job: 'licence-report', parameters: {}, attempt: [], decided: [], digest: '' });
    const request = new HttpRequest({
      method: 'GET',
      url: 'http://localhost/api/runs/x/changes',
      params: { runId: 'licence-report@2026-11-24T06:00Z' },
      query: { with: 'licence-report@first' },
    });
    expect(await compareWithEarlierRun.answer(services, { ...second, request })).toMatchObject({
      status: 200,
      jsonBody: { runId: 'licence-report@2026-11-24T06:00Z', comparedWith: 'licence-report@first', changes: [] },
    });
  });
});

const handlers = [
  ['a page of rows', downloadResults],
  ['a comparison', compareWithEarlierRun],
  ['a run', showRun],
  ['the tenants of a run', listRunTenants],
] as const;

it.each(handlers)('answers storage_unavailable when %s cannot be read within a minute', async (_what, handler) => {
  const { services, log, results, clock, second } = await stage();
  const never = new Promise<never>(() => undefined);
  results.plan = () => never;
  log.countTenants = () => never;
  log.tenants = async function* () {
    yield await never;
  };
  await log.change('licence-report@2026-11-24T06:00Z', { status: 'running', tenants: counts });
  const answering = handler.answer(services, second).catch((thrown: unknown) => thrown);
  await settle();
  await clock.advance(60_000);
  expect(await answering).toMatchObject({
    code: 'storage_unavailable',
    detail: 'Storage did not return the data within 60 seconds.',
  });
});

it.each(handlers)('reads nothing more for %s once it has answered that storage is too slow', async (_what, handler) => {
  const { services, log, results, clock, second } = await stage();
  const slowly = <R>(value: R) => clock.sleep(7_000).then(() => value);
  const tenants = Array.from({ length: 100 }, (_, index) => record(index));
  let reads = 0;
  const counted = <R>(value: R): Promise<R> => {
    reads += 1;
    return slowly(value);
  };
  log.countTenants = () => counted({ succeeded: 1, failed: 1, skipped: 0, retrying: 0 });
  log.findOutcome = (_runId, tenantId) => counted(tenants.find((known) => known.tenantId === tenantId));
  log.tenants = async function* () {
    for (const item of tenants) yield await counted(item);
  };
  results.plan = () => counted({ job: 'licence-report', parameters: {}, attempt: tenants, decided: [], digest: '' });
  results.rows = async function* () {
    for (;;) yield await counted('{"n":1}\n');
  };
  await log.change('licence-report@2026-11-24T06:00Z', { status: 'running', tenants: counts });
  const answering = handler.answer(services, second).catch((thrown: unknown) => thrown);
  for (let ms = 0; ms <= 60_000; ms += 1_000) await clock.advance(1_000);
  expect(await answering).toMatchObject({ code: 'storage_unavailable' });
  // Reads that had begun end.
  await clock.advance(7_000);
  const before = reads;
  expect(before).toBeGreaterThan(1);
  for (let ms = 0; ms < 60_000; ms += 1_000) await clock.advance(1_000);
  expect(reads).toBe(before);
});

/** A run over three tenants with a row each. The first two have a tag. */
async function tagged() {
  const staged = await stage();
  const { services, log, results } = staged;
  const tenants = [record(1), record(2), record(3)];
  const runId = 'licence-report@2026-11-24T06:00Z';
  const decided = [{ tenantId: tenant(4), name: 'Tenant 4' }];
  results.plan = async () =>
    ({ job: 'licence-report', parameters: {}, attempt: tenants, decided, digest: '' }) as never;
  for (const each of tenants) {
    await log.recordTenant(runId, each);
    await results.putRows(runId, each.rowsName ?? '', '{"n":1}\n');
  }
  const tags = { [tenant(1)]: ['managed', 'trial'], [tenant(2)]: ['managed'], [tenant(4)]: ['managed'] };
  Object.assign(services, { tenantTags: new MemoryTenantTags(tags), directory: {} });
  const call = (query: string, roles: readonly CallerRole[] = ['Runs.Read', 'Tenants.Read']) => ({
    ...staged.second,
    caller: { ...staged.second.caller, roles },
    request: new HttpRequest({ method: 'GET', url: `http://localhost/api/runs/x?${query}`, params: { runId } }),
  });
  return { services, call };
}

const tenantsIn = (text: unknown): string[] =>
  String(text)
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { tenantId: string }).tenantId);

it.each([
  ['', [1, 2, 3]],
  ['tenants=tag:managed', [1, 2]],
  ['tenants=tag:managed&except=tag:trial', [2]],
  [`except=${tenant(1)}`, [2, 3]],
  [`tenants=${tenant(3)},tag:trial`, [1, 3]],
  ['tenants=tag:nobody', []],
])('rows are limited to the tenants of the query %s', async (query, expected) => {
  const { services, call } = await tagged();
  const { body } = await downloadResults.answer(services, call(`format=jsonl&${query}`));
  expect(tenantsIn(body)).toEqual(expected.map(tenant));
});

it('the link to the next page keeps the tenants', async () => {
  const { services, call } = await tagged();
  const asked = 'format=jsonl&limit=1&tenants=tag:managed&except=tag:nobody';
  const { headers, body } = await downloadResults.answer(services, call(asked));
  const link = new Headers(headers).get('link') ?? '';
  const next = new URLSearchParams(/<\?([^>]*)>/.exec(link)?.[1]);
  expect([next.get('tenants'), next.get('except')]).toEqual(['tag:managed', 'tag:nobody']);
  const following = await downloadResults.answer(services, call(next.toString()));
  expect([...tenantsIn(body), ...tenantsIn(following.body)]).toEqual([tenant(1), tenant(2)]);
  expect(new Headers(following.headers).get('link')).toBeNull();
});

it('the tenants of a run are limited by group and tag, also those that were decided without an attempt', async () => {
  const { services, call } = await tagged();
  const ids = async (query: string) => {
    const { jsonBody } = await listRunTenants.answer(services, call(query));
    return (jsonBody as { tenants: { tenantId: string }[] }).tenants.map(({ tenantId }) => tenantId);
  };
  expect(await ids('')).toEqual([1, 2, 3, 4].map(tenant));
  expect(await ids('tenants=tag:managed&except=tag:trial')).toEqual([2, 4].map(tenant));
  await expect(ids('tenants=group:nowhere')).rejects.toMatchObject({ code: 'request_invalid' });
  await expect(ids('tenants=,')).rejects.toMatchObject({ code: 'request_invalid' });
});

it.each(['tenants=tag:trial', 'except=group:gold', `tenants=${tenant(1)},tag:trial`])(
  'whoever may not read tenants does not learn from %s who has a tag',
  async (query) => {
    const { services, call } = await tagged();
    const asked = call(query, ['Runs.Read']);
    for (const route of [downloadResults, listRunTenants])
      await expect(route.answer(services, asked)).rejects.toMatchObject({ code: 'caller_forbidden' });
  },
);
