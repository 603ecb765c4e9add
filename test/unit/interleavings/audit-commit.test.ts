import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupCommit } from '../../../src/lib/audit/group-commit.ts';
import { Limiter } from '../../../src/lib/runtime/limiter.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const numRuns = 2_000;
const maxBatch = 3;
const maxWrites = 2;

const item = fc.record({ group: fc.constantFrom('x', 'y') });
const settings = fc.record({
  sideBySideFrom: fc.integer({ min: 1, max: maxBatch }),
  failEvery: fc.integer({ min: 2, max: 5 }),
});

test('in every order of arrivals and replies, an item is answered for if it is durable, and only then', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(item, { minLength: 1, maxLength: 12 }),
      settings,
      async (s, items, { sideBySideFrom, failEvery }) => {
        const durable = new Set<string>();
        const tried: string[] = [];
        let writes = 0;
        let active = 0;
        const write = async (batch: readonly string[]): Promise<void> => {
          writes += 1;
          const mine = writes;
          active += 1;
          expect(active).toBeLessThanOrEqual(maxWrites);
          expect(batch.length).toBeLessThanOrEqual(maxBatch);
          expect(new Set(batch.map(([group]) => group)).size).toBe(1);
          tried.push(...batch);
          await s.schedule(Promise.resolve(), `write ${mine}`);
          active -= 1;
          if (mine % failEvery === 0) throw new Error('storage failed');
          for (const one of batch) durable.add(one);
        };
        const commits = new GroupCommit<string>(
          { write, clock: new FakeClock() },
          {
            groupOf: ([group]) => group ?? '',
            maxBatch,
            maxWrites,
            sideBySideFrom,
            maxWaiting: 100,
            deadlineMs: 3_000,
          },
        );
        const outcomes = await s.waitFor(
          Promise.all(
            items.map(async ({ group }, index) => {
              const name = `${group}${index}`;
              await s.schedule(Promise.resolve(), `arrives ${name}`);
              const answered = await commits.commit(name).then(
                () => true,
                () => false,
              );
              // At the moment of the answer, not later.
              return { name, answered, durable: durable.has(name) };
            }),
          ),
        );
        for (const outcome of outcomes) expect(outcome.answered).toBe(outcome.durable);
        // Each went out once: nothing is lost in the queue, nothing is written twice.
        expect(tried.toSorted()).toEqual(outcomes.map(({ name }) => name).toSorted());
      },
    ),
    { numRuns },
  );
});

test('in every order of arrivals, ends and departures, a limiter lets in no more than its limit and forgets nobody', async () => {
  const visitor = fc.record({ leaves: fc.boolean(), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(visitor, { minLength: 1, maxLength: 10 }),
      async (s, limit, visitors) => {
        const limiter = new Limiter(limit);
        let inside = 0;
        const visit = async ({ leaves, fails }: (typeof visitors)[number]): Promise<string> => {
          await s.schedule(Promise.resolve(), 'arrives');
          const leaving = new AbortController();
          if (leaves) void s.schedule(Promise.resolve(), 'leaves').then(() => leaving.abort(new Error('left')));
          const work = async (): Promise<string> => {
            inside += 1;
            expect(inside).toBeLessThanOrEqual(limit);
            await s.schedule(Promise.resolve(), 'works');
            inside -= 1;
            if (fails) throw new Error('failed');
            return 'done';
          };
          return limiter.run(work, leaving.signal).catch((error: unknown) => (error as Error).message);
        };
        const outcomes = await s.waitFor(Promise.all(visitors.map(visit)));
        for (const [index, outcome] of outcomes.entries()) {
          const { leaves, fails } = visitors[index] ?? { leaves: false, fails: false };
          expect([fails ? 'failed' : 'done', ...(leaves ? ['left'] : [])]).toContain(outcome);
        }
        await s.waitIdle();
        expect([limiter.active, limiter.waiting]).toEqual([0, 0]);
      },
    ),
    { numRuns },
  );
});
