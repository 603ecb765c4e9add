import { describe, expect, it } from 'vitest';
import { adviceOf } from '../../../../src/lib/api/trouble.ts';
import { reasonAdvice } from '../../../../src/lib/tenants/tenant.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import {
  adviceForEvent,
  announceByNotice,
  explainEvent,
} from '../../../../src/lib/tenant-events/create-tenant-events.ts';
import { eventKinds, eventSeverities, type TenantEvent } from '../../../../src/lib/tenant-events/tenant-event.ts';
import { tenant } from '../../../support/audit-entries.ts';

const endsAtMs = Date.UTC(2026, 10, 30);
const event = (more: Partial<TenantEvent>): TenantEvent => ({
  id: 'event-1',
  sequence: 1,
  atMs: Date.UTC(2026, 10, 24),
  tenantId: tenant(1),
  tenantName: 'Contoso',
  kind: 'lost',
  ...more,
});
const failure = { code: 'access_denied', detail: 'A policy blocks it.', nextStep: 'Ask the customer.' } as const;

async function noticeOf(more: Partial<TenantEvent>, dashboardUrl?: string, moreFollow = false) {
  const sent: [Notice, unknown][] = [];
  const announce = announceByNotice({ send: async (...given) => void sent.push([given[0], given[1]]) }, dashboardUrl);
  await announce(event(more), moreFollow);
  const [[notice, options] = []] = sent;
  return { notice, options, count: sent.length };
}

describe('the explanation of an event', () => {
  it.each(eventKinds)('of %s is a sentence of its own', (kind) => {
    const text = explainEvent(event({ kind }));
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(eventKinds.filter((other) => explainEvent(event({ kind: other })) === text)).toEqual([kind]);
  });

  it.each<[Partial<TenantEvent>, RegExp]>([
    [{ kind: 'ending', days: 1, endsAtMs }, /ends within a day, at 2026-11-30 00:00 UTC, and does not renew/],
    [{ kind: 'ending', days: 7, endsAtMs }, /ends within 7 days, at 2026-11-30/],
    [{ kind: 'ending', days: 7 }, /^The GDAP relationship ends soon/],
    [{ kind: 'ending', endsAtMs }, /^The GDAP relationship ends soon/],
    [{ kind: 'extended', endsAtMs }, /^The GDAP relationship now ends at 2026-11-30 00:00 UTC\.$/],
    [{ kind: 'extended' }, /^The GDAP relationship now ends later\.$/],
    [{ kind: 'auto_consent_failed', failure }, /\(AUTO_CONSENT\)\. A policy blocks it\.$/],
    [{ kind: 'lost', reason: 'not_listed' }, /no longer reach the tenant\. No list of Microsoft contains/],
    [{ kind: 'excluded', reason: 'not_listed' }, /now exclude the tenant\. No list of Microsoft contains/],
    [{ kind: 'appeared', reason: 'not_listed' }, /or again\. No list of Microsoft contains/],
    [{ kind: 'lost', reason: 'gdap_expired' }, /no longer reach the tenant\. .*expired/i],
    [{ kind: 'back', reason: 'gdap_active' }, /^The broker can reach the tenant again\.$/],
    [{ kind: 'lost' }, /^The broker can no longer reach the tenant\.$/],
  ])('with %j says what is known', (more, expected) => {
    expect(explainEvent(event(more))).toMatch(expected);
  });
});

it('says in a title what its end takes back, in words that also fit several tenants', async () => {
  const titleOf = async (kind: TenantEvent['kind']) => (await noticeOf({ kind })).notice?.title;
  expect(await titleOf('role_missing')).toBe('Contoso: a job was refused access');
  expect(await titleOf('role_given')).toBe('Contoso: jobs have access again');
  expect(await titleOf('consent_missing')).toBe('Contoso: the consent is missing');
  expect(await titleOf('consent_given')).toBe('Contoso: the consent is there again');
});

