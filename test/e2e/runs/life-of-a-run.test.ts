import { changeTenant, readLedger, resetLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunChangesAnswer } from '../../../src/lib/api/answers/runs.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

const tenants = 30;
let stack: RunStack;
let url: string;

beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
  url = stack.demo.url;
});
afterAll(() => stack?.stop());

const start = (job: string, body: unknown = {}) => stack.call(url, 'POST', `/jobs/${job}/runs`, body);
const brokenCodes = {
  no_consent: 'consent_required',
  gdap_expired: 'tenant_not_delegated',
  conditional_access: 'blocked_by_policy',
  deleted: 'tenant_unknown',
};

describe('a run over all tenants', () => {
  // This test comes first, while no token is cached, so that Entra is asked.
  test('retries a throttled tenant in a later round', async () => {
    const throttled = stack.demo.cloud.tenants.find(({ state }) => state === 'ok');
    const retryAfter = { 'retry-after': '1' };
    await stack.control('POST', '/faults', {
      service: 'entra',
      tenantId: throttled?.tenantId,
      kind: 'plain_429',
      headers: retryAfter,
      count: 1,
    });
    const runId = started(await start('licence-report'));
    const run = await stack.ended(url, runId);
    await stack.control('DELETE', '/faults');
    expect(run.failures.map(({ code }) => code)).not.toContain('throttled');
    const visited = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}/tenants`);
    const { tenants: records } = JSON.parse(visited.text) as {
      tenants: { tenantId: string; outcome: string; attempts: number }[];
    };
    expect(records.find(({ tenantId }) => tenantId === throttled?.tenantId)).toMatchObject({
      outcome: 'succeeded',
      attempts: 2,
    });
  });

  test('attempts each tenant, and fails exactly in the broken ones with the expected reason', async () => {
    const answer = await start('licence-report');
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/api/runs/${encodeURIComponent(started(answer))}`);
    const run = await stack.ended(url, started(answer));
    const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok');
    expect(run).toMatchObject({
      status: 'completed',
      tenants: { total: tenants, failed: broken.length, succeeded: tenants - broken.length, notAttempted: 0 },
    });
    const expected = broken.map(
      ({ tenantId, state }) => `${tenantId} ${brokenCodes[state as keyof typeof brokenCodes]}`,
    );
    expect(new Set(run.failures.map(({ tenantId, code }) => `${tenantId} ${code}`))).toEqual(new Set(expected));
    expect(run.progress).toEqual({ done: tenants, retrying: 0, total: tenants });
  });

  test('exports the same rows as JSON, JSON Lines and CSV', async () => {
    const runId = started(await start('licence-report'));
    await stack.ended(url, runId);
    const results = async (format: string) =>
      stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}/results?format=${format}`);
    const { rows } = JSON.parse((await results('json')).text) as { rows: { tenantName: string; product: string }[] };
    expect(rows.length).toBeGreaterThan(tenants / 2);
    expect(
      (await results('jsonl')).text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rows);
    const csv = await results('csv');
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(rows.length + 1);
    expect(rows.some(({ product }) => product === 'Microsoft 365 Business Premium')).toBe(true);
    expect((await results('xml')).status).toBe(400);
  });
});

test('configuration-drift-report reads the monitors of each tenant, and creates nothing', async () => {
  await resetLedger(stack.demo.cloud.control);
  const run = await stack.ended(url, started(await start('configuration-drift-report')));
  const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok');
  expect(run.tenants).toMatchObject({ total: tenants, failed: broken.length, succeeded: tenants - broken.length });
  const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(run.runId)}/results?format=json`);
  const { rows } = JSON.parse(text) as { rows: { tenantId: string; kind: string; detail: string | null }[] };
  const tenantsWith = (kind: string): Set<string> =>
    new Set(rows.filter((row) => row.kind === kind).map(({ tenantId }) => tenantId));
  expect(tenantsWith('monitor').size).toBeGreaterThan(0);
  expect(tenantsWith('monitor').size).toBeLessThan(tenants - broken.length);
  expect(tenantsWith('snapshot')).toEqual(tenantsWith('monitor'));
  expect([...tenantsWith('monitor')]).toEqual(expect.arrayContaining([...tenantsWith('drift')]));
  expect(tenantsWith('drift').size).toBeGreaterThan(0);
  expect(rows.filter(({ kind }) => kind === 'drift').every(({ detail }) => detail?.includes(' instead of '))).toBe(
    true,
  );
  const { requests } = await readLedger(stack.demo.cloud.control);
  const sent = requests.filter(({ path }) => path.includes('/admin/configurationManagement/'));
  expect(new Set(sent.map(({ method }) => method))).toEqual(new Set(['GET']));
});

