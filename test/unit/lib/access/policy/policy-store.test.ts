import { expect, it } from 'vitest';
import { createPolicyStore, type PolicyText } from '../../../../../src/lib/access/policy/policy-store.ts';
import { FakeClock, seededRandom, settle } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { guid } from '../../../../support/audit-entries.ts';

const hour = 3_600_000;

/** Returns a valid policy with one rule of this name. */
const policyText = (name: string): PolicyText => ({
  text: JSON.stringify({
    version: 1,
    rules: [{ name, callers: { applications: [guid(1)] }, tenants: ['*'], resources: ['graph'] }],
  }),
  etag: name,
});
const broken: PolicyText = { text: '{"version":1,"rules":[{}]}', etag: 'broken' };

function start(found: PolicyText | undefined | Error | 'hangs') {
  const clock = new FakeClock();
  const recorded = recordingLogger();
  const source = { found, reads: 0, slowMs: 0, backgroundReads: 0 };
  const read = async (): Promise<PolicyText | undefined> => {
    source.reads += 1;
    if (source.slowMs > 0) await clock.sleep(source.slowMs);
    if (source.found === 'hangs') return new Promise(() => undefined);
    if (source.found instanceof Error) throw source.found;
    return source.found;
  };
  const background = (work: () => void): void => {
    source.backgroundReads += 1;
    work();
  };
  const store = createPolicyStore({ read, clock, log: recorded.log, background });
  const summary = async (): Promise<string> => {
    const { state, policy } = await store.current();
    return `${state}: ${policy.rules.map(({ name }) => name).join(',')}`;
  };
  /** Returns the answer that is available without waiting, or undefined. */
  const immediate = async (): Promise<string | undefined> => {
    let answer: string | undefined;
    void summary().then((given) => (answer = given));
    await settle();
    return answer;
  };
  return { clock, source, store, recorded, summary, immediate };
}

it('reads once for concurrent callers, and at most every 30 s', async () => {
  const { clock, source, summary } = start(policyText('a'));
  expect(new Set(await Promise.all(Array.from({ length: 100 }, summary)))).toEqual(new Set(['current: a']));
  await clock.advance(29_999);
  await summary();
  expect(source.reads).toBe(1);
  source.found = policyText('b');
  await clock.advance(1);
  expect(await summary()).toBe('current: b');
  expect(source.reads).toBe(2);
});

it('returns the time at which the text changed last', async () => {
  const { clock, source, store } = start(policyText('a'));
  const loadedAtMs = clock.nowMs();
  await store.current();
  await clock.advance(hour);
  expect(await store.current()).toMatchObject({ state: 'current', loadedAtMs });
  source.found = policyText('b');
  await clock.advance(hour);
  expect(await store.current()).toMatchObject({ state: 'current', loadedAtMs: clock.nowMs() });
});

it('denies everything while there is no policy, and while the first one is invalid', async () => {
  for (const found of [undefined, broken, new Error('403')]) {
    const { store, clock, source, summary } = start(found);
    expect(await store.current()).toMatchObject({ policy: { rules: [] }, state: 'deny-all', loadedAtMs: 0 });
    source.found = policyText('a');
    await clock.advance(5_000);
    expect(await summary()).toBe('current: a');
  }
});

it.each<[string, PolicyText | undefined | Error, boolean]>([
  ['cannot be read', new Error('503'), true],
  ['is not there', undefined, false],
  ['is not valid', broken, false],
])('calls the lack of a policy transient if the first one %s: %j', async (_, found, isTransient) => {
  const { store } = start(found);
  expect((await store.current()).isTransient ?? false).toBe(isTransient);
});

it('does not call it transient that the last good policy is too old', async () => {
  const { store, source, clock } = start(policyText('a'));
  const loadedAtMs = clock.nowMs();
  await store.current();
  source.found = new Error('503');
  await clock.advance(25 * hour);
  const state = await store.current();
  expect(state).toMatchObject({ state: 'deny-all', loadedAtMs });
  expect(state.isTransient).toBeUndefined();
});

it('warns with the reason', async () => {
  const { store, recorded } = start(broken);
  await store.current();
  expect(recorded.lines.map(({ level }) => level)).toEqual(['warn']);
  expect(recorded.lines[0]?.line).toContain('"problem":"rules[0].name: is missing.');
});

it('uses the last good policy for 24 h when a new version is invalid, logs once, then denies everything', async () => {
  const { clock, source, store, summary, recorded } = start(policyText('a'));
  await store.current();
  source.found = broken;
  await clock.advance(30_000);
  const { state, problem } = await store.current();
  expect(state).toBe('last-good');
  expect(problem).toContain('rules[0].name: is missing.');
  expect(problem).toContain('The last good policy stays in force until 2026-11-25T00:00:00.000Z.');
  for (let minute = 0; minute < 60; minute += 1) {
    await clock.advance(60_000);
    expect(await summary()).toBe('last-good: a');
  }
  expect(recorded.events()).toEqual(['policy.loaded', 'policy.rejected']);
  await clock.advance(23 * hour - 30_001);
  expect(await summary()).toBe('last-good: a');
  await clock.advance(30_001);
  expect(await summary()).toBe('deny-all: ');
  source.found = policyText('b');
  await clock.advance(5_000);
  expect(await summary()).toBe('current: b');
});

