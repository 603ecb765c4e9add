import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { defineJob, type JobContext, type JobDefinition } from '../../../../../src/lib/runs/job/job.ts';
import { rowSteps, writeRows } from '../../../../../src/lib/runs/job/row.ts';
import { problem } from '../../../../fakes/scripted-fetch.ts';
import { contoso, tryJob } from '../../../../support/try-job.ts';

const job = (run: (context: JobContext) => Promise<unknown>, more: Partial<JobDefinition> = {}) =>
  defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['graph', 'exchange'],
    permissions: ['User.Read.All'],
    timeoutSeconds: 60,
    run: run as JobDefinition['run'],
    ...more,
  });

const failure = (run: (context: JobContext) => Promise<unknown>, more: Partial<JobDefinition> = {}): Promise<unknown> =>
  tryJob(job(run, more)).then(
    () => 'no failure',
    (error: unknown) => error,
  );

test('executeJob gives a job its tenant, parameters, the time and a Graph client for its tenant', async () => {
  const { rows, requests, tokens } = await tryJob(
    defineJob({
      name: 'probe',
      title: 'Probe',
      resources: ['graph'],
      permissions: ['User.Read.All'],
      timeoutSeconds: 60,
      parameters: z.object({ days: z.int(), more: z.int().default(4) }),
      run: async ({ tenant, parameters, nowMs, graph }) => [
        { tenant: tenant.name, ...parameters, nowMs, got: JSON.stringify(await graph.get('/organization')) },
      ],
    }),
    { graph: { '/organization': { id: 1 } }, parameters: { days: 3 }, nowMs: 5 },
  );
  expect(rows).toEqual([{ tenant: contoso.name, days: 3, more: 4, nowMs: 5, got: '{"id":1}' }]);
  expect(requests[0]?.headers.get('authorization')).toBe('Bearer eyJhbGciOiJub25lIn0.token-for-graph.x');
  expect(tokens).toEqual(['graph']);
});

test('executeJob requests no token for a job that does not use Graph', async () => {
  expect((await tryJob(job(async () => []))).tokens).toEqual([]);
});

describe('rows', () => {
  test.each([
    ['base64', (text: string) => Buffer.from(text).toString('base64')],
    ['base64url', (text: string) => Buffer.from(text).toString('base64url')],
    ['base64 of a header', (text: string) => Buffer.from(`Bearer ${text}\r\n`).toString('base64')],
    ['base64 of another text around it', (text: string) => Buffer.from(`ab${text}c`).toString('base64')],
    ['base64 of JSON', (text: string) => Buffer.from(JSON.stringify({ text })).toString('base64')],
  ])('that contain a token of the job as %s are rejected', async (_form, encode) => {
    const leak = async ({ token }: JobContext) => [{ note: encode((await token('graph')).reveal()) }];
    expect(await failure(leak)).toMatchObject({
      code: 'job_failed',
      detail: 'Row 1, column "note" holds something that looks like a token.',
    });
  });

  test.each([[undefined], [null], [[]]])('%j counts as no rows and as success', async (returned) => {
    expect((await tryJob(job(async () => returned))).rows).toEqual([]);
  });

  test('rejects a row of more than 2 MiB before it looks into its text', async () => {
    const scrubbed = vi.spyOn(String.prototype, 'replace');
    onTestFinished(() => scrubbed.mockRestore());
    const returned = [{ a: 1 }, { note: 'a='.repeat(10_000_000) }];
    expect(() => writeRows(returned, [], {})).toThrow(
      expect.objectContaining({ detail: 'Row 2 takes more than 2 MiB.' }) as Error,
    );
    expect(scrubbed).not.toHaveBeenCalled();
  });

  test('counts the rows that it writes, also if the list becomes longer meanwhile', () => {
    const rows = Array.from({ length: 3 }, () => ({ a: 'x'.repeat(150_000) }));
    const steps = rowSteps(rows, [], {});
    let step = steps.next();
    for (let count = 1; step.done !== true; count += 1) {
      // Each row took two steps: its column, and its text. All are written, and bytes are being joined.
      if (count === 7) rows.push({ a: 'late' });
      step = steps.next();
    }
    const lines = Buffer.from(step.value.jsonLines).toString().trimEnd().split('\n');
    expect(step.value.count).toBe(lines.length);
  });

  test('writes the text of a row in a step of its own', () => {
    expect([...rowSteps([{}, {}], [], {})]).toHaveLength(2);
  });

  test('accepts 100,000 rows', async () => {
    const many = Array.from({ length: 100_000 }, (_, n) => ({ n, text: 'some text of usual length' }));
    expect((await tryJob(job(async () => many))).rows).toHaveLength(100_000);
  });

  test.each<[string, unknown]>([
    ['no list', { a: 1 }],
    ['text', 'rows'],
    ['a list of text', ['a']],
    ['a list of lists', [[1]]],
    ['nothing in the list', [null]],
    ['an object inside', [{ a: { b: 1 } }]],
    ['a list inside', [{ a: [1] }]],
    ['not a number', [{ a: Number.NaN }]],
    ['undefined', [{ a: undefined }]],
    ['a big integer', [{ a: 1n }]],
    ['a function', [{ a: () => 1 }]],
    ['a column that the export adds', [{ tenantId: 'x' }]],
    ['more than 32 MiB', Array.from({ length: 40 }, () => ({ a: 'x'.repeat(1_000_000) }))],
  ])('rejects %s', async (_case, returned) => {
    expect(await failure(async () => returned)).toMatchObject({ code: 'job_failed' });
  });

  test('rejects a column that the definition does not list, and accepts missing columns', async () => {
    const columns = [
      { name: 'a', title: 'A', type: 'text' },
      { name: 'b', title: 'B', type: 'text' },
    ] as const;
    expect((await tryJob(job(async () => [{ a: 1 }], { columns }))).rows).toEqual([{ a: 1 }]);
    expect(await failure(async () => [{ a: 1, c: 2 }], { columns })).toMatchObject({
      code: 'job_failed',
      detail: expect.stringContaining('"c"') as string,
    });
  });
});

