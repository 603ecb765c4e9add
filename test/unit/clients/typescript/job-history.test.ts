import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  jobHistory,
  type JobHistory,
  type JobHistoryFilter,
  type ManyTenants,
  type OneTenant,
  type RunInHistory,
  type TenantInHistory,
} from '../../../../clients/typescript/src/index.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../../../src/lib/api/answers/history.ts';
import { answering, problem } from './fake-broker.ts';

const history: JobHistory<TenantInHistory> = {
  job: 'licence-report',
  since: '2026-08-26T05:00:00.000Z',
  until: '2026-11-24T05:00:00.000Z',
  truncated: false,
  otherParameters: 0,
  columns: [{ name: 'free', title: 'Free' }],
  runs: [
    {
      runId: 'licence-report@w2',
      startedAt: '2026-11-23T05:00:00.000Z',
      outcome: 'succeeded',
      rows: 3,
      numbers: { free: 4 },
    },
    { runId: 'licence-report@w1', startedAt: '2026-11-22T05:00:00.000Z', outcome: 'failed' },
  ],
};

const found = (): Response => Response.json(history);

describe('jobHistory', () => {
  it('reads the sums over all tenants', async () => {
    const { options, urls } = answering(found);
    expect(await jobHistory(options, 'licence-report')).toEqual(history);
    expect(urls).toEqual(['https://broker.example/api/jobs/licence-report/history']);
  });

  it('sends the filters', async () => {
    const { options, urls } = answering(found, found);
    await jobHistory(options, 'a/b', { tenants: ['group:gold', 'contoso.com'], except: ['tag:trial'] });
    const period = { since: new Date(0), until: new Date(1_000), value: 'Office 365 E3' };
    await jobHistory(options, 'licence-report', { tenant: 'contoso.com', ...period });
    expect(urls).toEqual([
      'https://broker.example/api/jobs/a%2Fb/history?tenants=group%3Agold%2Ccontoso.com&except=tag%3Atrial',
      'https://broker.example/api/tenants/contoso.com/history?job=licence-report&since=1970-01-01T00%3A00%3A00.000Z&until=1970-01-01T00%3A00%3A01.000Z&value=Office+365+E3',
    ]);
  });

  it.each([
    [{ tenants: [] }],
    [{ except: [] }],
    [{ tenant: '' }],
    [{ tenant: 'contoso.com', except: ['tag:trial'] }],
    [{ tenant: 'contoso.com', tenants: ['contoso.com'] }],
    [{ since: new Date(Number.NaN) }],
    [{ until: new Date(Number.NaN) }],
  ])('refuses what would name other runs than the caller means: %j', async (filter) => {
    const { options, urls } = answering(found);
    // The types allow only some of these.
    await expect(jobHistory(options, 'licence-report', filter as ManyTenants)).rejects.toThrow(TypeError);
    await expect(jobHistory(options, '')).rejects.toThrow(TypeError);
    expect(urls).toEqual([]);
  });

  it('repeats the request while the broker is not available', async () => {
    const { clock, options } = answering(() => problem(503, 'storage_unavailable'), found);
    const reading = jobHistory(options, 'licence-report');
    await clock.advance(1_000);
    expect(await reading).toEqual(history);
  });

  it('fails with the code of the broker, and for what is no history', async () => {
    const unknown = answering(() => problem(404, 'job_unknown'));
    await expect(jobHistory(unknown.options, 'none')).rejects.toMatchObject({ code: 'job_unknown' });
    const stranger = answering(() => Response.json({ runs: 'none' }));
    await expect(jobHistory(stranger.options, 'licence-report')).rejects.toMatchObject({ code: 'unexpected' });
  });

  it('describes what the broker returns', () => {
    expectTypeOf<JobHistoryAnswer>().toExtend<JobHistory<RunInHistory>>();
    expectTypeOf<TenantHistoryAnswer>().toExtend<JobHistory<TenantInHistory>>();
    // The client does not ask for a comparison.
    expectTypeOf<keyof JobHistory<unknown>>().toEqualTypeOf<Exclude<keyof JobHistoryAnswer, 'comparison'>>();
    expectTypeOf<keyof RunInHistory>().toEqualTypeOf<keyof JobHistoryAnswer['runs'][number]>();
    expectTypeOf<keyof TenantInHistory>().toEqualTypeOf<keyof TenantHistoryAnswer['runs'][number]>();
    const one = (filter: JobHistoryFilter & OneTenant) => jobHistory(answering().options, 'x', filter);
    const many = (filter: JobHistoryFilter & ManyTenants) => jobHistory(answering().options, 'x', filter);
    expectTypeOf(one).returns.resolves.toEqualTypeOf<JobHistory<TenantInHistory>>();
    expectTypeOf(many).returns.resolves.toEqualTypeOf<JobHistory<RunInHistory>>();
  });
});
