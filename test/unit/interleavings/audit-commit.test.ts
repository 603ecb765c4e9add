import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AwaitedBy, GroupCommit } from '../../../src/lib/core/rows/group-commit.ts';
import { Limiter } from '../../../src/lib/core/limiter.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const numRuns = 2_000;
const maxBatch = 3;
const maxWrites = 2;

const item = fc.record({
  group: fc.constantFrom('x', 'y'),
  awaitedBy: fc.constantFrom<AwaitedBy>('caller', 'job', 'nobody'),
});
const settings = fc.record({
  sideBySideFrom: fc.integer({ min: 1, max: maxBatch }),
  failEvery: fc.integer({ min: 2, max: 5 }),
});

test('GroupCommit confirms an item exactly when it is durable, in every order of arrivals and replies', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(item, { minLength: 1, maxLength: 12 }),
      settings,
      async (s, items, { sideBySideFrom, failEvery }) => {
        const durable = new Set<string>();
        const written: string[] = [];
        let writes = 0;
        let active = 0;
        const write = async (batch: readonly string[]): Promise<void> => {
          writes += 1;
          const mine = writes;
          active += 1;
          expect(active).toBeLessThanOrEqual(maxWrites);
          expect(batch.length).toBeLessThanOrEqual(maxBatch);
          expect(new Set(batch.map(([group]) => group)).size).toBe(1);
          written.push(...batch);
          await s.schedule(Promise.resolve(), `write ${mine}`);
          active -= 1;
          if (mine % failEvery === 0) throw new Error('storage failed');
          for (const one of batch) durable.add(one);
        };
        const clock = new FakeClock();
        const commits = new GroupCommit<string>(
          { write, clock },
          {
            groupOf: ([group]) => group ?? '',
            maxBatch,
            maxWrites,
            sideBySideFrom,
            patienceMs: 100,
            maxWaiting: 100,
            deadlineMs: 3_000,
          },
        );
        const outcomes = await s.waitFor(
          Promise.all(
            items.map(async ({ group, awaitedBy }, index) => {
              const name = `${group}${index}`;
              await s.schedule(Promise.resolve(), `arrives ${name}`);
              if (awaitedBy === 'nobody')
                void s.schedule(Promise.resolve(), `patience of ${name}`).then(() => clock.advance(100));
              const confirmed = await commits.commit(name, awaitedBy).then(
                () => true,
                () => false,
              );
              // Checked at the moment of the confirmation, not later.
              return { name, confirmed, durable: durable.has(name) };
            }),
          ),
        );
        for (const outcome of outcomes) expect(outcome.confirmed).toBe(outcome.durable);
        // Each item is written exactly once.
        expect(written.toSorted()).toEqual(outcomes.map(({ name }) => name).toSorted());
      },
    ),
    { numRuns },
  );
});

test('Limiter runs at most its limit and settles every call, in every order of arrivals, ends and aborts', async () => {
  const caller = fc.record({ aborts: fc.boolean(), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(caller, { minLength: 1, maxLength: 10 }),
      async (s, limit, callers) => {
        const limiter = new Limiter(limit);
        let active = 0;
        const call = async ({ aborts, fails }: (typeof callers)[number]): Promise<string> => {
          await s.schedule(Promise.resolve(), 'arrives');
          const aborting = new AbortController();
          if (aborts) void s.schedule(Promise.resolve(), 'aborts').then(() => aborting.abort(new Error('aborted')));
          const work = async (): Promise<string> => {
            active += 1;
            expect(active).toBeLessThanOrEqual(limit);
            await s.schedule(Promise.resolve(), 'works');
            active -= 1;
            if (fails) throw new Error('failed');
            return 'done';
          };
          return limiter.run(work, aborting.signal).catch((error: unknown) => (error as Error).message);
        };
        const outcomes = await s.waitFor(Promise.all(callers.map(call)));
        for (const [index, outcome] of outcomes.entries()) {
          const { aborts, fails } = callers[index] ?? { aborts: false, fails: false };
          expect([fails ? 'failed' : 'done', ...(aborts ? ['aborted'] : [])]).toContain(outcome);
        }
        await s.waitIdle();
        expect([limiter.active, limiter.waiting]).toEqual([0, 0]);
      },
    ),
    { numRuns },
  );
});