it('uses the last good policy while the source fails or does not answer, and recovers', async () => {
  const { clock, source, summary, recorded } = start(policyText('a'));
  await summary();
  for (const failing of [new Error('ECONNREFUSED'), 'hangs'] as const) {
    source.found = failing;
    await clock.advance(30_000);
    const waiting = summary();
    await clock.advance(5_000);
    expect(await waiting).toBe('last-good: a');
    source.found = policyText('a');
    await clock.advance(5_000);
    expect(await summary()).toBe('last-good: a');
    await settle();
    expect(await summary()).toBe('current: a');
  }
  expect(recorded.events()).toEqual(['policy.loaded', 'policy.rejected', 'policy.rejected']);
});

it('delays requests for one read of a source that does not answer, then reads in the background', async () => {
  const { clock, source, summary, immediate } = start(policyText('a'));
  await summary();
  source.found = 'hangs';
  await clock.advance(30_000);
  const waiting = Promise.all([summary(), summary()]);
  expect(await immediate()).toBeUndefined();
  await clock.advance(5_000);
  expect(await waiting).toEqual(['last-good: a', 'last-good: a']);
  expect(source).toMatchObject({ reads: 2, backgroundReads: 0 });
  for (let request = 0; request < 400; request += 1) {
    expect(await immediate()).toBe('last-good: a');
    await clock.advance(2_500);
  }
  // One read every 10 s: each times out after 5 s, and the next begins 5 s later. All run detached from a request.
  expect(source).toMatchObject({ reads: 102, backgroundReads: 100 });
  // A request 30 s after the last read began waits again: the source may have recovered.
  await clock.advance(25_000);
  expect(await immediate()).toBeUndefined();
});

it('waits for every read while there is no last good policy', async () => {
  const { clock, immediate } = start('hangs');
  for (let read = 0; read < 3; read += 1) {
    expect(await immediate()).toBeUndefined();
    await clock.advance(10_000);
  }
});

it('waits for a slow source and does not decide by an old policy', async () => {
  const { clock, source, summary, immediate } = start(policyText('a'));
  await summary();
  Object.assign(source, { found: policyText('b'), slowMs: 4_000 });
  await clock.advance(hour);
  const waiting = summary();
  expect(await immediate()).toBeUndefined();
  await clock.advance(4_000);
  expect(await waiting).toBe('current: b');
});

it('applies no rule that was removed more than 30 s ago from a readable source, whatever happened before', async () => {
  const random = seededRandom(7);
  const chance = (most: number): number => Math.floor(random() * most);
  const answers = { late: 0, lastGood: 0 };
  for (let round = 0; round < 400; round += 1) {
    const { clock, source, summary } = start(policyText('a'));
    await summary();
    // Failures of any length, requests at any interval, and a clock that is sometimes set back.
    for (let step = chance(6); step > 0; step -= 1) {
      source.found = (['hangs', new Error('503'), policyText('a'), broken] as const)[chance(4)];
      await clock.advance(chance(40_000));
      const waiting = summary();
      await clock.advance(5_000);
      if ((await waiting) === 'last-good: a') answers.lastGood += 1;
      if (chance(4) === 0) await clock.advance(-hour);
    }
    source.found = chance(2) === 0 ? undefined : policyText('b');
    for (let requests = chance(10); requests > 0; requests -= 1) {
      await clock.advance(chance(3_000));
      if ((await summary()).endsWith(': a')) answers.late += 1;
    }
    await clock.advance(30_000);
    expect(await summary()).not.toMatch(/: a$/);
  }
  expect(Math.min(answers.late, answers.lastGood)).toBeGreaterThan(100);
});

it('names at most three problems of an invalid policy', async () => {
  const unknownKeys = async (...keys: readonly string[]) => {
    const text = JSON.stringify({ version: 1, rules: [], ...Object.fromEntries(keys.map((name) => [name, 1])) });
    return (await start({ text, etag: text }).store.current()).problem?.match(/"\w+"|And .*?\./g);
  };
  expect(await unknownKeys('a', 'b', 'c')).toEqual(['"a"', '"b"', '"c"']);
  expect(await unknownKeys('a', 'b', 'c', 'd', 'e')).toEqual([
    '"a"',
    '"b"',
    '"c"',
    'And 2 more; see `ptb policy check`.',
  ]);
  const one = start({ text: '{', etag: 'one' });
  expect((await one.store.current()).problem).toMatch(/^The policy is not JSON \(.+\)\. Every request is denied\.$/);
});

it('denies everything at once when the policy is removed', async () => {
  const { clock, source, summary } = start(policyText('a'));
  await summary();
  source.found = undefined;
  await clock.advance(30_000);
  expect(await summary()).toBe('deny-all: ');
  // A later failure must not bring the removed policy back.
  source.found = broken;
  await clock.advance(5_000);
  expect(await summary()).toBe('deny-all: ');
});
