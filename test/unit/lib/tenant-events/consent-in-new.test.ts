import { beforeEach, expect, it } from 'vitest';
import { parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { adviceForEvent, explainEvent } from '../../../../src/lib/tenant-events/create-tenant-events.ts';
import type { ConsentAttempt } from '../../../../src/lib/tenant-events/consent-in-new.ts';
import { observeTenants } from '../../../../src/lib/tenant-events/observe-tenants.ts';
import type { LastResults } from '../../../../src/lib/runs/store/schedule-log.ts';
import type { ObservedConsent } from '../../../../src/lib/tenant-events/event-log.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { later, Stage } from '../../../campaigns/lifecycle/stage.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from '../../../support/audit-entries.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

type LastResult = NonNullable<ReturnType<LastResults['get']>>[number];

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let stage: Stage;
let listed: DelegatedTenant[];
/** The attempts: tenant and minutes since the first look. */
let attempts: string[];
let answer: ConsentAttempt;

const idOf = (number: number): TenantId => parseTenantId(tenant(number))!;
const customer = (number: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant =>
  delegatedTenant(idOf(number), `Customer ${number}`, more);
const given: ConsentAttempt = { outcome: 'given' };
const refused: ConsentAttempt = {
  outcome: 'refused',
  failure: { code: 'blocked_by_policy', detail: 'A policy blocks it.', nextStep: 'Ask the customer.' },
};

/** What came into the outbox since the last call. */
let known: number;
const told = (): string[] => {
  const lines = [...stage.outbox.values()].slice(known).map(({ tenantName, kind }) => `${tenantName.slice(9)} ${kind}`);
  known = stage.outbox.size;
  return lines;
};
const isNew = ['1 appeared', '1 reachable'];

/** Looks every ten minutes, as the timer does. */
async function lookFor(hours: number): Promise<string[]> {
  for (let look = 0; look < hours * 6; look += 1) {
    await stage.clock.advance(10 * minuteMs);
    await stage.pass();
  }
  return told();
}

beforeEach(async () => {
  stage = new Stage(new FakeClock());
  const startMs = stage.clock.nowMs();
  listed = [customer(9)];
  attempts = [];
  answer = given;
  known = 0;
  stage.read = () => ({ tenants: listed, refused: [] });
  stage.consent = (tenantId) => {
    attempts.push(`${Number.parseInt(tenantId.slice(-4), 16)} ${(stage.clock.nowMs() - startMs) / minuteMs}`);
    return answer;
  };
  await stage.pass();
});

it('consents once in a new tenant, and in none that was there before', async () => {
  listed.push(customer(1));
  expect(await lookFor(1)).toEqual([...isNew, '1 auto_consented']);
  listed = [customer(9)];
  expect(await lookFor(1)).toEqual(['1 lost']);
  listed.push(customer(1));
  expect(await lookFor(1)).toEqual(['1 appeared', '1 back']);
  expect(attempts).toEqual(['1 10']);
});

it('does nothing while it is off, nor later in tenants that came meanwhile', async () => {
  const { consent } = stage;
  stage.consent = undefined;
  listed.push(customer(1));
  expect(await lookFor(1)).toEqual(isNew);
  stage.consent = consent;
  listed.push(customer(2));
  expect(await lookFor(1)).toEqual(['2 appeared', '2 reachable', '2 auto_consented']);
  answer = later;
  listed.push(customer(3));
  expect(await lookFor(0.5)).toEqual(['3 appeared', '3 reachable']);
  stage.consent = undefined;
  await lookFor(0.5);
  stage.consent = consent;
  const { length } = attempts;
  expect(await lookFor(72)).toEqual([]);
  expect(attempts).toHaveLength(length);
});

it('asks again at growing intervals for two days, and then says why it gave up', async () => {
  listed.push(customer(1));
  answer = later;
  expect(await lookFor(200)).toEqual([...isNew, '1 auto_consent_failed']);
  expect(attempts).toEqual([10, 20, 50, 110, 290, 650, 1370, 2810].map((minutes) => `1 ${minutes}`));
  expect(await lookFor(1)).toEqual([]);
});

it('does not ask again after a refusal, which says what to do', async () => {
  listed.push(customer(1));
  answer = refused;
  expect(await lookFor(100)).toEqual([...isNew, '1 auto_consent_failed']);
  expect(attempts).toHaveLength(1);
  const event = [...stage.outbox.values()].at(-1)!;
  expect(explainEvent(event)).toMatch(/could not consent.* A policy blocks it\.$/);
  expect(adviceForEvent(event)).toBe(`Ask the customer. To consent: \`ptb tenants consent --tenant ${idOf(1)}\``);
});

it('waits while the tenant is excluded or cannot be reached, and goes on later', async () => {
  answer = later;
  listed = [customer(9), customer(1), customer(2)];
  await lookFor(0.2);
  answer = given;
  listed = [
    customer(9),
    customer(1, { reachable: false, reason: 'excluded' }),
    customer(2, { reachable: false, reason: 'gdap_terminated' }),
  ];
  attempts = [];
  await lookFor(5);
  expect([attempts, told()]).toEqual([[], []]);
  listed = [customer(9), customer(1), customer(2)];
  expect(await lookFor(0.2)).toEqual(['1 included', '2 back', '1 auto_consented', '2 auto_consented']);
});

it('consents in 20 tenants a look, those first that have waited longest', async () => {
  listed.push(...Array.from({ length: 45 }, (_, index) => customer(index + 10)));
  const perLook: number[] = [];
  for (let look = 0; look < 4; look += 1) {
    await lookFor(1 / 6);
    perLook.push(attempts.length);
  }
  expect(perLook).toEqual([20, 40, 45, 45]);
  expect(new Set(attempts.map((each) => each.split(' ')[0])).size).toBe(45);
});

it('asks again only after those that have not been asked', async () => {
  listed.push(...Array.from({ length: 45 }, (_, index) => customer(index + 10)));
  answer = later;
  await lookFor(0.5);
  expect(new Set(attempts.map((each) => each.split(' ')[0])).size).toBe(45);
});

it('leaves no consent out and tells none twice, wherever a host is killed or storage fails', async () => {
  for (const how of ['killed before', 'killed after', 'refused', 'reply lost', 'sent twice'] as const) {
    for (let at = 1; at < 30; at += 1) {
      const number = 10 + at;
      listed = [customer(9), customer(number)];
      await stage.pass({ at, how });
      await stage.clock.advance(6 * minuteMs);
      await stage.pass();
      await stage.clock.advance(11 * minuteMs);
      await stage.pass();
      const expected = [`${number} appeared`, `${number} reachable`, `${number} auto_consented`];
      expect([how, at, told().filter((line) => line.startsWith(`${number} `))]).toEqual([how, at, expected]);
      stage = new Stage(stage.clock);
      stage.read = () => ({ tenants: listed, refused: [] });
      stage.consent = () => given;
      listed = [customer(9)];
      known = 0;
      await stage.pass();
    }
  }
});

it('is made by one instance at a time, also if the claim lapses during it', async () => {
  listed.push(customer(1));
  const make = stage.consent!;
  const others: string[] = [];
  stage.consent = async (tenantId) => {
    const attempt = await make(tenantId);
    // Partner Center takes its time, and another instance takes the claim over.
    if (attempts.length === 1) {
      await stage.clock.advance(6 * minuteMs);
      others.push((await stage.pass()).outcome);
    }
    return attempt;
  };
  const outcomes = await Promise.all([stage.pass(), stage.pass()]);
  expect([outcomes.map(({ outcome }) => outcome), others]).toEqual([['busy', 'busy'], ['read']]);
  expect(attempts).toEqual(['1 0']);
  expect(await lookFor(1)).toEqual([...isNew, '1 auto_consented']);
  // The second attempt finds the consent that the first one gave.
  expect(attempts).toHaveLength(2);
});

it('asks again soon if a clock that was far ahead set the next attempt', async () => {
  await stage.clock.advance(720 * hourMs);
  listed.push(customer(1));
  answer = later;
  expect(await lookFor(1)).toEqual(isNew);
  await stage.clock.advance(-720 * hourMs);
  answer = given;
  expect(await lookFor(0.2)).toEqual(['1 auto_consented']);
});

it('waits for an attempt that a clock a few minutes ahead has set', async () => {
  listed.push(customer(1));
  answer = later;
  expect(await lookFor(23)).toEqual(isNew);
  // Ten minutes ago the next attempt was set to a day later.
  expect(attempts.at(-1)).toBe('1 1370');
  await stage.clock.advance(-14 * minuteMs);
  expect((await stage.pass()).outcome).toBe('read');
  expect(attempts.at(-1)).toBe('1 1370');
});

it('believes no result of a job from before the consent, also if another job works later', async () => {
  const results: LastResult[] = [];
  const { log } = recordingLogger();
  const lastResults = { read: async () => new Map([[idOf(1), results]]) };
  const deps = {
    tenantTags: { current: async () => undefined },
    lastResults,
    consentWatch: { consentOf: () => undefined },
    log,
  };
  const jobs = ['a', 'b'].map((name) => ({ name, application: 'default' }));
  stage.observe = () => observeTenants(deps as never, jobs);
  const finished = (job: string) => ({ job, runId: 'r', finishedAt: new Date(stage.clock.nowMs()).toISOString() });
  results.push({ ...finished('a'), outcome: 'failed', code: 'consent_required' });
  listed.push(customer(1));
  expect(await lookFor(0.2)).toEqual([...isNew, '1 consent_missing', '1 auto_consented']);
  results.push({ ...finished('b'), outcome: 'succeeded' });
  expect(await lookFor(1)).toEqual([]);
  results[0] = { ...finished('a'), outcome: 'failed', code: 'consent_required' };
  expect(await lookFor(1)).toEqual(['1 consent_missing']);
});

it('tells nothing of a missing consent that it is about to give, nor of one from before', async () => {
  const at = (state: 'missing' | 'given'): ObservedConsent => ({ state, atMs: stage.clock.nowMs() });
  let observed: ObservedConsent | undefined;
  stage.observe = () => ({
    tagsOf: () => [],
    consentOf: (tenantId, sinceMs = 0) =>
      tenantId === idOf(1) && observed !== undefined && observed.atMs >= sinceMs ? observed : undefined,
    roleOf: () => undefined,
  });
  listed.push(customer(1));
  answer = later;
  await lookFor(0.2);
  expect(told()).toEqual([]);
  observed = at('missing');
  expect(await lookFor(0.2)).toEqual([]);
  answer = given;
  expect(await lookFor(2)).toEqual(['1 auto_consented']);
  observed = at('missing');
  expect(await lookFor(1)).toEqual(['1 consent_missing']);
});