describe('a token in a row', () => {
  const jwt = `eyJ${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`;

  test.each([
    ['as it was handed out', async ({ token }: JobContext) => [{ note: (await token('exchange')).reveal() }]],
    [
      'inside other text',
      async ({ token }: JobContext) => [{ note: `header: ${(await token('exchange')).reveal()}!` }],
    ],
    ['as the name of a column', async ({ token }: JobContext) => [{ [(await token('exchange')).reveal()]: 1 }]],
    ['had elsewhere', async () => [{ note: jwt }]],
    ['a refresh token', async () => [{ note: `0.A${'x'.repeat(60)}` }]],
    ['in a form', async () => [{ note: 'grant_type=refresh_token&client_secret=abc' }]],
  ])('%s is rejected without quoting the token', async (_case, run) => {
    const error = (await failure(run)) as BrokerError;
    expect(error).toMatchObject({ code: 'job_failed' });
    expect(error.message).not.toContain(jwt);
    expect(error.message).not.toContain('token-for-exchange');
  });

  test('rejects a Secret as a value', async () => {
    expect(await failure(async ({ token }) => [{ note: await token('exchange') }])).toMatchObject({
      code: 'job_failed',
    });
  });
});

describe('failures', () => {
  test('keep the code of a BrokerError', async () => {
    expect(await failure(async () => Promise.reject(new BrokerError('consent_required', 'No.')))).toMatchObject({
      code: 'consent_required',
    });
  });

  test.each([new Error('secret text'), 'secret text', undefined])(
    'any other throw (%s) is job_failed, its text for the log only',
    async (thrown) => {
      const error = (await failure(() => Promise.reject(thrown))) as BrokerError;
      expect(error).toMatchObject({ code: 'job_failed' });
      expect(error.message).not.toContain('secret text');
    },
  );

  test('refuse a token for a resource that the definition does not list', async () => {
    const asked = await failure(({ token }) => token('arm').then(() => []));
    expect(asked).toMatchObject({ code: 'job_failed', detail: expect.stringContaining('"arm"') as string });
  });
});

describe('the time limit', () => {
  test('ends a job that waits for a throttled Graph, and aborts its signal', async () => {
    let signal: AbortSignal | undefined;
    const error = await tryJob(
      job(async (context) => {
        signal = context.signal;
        for (;;)
          await context.graph
            .get('/organization')
            .catch((thrown: unknown) => context.signal.aborted && Promise.reject(thrown as Error));
      }),
      { graph: () => problem(429, 'TooManyRequests', '', { 'retry-after': '9' }) },
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'job_timed_out' });
    expect(signal?.aborted).toBe(true);
  });

  test('abandons a job that ignores its signal', async () => {
    const error = await tryJob(
      job(
        async ({ graph }) => {
          await graph.get('/organization').catch(() => undefined);
          await new Promise(() => undefined);
        },
        { timeoutSeconds: 3 },
      ),
      { graph: () => problem(503, 'x') },
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'job_timed_out' });
  });
});
