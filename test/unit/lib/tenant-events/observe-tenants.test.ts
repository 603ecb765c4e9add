import { beforeEach, describe, expect, it } from 'vitest';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { type CachingTokenSource, Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { announceByNotice } from '../../../../src/lib/tenant-events/create-tenant-events.ts';
import {
  ConsentWatch,
  judgeConsent as judge,
  judgeRole,
  observeTenants,
} from '../../../../src/lib/tenant-events/observe-tenants.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from '../../../support/audit-entries.ts';

const at = (hour: number): string => new Date(Date.UTC(2026, 10, 24, hour)).toISOString();
const result = (job: string, hour: number, code?: 'consent_required' | 'access_denied' | 'throttled') => ({
  job,
  runId: 'r',
  finishedAt: at(hour),
  ...(code === undefined ? { outcome: 'succeeded' as const } : { outcome: 'failed' as const, code }),
});

const judgeConsent = (results: Parameters<typeof judge>[0], watched: Parameters<typeof judge>[1]) =>
  judge(results, watched, new Map([['c', 'reader']]));

describe('the last results of jobs', () => {
  it('show that the consent is missing while any job lacks it', () => {
    const results = [result('a', 5), result('b', 3, 'consent_required')];
    expect(judgeConsent(results, undefined)).toEqual({ state: 'missing', atMs: Date.parse(at(5)), jobs: ['b'] });
    expect(judgeConsent([result('a', 5), result('b', 3, 'throttled')], undefined)).toMatchObject({ state: 'given' });
    expect(judgeConsent([result('b', 3, 'throttled')], undefined)).toBeUndefined();
    const lacking = (...jobs: string[]) =>
      judgeConsent(
        jobs.map((job) => result(job, 3, 'consent_required')),
        undefined,
      )?.application;
    expect([lacking('c'), lacking('b', 'c')]).toEqual(['reader', undefined]);
  });

  it('give way to a later token, but no earlier one', () => {
    const watched = (hour: number) => ({ state: 'missing', atMs: Date.parse(at(hour)) }) as const;
    expect(judgeConsent([result('a', 5)], watched(6))).toEqual(watched(6));
    expect(judgeConsent([result('a', 5)], watched(4))).toMatchObject({ state: 'given' });
    expect(
      judgeConsent([result('a', 5, 'consent_required')], { state: 'complete', atMs: Date.parse(at(6)) }),
    ).toMatchObject({
      state: 'missing',
    });
  });

  it('show that a role is missing', () => {
    expect(judgeRole([result('a', 5, 'access_denied')])).toEqual({
      state: 'missing',
      atMs: Date.parse(at(5)),
      jobs: ['a'],
    });
    expect(judgeRole([result('a', 5)])).toEqual({ state: 'held', atMs: Date.parse(at(5)) });
    expect(judgeRole([result('a', 5, 'consent_required')])).toBeUndefined();
  });

  it('are those of the jobs that are asked about, of one tenant, and since a consent', async () => {
    const asked: (readonly string[])[] = [];
    const results = [result('a', 3, 'consent_required'), result('b', 5, 'access_denied')];
    const deps = {
      tenantTags: { current: async () => undefined as never },
      lastResults: {
        read: async (names: readonly string[]) => {
          asked.push(names);
          return new Map([[tenant(1), results]]);
        },
      },
      consentWatch: { consentOf: () => ({ state: 'complete', atMs: Date.parse(at(6)) }) as const },
      log: recordingLogger().log,
    };
    const observed = await observeTenants(deps, [
      { name: 'a', application: 'reader' },
      { name: 'b', application: 'default' },
    ]);
    expect(asked).toEqual([['a', 'b']]);
    expect(observed.roleOf(tenant(1))).toEqual({ state: 'missing', atMs: Date.parse(at(5)), jobs: ['b'] });
    expect(observed.roleOf(tenant(2))).toBeUndefined();
    const missing = { state: 'missing', atMs: Date.parse(at(3)), jobs: ['a'], application: 'reader' };
    expect(observed.consentOf(tenant(1))).toEqual(missing);
    expect(observed.consentOf(tenant(1), Date.parse(at(3)))).toEqual(missing);
    expect(observed.consentOf(tenant(1), Date.parse(at(4)))?.state).toBe('complete');
    expect(observed.consentOf(tenant(1), Date.parse(at(7)))).toBeUndefined();
  });

  it('count by the latest of them whose time can be read', () => {
    const odd = { ...result('c', 1), finishedAt: 'soon' };
    expect(judgeRole([result('a', 5), result('b', 3), odd])).toEqual({ state: 'held', atMs: Date.parse(at(5)) });
  });

  it('decide nothing while they cannot be read', async () => {
    const away = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    const recorder = recordingLogger();
    const deps = {
      tenantTags: { current: away },
      lastResults: { read: away },
      consentWatch: { consentOf: () => undefined },
      log: recorder.log,
    };
    const observed = await observeTenants(deps, [{ name: 'a', application: 'default' }]);
    expect([observed.tagsOf(tenant(1)), observed.consentOf(tenant(1)), observed.roleOf(tenant(1))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const lines = recorder.lines.map(({ level, line }) => ({ level, ...(JSON.parse(line) as object) }));
    expect(lines).toMatchObject(
      ['tags', 'results'].map((what) => ({
        level: 'warn',
        event: 'tenant_events.not_observed',
        what,
        code: 'storage_unavailable',
      })),
    );
  });
});

describe('tokens', () => {
  const partner = tenant(9);
  const resources = createResourceRegistry(clouds.public, []);
  let clock: FakeClock;
  let watch: ConsentWatch;
  let scopes: readonly string[] | BrokerError;
  let tokens: CachingTokenSource;
  let fromCache: boolean;
  beforeEach(() => {
    clock = new FakeClock();
    fromCache = false;
    watch = new ConsentWatch({ clock, partnerTenantId: partner });
    const issue = async (request: TokenRequest) => {
      if (scopes instanceof BrokerError) throw scopes;
      return { ...request, secret: new Secret('t'), scopes, expiresAtMs: 0, fromCache };
    };
    tokens = watch.over({ getToken: issue, getNewerToken: issue, forgetTenant: () => undefined });
  });
  const ask = (number: number, given: readonly string[] | BrokerError, more: Partial<TokenRequest> = {}) => {
    scopes = given;
    const request = {
      tenantId: tenant(number),
      resource: resources.get('graph'),
      grant: 'delegated',
      application: 'default',
      minimumLifetimeSeconds: 0,
      correlationId: 'c',
      ...more,
    } as const;
    return tokens.getToken(request).catch(() => undefined);
  };

  it('are compared with the one for the partner tenant', async () => {
    await ask(1, ['openid', 'User.Read']);
    expect(watch.consentOf(tenant(1))).toMatchObject({ state: 'given' });
    await ask(9, ['openid', 'User.Read', 'Group.Read.All']);
    expect(watch.consentOf(tenant(1))).toMatchObject({ state: 'differs', scopes: ['Group.Read.All'] });
    await ask(1, ['User.Read', 'Group.Read.All', 'Mail.Read']);
    expect(watch.consentOf(tenant(1))).toMatchObject({ state: 'complete' });
    await ask(1, new BrokerError('consent_required', 'x'));
    expect(watch.consentOf(tenant(1))).toEqual({ state: 'missing', atMs: clock.nowMs() });
    await clock.advance(31 * 60_000);
    expect(watch.consentOf(tenant(1))).toBeUndefined();
  });

  it('that are asked for anew count too, and a tenant is forgotten below', async () => {
    const forgotten: string[] = [];
    const token = { secret: new Secret('t'), scopes: ['User.Read'], expiresAtMs: 0, fromCache: false };
    let newer: typeof token | undefined;
    const below = {
      getToken: () => Promise.reject(new Error('not asked')),
      getNewerToken: async (request: TokenRequest) => newer && { ...request, ...newer },
      forgetTenant: (tenantId: string) => void forgotten.push(tenantId),
    };
    const over = watch.over(below);
    const resource = resources.get('graph');
    const request = { tenantId: tenant(1), resource, grant: 'delegated', application: 'default' } as const;
    const asked = { ...request, minimumLifetimeSeconds: 0, correlationId: 'c' };
    expect(await over.getNewerToken(asked)).toBeUndefined();
    expect(watch.consentOf(tenant(1))).toBeUndefined();
    newer = token;
    expect(await over.getNewerToken(asked)).toMatchObject({ scopes: ['User.Read'] });
    expect(watch.consentOf(tenant(1))).toMatchObject({ state: 'given' });
    over.forgetTenant(tenant(2));
    expect(forgotten).toEqual([tenant(2)]);
  });

  it('from the cache, of other resources, grants and applications, and other failures say nothing', async () => {
    await ask(1, ['User.Read'], { resource: resources.get('exchange') });
    await ask(1, ['User.Read'], { grant: 'application' });
    await ask(1, ['User.Read'], { application: 'reader' });
    await ask(1, new BrokerError('consent_required', 'x'), { application: 'reader' });
    await ask(1, new BrokerError('throttled', 'x'));
    fromCache = true;
    await ask(1, ['User.Read']);
    expect(watch.consentOf(tenant(1))).toBeUndefined();
  });
});

it('an event is announced with its id, its tenant and a link', async () => {
  const sent: Notice[] = [];
  const options: unknown[] = [];
  const announce = announceByNotice(
    {
      send: async (notice, more) => {
        sent.push(notice);
        options.push(more);
      },
    },
    'https://b.example/api/dashboard',
  );
  const place = { id: 'e1', sequence: 1, atMs: 0, tenantId: tenant(1), tenantName: 'visit evil.example' };
  await announce({ ...place, kind: 'lost', reason: 'gdap_expired', endsAtMs: 5 }, true);
  await announce({ ...place, kind: 'ending', days: 1, endsAtMs: 5 }, true);
  await announce({ ...place, kind: 'consent_missing', jobs: ['c'], application: 'reader' }, false);
  expect(options).toEqual([true, true, false].map((moreFollow) => ({ moreFollow })));
  expect(sent[0]).toMatchObject({
    kind: 'tenant.lost',
    key: 'e1',
    severity: 'critical',
    tenantId: tenant(1),
    tenantName: 'visit evil.example',
    title: 'visit evil[.]example: access is lost',
    link: `https://b.example/api/dashboard#/tenants/${tenant(1)}`,
  });
  expect(sent[0]?.text).toContain('has expired');
  expect(sent[1]?.text).toContain('within a day, at 1970-01-01 00:00 UTC');
  expect(sent[2]?.text).toContain(`\`ptb tenants consent --tenant ${tenant(1)} --application reader\``);
});