test('configuration-drift-report fails where the account has no privileged role', async () => {
  const { tenantId } = stack.demo.cloud.tenants.find(({ state }) => state === 'ok') ?? { tenantId: '' };
  const withoutRoles = [
    'Application Administrator',
    'Cloud Application Administrator',
    'Conditional Access Administrator',
    'Global Administrator',
    'Global Reader',
    'Intune Administrator',
    'Privileged Role Administrator',
    'Security Administrator',
    'Security Reader',
    'User Administrator',
  ];
  await changeTenant(stack.demo.cloud.control, tenantId, { withoutRoles });
  const run = await stack.ended(url, started(await start('configuration-drift-report', { tenants: [tenantId] })));
  await changeTenant(stack.demo.cloud.control, tenantId, { withoutRoles: [] });
  expect(run.failures).toMatchObject([{ tenantId, code: 'access_denied' }]);
});

test('the reports of Exchange have rows of each tenant that has Exchange, and skip the others', async () => {
  const rowsOf = async (job: string) => {
    const run = await stack.ended(url, started(await start(job)));
    const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(run.runId)}/results?format=json`);
    return { run, rows: (JSON.parse(text) as { rows: Readonly<Record<string, unknown>>[] }).rows };
  };
  const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok');
  const audit = await rowsOf('audit-settings');
  const { tenants: counts } = audit.run;
  expect(counts).toMatchObject({ total: tenants, failed: broken.length });
  expect(counts.skipped).toBeGreaterThan(0);
  expect(new Set(audit.rows.map(({ tenantId }) => tenantId)).size).toBe(counts.succeeded);
  expect(audit.rows.every(({ ok }) => ok !== null)).toBe(true);
  const forwarding = await rowsOf('mail-forwarding');
  expect(forwarding.run.tenants).toMatchObject({ ...counts });
  expect(forwarding.rows.some(({ external }) => external === true)).toBe(true);
  expect(forwarding.rows.every(({ unread }) => unread === null)).toBe(true);
});

describe('starting a run', () => {
  test('fifty times concurrently for one window gives one run and 49 conflicts', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => start('access-check', { window: 'race' })));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
    const run = await stack.ended(url, 'access-check@race');
    expect(run.tenants.total).toBe(tenants);
    const conflict = answers.find(({ status }) => status === 409);
    expect(JSON.parse(conflict?.text ?? '')).toMatchObject({
      code: 'run_conflict',
      detail: expect.stringContaining('access-check@race') as string,
    });
  });

  test('for selected tenants accepts ids and domains and removes duplicates', async () => {
    const [one, two] = stack.demo.cloud.tenants.filter(({ state }) => state === 'ok');
    if (one === undefined || two === undefined) throw new Error('no healthy tenants');
    const answer = await start('licence-report', { tenants: [one.tenantId, two.domain, one.tenantId] });
    expect(answer.status).toBe(202);
    expect((await stack.ended(url, started(answer))).tenants).toMatchObject({ total: 2, succeeded: 2 });
  });

  test.each([
    ['an unknown job', 'nope', {}, 404, 'job_unknown'],
    ['an unknown tenant', 'licence-report', { tenants: ['nobody.example'] }, 404, 'tenant_unknown'],
    ['an impossible window', 'licence-report', { window: '../x' }, 400, 'request_invalid'],
    ['a misspelt field', 'licence-report', { tenant: 'x' }, 400, 'request_invalid'],
  ])('rejects %s', async (_case, job, body, status, code) => {
    const answer = await start(job, body);
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([status, code]);
  });
});

describe('cancelling a run', () => {
  test('starts no further tenant and can be repeated', async () => {
    await stack.control('POST', '/faults', { service: 'graph', kind: 'delay', delayMs: 1500 });
    const runId = started(await start('secret-expiry-report'));
    const cancel = () => stack.call(url, 'POST', `/runs/${encodeURIComponent(runId)}/cancel`);
    const first = await cancel();
    expect(first.status).toBe(202);
    await cancel();
    const run = await stack.ended(url, runId);
    await stack.control('DELETE', '/faults');
    expect(run.status).toBe('cancelled');
    expect(run.tenants.notAttempted).toBeGreaterThan(0);
    expect(JSON.parse((await cancel()).text)).toMatchObject({ status: 'cancelled', cancelRequested: false });
  });
});

test('comparing two runs shows only the changes', async () => {
  const before = await stack.ended(url, started(await start('licence-report')));
  const after = await stack.ended(url, started(await start('licence-report')));
  const answer = await stack.call(
    url,
    'GET',
    `/runs/${encodeURIComponent(after.runId)}/changes?with=${encodeURIComponent(before.runId)}`,
  );
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text) as RunChangesAnswer).toMatchObject({
    runId: after.runId,
    comparedWith: before.runId,
    changes: [],
    comparedTenants: after.tenants.succeeded,
  });
});
