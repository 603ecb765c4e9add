import { expect, it } from 'vitest';
import { createPolicyStore, type PolicyText } from '../../../../src/lib/callers/policy-store.ts';
import { FakeClock, seededRandom, settle } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { guid } from '../../../support/audit-entries.ts';

const hour = 3_600_000;

/** A valid policy with one rule of this name. */
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
  const source = { found, reads: 0, slowMs: 0, behind: 0 };
  const read = async (): Promise<PolicyText | undefined> => {
    source.reads += 1;
    if (source.slowMs > 0) await clock.sleep(source.slowMs);
    if (source.found === 'hangs') return new Promise(() => undefined);
    if (source.found instanceof Error) throw source.found;
    return source.found;
  };
  const background = (work: () => void): void => {
    source.behind += 1;
    work();
  };
  const store = createPolicyStore({ read, clock, log: recorded.log, background });
  const summary = async (): Promise<string> => {
    const { state, policy } = await store.current();
    return `${state}: ${policy.rules.map(({ name }) => name).join(',')}`;
  };
  /** The answer while no time passes; undefined: there is none yet. */
  const atOnce = async (): Promise<string | undefined> => {
    let answer: string | undefined;
    void summary().then((given) => (answer = given));
    await settle();
    return answer;
  };
  return { clock, source, store, recorded, summary, atOnce };
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

it('returns when the policy was loaded, which reading the same text again does not change', async () => {
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

it('uses the last good policy for 24 h when a new version is invalid, logs that once, then denies everything', async () => {
  const { clock, source, store, summary, recorded } = start(policyText('a'));
  await store.current();
  source.found = broken;
  await clock.advance(30_000);
  const { state, problem } = await store.current();
  expect(state).toBe('last-good');
  expect(problem).toContain('rules[0].name: is missing.');
  expect(problem).toContain('The last good policy holds until 2026-11-25T00:00:00.000Z.');
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

it('delays requests for one look at a source that does not answer, and answers later ones while it looks in the background', async () => {
  const { clock, source, summary, atOnce } = start(policyText('a'));
  await summary();
  source.found = 'hangs';
  await clock.advance(30_000);
  const waiting = Promise.all([summary(), summary()]);
  expect(await atOnce()).toBeUndefined();
  await clock.advance(5_000);
  expect(await waiting).toEqual(['last-good: a', 'last-good: a']);
  expect(source).toMatchObject({ reads: 2, behind: 0 });
  for (let asked = 0; asked < 400; asked += 1) {
    expect(await atOnce()).toBe('last-good: a');
    await clock.advance(2_500);
  }
  // One look every 10 s: it times out after 5 s, and the next one begins 5 s later. None runs in the request that
  // caused it.
  expect(source).toMatchObject({ reads: 102, behind: 100 });
  // A request 30 s after the last look began waits again: the source may have recovered.
  await clock.advance(25_000);
  expect(await atOnce()).toBeUndefined();
});

it('waits for every look while there is no last good policy', async () => {
  const { clock, atOnce } = start('hangs');
  for (let look = 0; look < 3; look += 1) {
    expect(await atOnce()).toBeUndefined();
    await clock.advance(10_000);
  }
});

it('waits for a slow source instead of deciding by an old policy', async () => {
  const { clock, source, summary, atOnce } = start(policyText('a'));
  await summary();
  Object.assign(source, { found: policyText('b'), slowMs: 4_000 });
  await clock.advance(hour);
  const waiting = summary();
  expect(await atOnce()).toBeUndefined();
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
    // Trouble of any length, with requests at any distance, and a clock that is set back now and then.
    for (let step = chance(6); step > 0; step -= 1) {
      source.found = (['hangs', new Error('503'), policyText('a'), broken] as const)[chance(4)];
      await clock.advance(chance(40_000));
      const waiting = summary();
      await clock.advance(5_000);
      if ((await waiting) === 'last-good: a') answers.lastGood += 1;
      if (chance(4) === 0) await clock.advance(-hour);
    }
    source.found = chance(2) === 0 ? undefined : policyText('b');
    for (let asked = chance(10); asked > 0; asked -= 1) {
      await clock.advance(chance(3_000));
      if ((await summary()).endsWith(': a')) answers.late += 1;
    }
    await clock.advance(30_000);
    expect(await summary()).not.toMatch(/: a$/);
  }
  expect(Math.min(answers.late, answers.lastGood)).toBeGreaterThan(100);
});

it('denies everything, and names at most three problems', async () => {
  const many = start({ text: JSON.stringify({ version: 1, rules: [{}] }), etag: 'many' });
  const { problem } = await many.store.current();
  expect(problem).toMatch(/is missing\. And \d more; see `ptb policy check`\. Every request is denied\.$/);
  const one = start({ text: '{', etag: 'one' });
  expect((await one.store.current()).problem).toMatch(/^The policy is not JSON \(.+\)\. Every request is denied\.$/);
});

it('denies everything at once when the policy is removed', async () => {
  const { clock, source, summary } = start(policyText('a'));
  await summary();
  source.found = undefined;
  await clock.advance(30_000);
  expect(await summary()).toBe('deny-all: ');
  // A later failure does not bring it back.
  source.found = broken;
  await clock.advance(5_000);
  expect(await summary()).toBe('deny-all: ');
});