describe('the advice for an event', () => {
  const own = `--tenant ${tenant(1)}`;
  it.each<[Partial<TenantEvent>, string | undefined]>([
    [{ kind: 'ending' }, adviceOf('gdap_expiring')],
    [{ kind: 'consent_missing' }, `Consent again: \`ptb tenants consent ${own}\``],
    [
      { kind: 'consent_missing', application: 'second' },
      `Consent again: \`ptb tenants consent ${own} --application second\``,
    ],
    [{ kind: 'consent_differs' }, `Add the permissions: \`ptb tenants consent --renew ${own}\``],
    [{ kind: 'role_missing' }, 'See which roles the relationship gives and to whom: `ptb doctor`.'],
    [
      { kind: 'reachable' },
      `If the application has no consent there yet, and AUTO_CONSENT is off: \`ptb tenants consent ${own}\``,
    ],
    [
      { kind: 'auto_consent_failed', failure: { ...failure, nextStep: '' } },
      `To consent: \`ptb tenants consent ${own}\``,
    ],
    [{ kind: 'lost', reason: 'gdap_expired' }, reasonAdvice.gdap_expired],
    [{ kind: 'lost', reason: 'gdap_terminated' }, adviceOf('gdap_terminated')],
    [{ kind: 'lost', reason: 'not_listed' }, 'Find out in Partner Center whether the customer has left.'],
    ...(['appeared', 'back', 'excluded', 'included', 'extended', 'role_given', 'tags_changed'] as const).map(
      (kind): [Partial<TenantEvent>, undefined] => [{ kind }, undefined],
    ),
  ])('with %j is %j', (more, expected) => {
    expect(adviceForEvent(event(more))).toBe(expected);
  });
});

describe('the notice about an event', () => {
  it('says what has happened in which tenant, and what to do', async () => {
    const { notice, options, count } = await noticeOf({ kind: 'lost', reason: 'gdap_expired' }, undefined, true);
    expect([count, options]).toEqual([1, { moreFollow: true }]);
    expect(notice).toEqual({
      kind: 'tenant.lost',
      key: 'event-1',
      severity: eventSeverities.lost,
      tenantId: tenant(1),
      tenantName: 'Contoso',
      atMs: Date.UTC(2026, 10, 24),
      title: expect.stringMatching(/Contoso.*: \S/) as string,
      text: `${explainEvent(event({ reason: 'gdap_expired' }))} ${reasonAdvice.gdap_expired}`,
      facts: [
        { name: 'Tenant', value: tenant(1) },
        { name: 'Noticed', value: '2026-11-24T00:00:00.000Z' },
        { name: 'Event', value: 'event-1' },
      ],
    });
  });

  it('has only the explanation if there is nothing to do', async () => {
    const { notice, options } = await noticeOf({ kind: 'back' });
    expect([notice?.text, options]).toEqual([explainEvent(event({ kind: 'back' })), { moreFollow: false }]);
  });

  it('leads to the page of the tenant in the dashboard, if its address is known', async () => {
    const { notice } = await noticeOf({}, 'https://broker.example/api/dashboard');
    expect(notice?.link).toBe(`https://broker.example/api/dashboard#/tenants/${tenant(1)}`);
  });

  it('has a fact for each detail, and none for an empty list', async () => {
    const { notice } = await noticeOf({
      kind: 'consent_missing',
      endsAtMs,
      tagsAdded: ['a', 'b'],
      tagsRemoved: ['c'],
      scopes: ['User.Read.All'],
      jobs: ['report', 'other'],
      application: 'second',
    });
    expect(notice?.facts?.slice(2)).toEqual([
      { name: 'Relationship ends', value: '2026-11-30T00:00:00.000Z' },
      { name: 'Tags added', value: 'a, b' },
      { name: 'Tags removed', value: 'c' },
      { name: 'Missing permissions', value: 'User.Read.All' },
      { name: 'Jobs', value: 'report, other' },
      { name: 'Application', value: 'second' },
      { name: 'Event', value: 'event-1' },
    ]);
    const { notice: tags } = await noticeOf({ kind: 'tags_changed', tagsAdded: [], tagsRemoved: ['c'] });
    expect(tags?.facts?.map(({ name }) => name)).toEqual(['Tenant', 'Noticed', 'Tags removed', 'Event']);
  });
});
