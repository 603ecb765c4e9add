import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VisibleRuns } from '../../../../../src/lib/runs/reading/visible-runs.ts';
import { readArrivalPage } from '../../../../../src/lib/runs/reading/result-arrival.ts';
import { maxPageBytes } from '../../../../../src/lib/runs/reading/result-page.ts';
import { runId, stageRun, tenantId } from '../store/stage.ts';

/** A run whose tenants have these numbers of rows. */
async function staged(counts: readonly number[]) {
  const run = await stageRun(
    async ({ tenant }) =>
      Array.from({ length: counts[Number(tenant.name.slice(7))] ?? 0 }, (_, row) => ({ row })) as never,
    counts.length,
  );
  const runs = { log: run.runLog, results: run.results };
  const page = async (continuation: string | undefined, limit = 100, format: 'json' | 'jsonl' = 'jsonl') =>
    readArrivalPage(runs, (await run.runLog.find(runId))!, { format, limit, continuation });
  const finish = () => run.runLog.change(runId, { status: 'completed' });
  return { ...run, runs, page, finish };
}

const rowsIn = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { tenantName: string; row: number })
    .map(({ tenantName, row }) => `${tenantName.slice(7)}.${row}`);

describe('rows in the order of arrival', () => {
  it('come as tenants finish, each once, and end with the run', async () => {
    const { page, attempt, finish, clock } = await staged([1, 2, 0, 1]);
    const first = await page(undefined);
    expect([first.text, first.continuation === undefined]).toEqual(['', false]);
    await attempt(3);
    const second = await page(first.continuation);
    expect(rowsIn(second.text)).toEqual(['3.0']);
    expect((await page(second.continuation)).text).toBe('');
    await attempt(1);
    await clock.advance(10);
    await attempt(2);
    await attempt(0);
    const third = await page(second.continuation);
    expect(rowsIn(third.text)).toEqual(['1.0', '1.1', '0.0']);
    await finish();
    expect(await page(third.continuation)).toEqual({ text: '', continuation: undefined });
    // A reader that starts later gets the same rows.
    expect(rowsIn((await page(undefined)).text).toSorted()).toEqual(['0.0', '1.0', '1.1', '3.0']);
  });

  it('are the same whatever the limit and the moment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.boolean()),
        async (counts, limit, polls) => {
          const { page, attempt, finish } = await staged(counts);
          const found: string[] = [];
          let continuation: string | undefined;
          const read = async () => {
            const next = await page(continuation, limit);
            expect(rowsIn(next.text).length).toBeLessThanOrEqual(limit);
            found.push(...rowsIn(next.text));
            ({ continuation } = next);
          };
          for (const index of [...counts.keys()].toSorted((a, b) => ((a * 7) % 5) - ((b * 7) % 5))) {
            await attempt(index);
            if (polls.next().value) await read();
          }
          await finish();
          for (;;) {
            await read();
            if (continuation === undefined) break;
          }
          const all = counts.flatMap((count, tenant) => Array.from({ length: count }, (_, row) => `${tenant}.${row}`));
          expect(found.toSorted()).toEqual(all.toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('have pages of at most 1 MiB, and a larger row is one of its own', async () => {
    const text = 'x'.repeat(maxPageBytes * 0.6);
    const { attempt, runLog, results } = await stageRun(async () => [{ text }, { text: text + text }, { text }], 1);
    await attempt(0);
    await runLog.change(runId, { status: 'completed' });
    const run = (await runLog.find(runId))!;
    const sizes: number[] = [];
    let continuation: string | undefined;
    do {
      const page = await readArrivalPage({ log: runLog, results }, run, { format: 'jsonl', limit: 9, continuation });
      sizes.push(page.text.split('\n').length - 1);
      ({ continuation } = page);
    } while (continuation !== undefined);
    expect(sizes).toEqual([1, 1, 1]);
  });

  it('look up the records of known tenants one by one, and list all only when those are read', async () => {
    const { page, attempt, runLog } = await staged([1, 1, 1]);
    for (const index of [0, 1, 2]) await attempt(index);
    let lists = 0;
    const tenants = runLog.tenants.bind(runLog);
    runLog.tenants = (...args) => {
      lists += 1;
      return tenants(...args);
    };
    const first = await page(undefined, 1);
    expect(lists).toBe(1);
    const second = await page(first.continuation, 1);
    expect([rowsIn(second.text), lists]).toEqual([['1.0'], 1]);
  });

  it('refuse a continuation with a place beyond the plan', async () => {
    const { page } = await staged([1, 1, 1]);
    const [head, done] = (await page(undefined)).continuation?.split('.') ?? [];
    await expect(page(`${head}.${done}.gA`)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(page(`${head}.CA.${done}`)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('have a continuation before the run is planned', async () => {
    const { page, attempt, results } = await staged([1]);
    const plan = results.plan.bind(results);
    results.plan = async () => undefined;
    const { text, continuation } = await page(undefined);
    expect(text).toBe('');
    results.plan = plan;
    await attempt(0);
    expect(rowsIn((await page(continuation)).text)).toEqual(['0.0']);
  });

  it('are those of the tenants that the caller may read', async () => {
    const { attempt, runs, runLog, finish, page } = await staged([1, 2, 1]);
    for (const index of [0, 1, 2]) await attempt(index);
    await finish();
    const run = (await runLog.find(runId))!;
    const limited = new VisibleRuns(runs, { tenants: new Set([tenantId(1)]) });
    const request = { format: 'jsonl', limit: 1 } as const;
    const { text, continuation } = await readArrivalPage(limited, run, request);
    expect(rowsIn(text)).toEqual(['1.0']);
    expect(rowsIn((await readArrivalPage(limited, run, { ...request, continuation })).text)).toEqual(['1.1']);
    const foreign = (await page(undefined, 1)).continuation;
    await expect(readArrivalPage(limited, run, { ...request, continuation: foreign })).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining('is for other tenants') as string,
    });
  });

  it('end although a record is gone', async () => {
    const { attempt, page, finish, runLog } = await staged([1, 1]);
    for (const index of [0, 1]) await attempt(index);
    await finish();
    const { continuation } = await page(undefined, 1);
    runLog.findOutcome = async () => undefined;
    runLog.tenants = async function* () {
      // Gone.
    };
    expect(await page(continuation)).toEqual({ text: '', continuation: undefined });
  });

  it.each([
    ['x', 'is not valid'],
    [Buffer.from('{}').toString('base64url'), 'is not valid'],
    ['', 'is not valid'],
  ])('cannot continue with %j', async (continuation, problem) => {
    const { page } = await staged([1]);
    await expect(page(continuation)).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining(problem) as string,
    });
  });

  it('cannot continue with a changed continuation', async () => {
    const { page, attempt, runLog, runs } = await staged([2, 1]);
    await attempt(0);
    const { continuation = '' } = await page(undefined, 1);
    const [head = '', done = '', ready = ''] = continuation.split('.');
    const token = JSON.parse(Buffer.from(head, 'base64url').toString()) as { open: object };
    const encode = (changed: object) =>
      `${Buffer.from(JSON.stringify({ ...token, ...changed })).toString('base64url')}.${done}.${ready}`;
    for (const wrong of [
      encode({ open: { ...token.open, place: 2 } }),
      encode({ open: { ...token.open, attempt: '../x' } }),
      encode({ open: { ...token.open, offset: 1 } }),
      encode({ run: 'other' }),
      encode({ more: 1 }),
      `${head}.${done}${done}.${ready}`,
      `${head}.${done}`,
    ])
      await expect(page(wrong)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(page(continuation, 1, 'json')).rejects.toMatchObject({
      detail: expect.stringContaining('belongs to pages of the format jsonl') as string,
    });
    const csv = { format: 'csv', limit: 1 } as const;
    await expect(readArrivalPage(runs, (await runLog.find(runId))!, csv)).rejects.toMatchObject({
      code: 'request_invalid',
      detail: 'order: a CSV has the order of the plan, because its columns come first.',
    });
  });
});
