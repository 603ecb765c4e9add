import { HttpRequest } from '@azure/functions';
import { partnerMap } from 'graph-permissions/partner-table';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import '../../src/functions/policy.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import { replayAnswerSchema } from '../../src/lib/api/answers/policy.ts';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import type { PolicyState } from '../../src/lib/access/policy/policy-store.ts';
import { denyAll } from '../../src/lib/access/policy/policy.ts';
import type { AuditEntry, AuditQuery } from '../../src/lib/audit/audit-log.ts';
import { hourMs } from '../../src/lib/core/clock.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { Turns } from '../../src/lib/core/turns.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../fakes/memory-audit-log.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { auditStartMs, guid, issued, tenant } from '../support/audit-entries.ts';
import { auditCall } from '../support/route-call.ts';

const rule = {
  name: 'tokens',
  callers: { applications: [guid(0xa1)] },
  tenants: ['*'],
  resources: ['graph'],
  scopes: ['User.Read.All', 'Directory.Read.All', 'Mail.Read'],
};
const reads = { name: 'reads', callers: { applications: [guid(0xa7)] }, reads: [tenant(1)] };
const textOf = (...rules: readonly object[]): string => JSON.stringify({ version: 1, rules });
const narrow = textOf({ ...rule, scopes: ['User.Read.All'] });

let audit: MemoryAuditLog;
let clock: FakeClock;
let state: PolicyState;
/** Domains whose tenant was asked for. */
let lookedUp: string[];

beforeEach(() => {
  audit = new MemoryAuditLog();
  lookedUp = [];
  clock = new FakeClock(auditStartMs + hourMs);
  const parsed = parsePolicy(textOf(rule, reads));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  state = { policy: parsed.policy, state: 'current', sha256: 'ab'.repeat(32), loadedAtMs: 0 };
});

const taken = (changes: Partial<AuditEntry> = {}): Promise<void> =>
  audit.record(issued({ roles: ['Tokens.Request'], requestedScopes: ['Directory.Read.All'], ...changes }));

async function replay(
  body: object,
  { caller = guid(0xa6), log = audit }: { caller?: string; log?: Services['audit'] } = {},
) {
  const listed = [1, 2].map((number) => ({ tenantId: tenant(number), defaultDomain: undefined }));
  const services = {
    audit: log,
    clock,
    callers: { policy: { current: async () => state } },
    directory: {
      list: async () => listed,
      tenantOf: async (domain: string) => {
        lookedUp.push(domain);
        if (domain === 'unknown.example') throw new BrokerError('entra_unavailable', 'No.');
        return domain === 'partner.example' ? tenant(9) : undefined;
      },
    },
    settings: { PARTNER_TENANT_ID: tenant(9) },
    tenantTags: new MemoryTenantTags({}),
    gateway: { permissionMap: async () => partnerMap() },
    turns: new Turns((work) => setImmediate(work)),
  } as unknown as Services;
  const route = boundRoutes().find(({ definition }) => definition.name === 'policy-replays');
  const request = new HttpRequest({
    method: 'POST',
    url: 'http://localhost/api/policy/replays',
    body: { string: JSON.stringify(body) },
  });
  const answer = await route?.answer(services, auditCall(request, caller));
  return replayAnswerSchema.parse(answer?.jsonBody);
}

describe('POST /api/policy/replays', () => {
  it('names both policies, the period, and what the other policy would have refused', async () => {
    await taken();
    const answer = await replay({ policy: narrow });
    expect(answer).toMatchObject({
      policies: { inForce: 'ab'.repeat(32), new: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      period: { from: '2026-11-17T10:30:00.000Z', to: '2026-11-24T10:30:00.000Z' },
      readFrom: '2026-11-17T10:30:00.000Z',
      records: 1,
      judged: 1,
      others: 0,
      changes: { refused: 1 },
      groups: [{ change: 'refused', ruleInForce: 'tokens', request: 'token Directory.Read.All' }],
    });
  });

  it('says what is used of the policy in force, if it gets no other', async () => {
    await taken();
    const { changes, use } = await replay({});
    expect(changes).toEqual({ refused: 0, allowed: 0, approval: 0, rule: 0 });
    expect(use?.rules).toMatchObject([{ rule: 'tokens', records: 1, unused: { scopes: ['Mail.Read'] } }]);
  });

  it('does not take "*" for the tenant of the partner, so that its records count for the rule that names it', async () => {
    const named = { ...rule, name: 'partner', tenants: [tenant(9)] };
    const parsed = parsePolicy(textOf(rule, named));
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    state = { ...state, policy: parsed.policy };
    await taken({ tenantId: tenant(9) });
    await taken({ tenantId: tenant(9), tenantAsked: 'partner.example' });
    const { use } = await replay({});
    expect(use?.rules.map(({ rule: name, records }) => [name, records])).toEqual([
      ['tokens', 0],
      ['partner', 2],
    ]);
  });

  it('says which rules open all of the tenant of the partner, also by a group or a domain', async () => {
    const all = { callers: rule.callers, resources: ['*'] };
    const rules = [
      { ...all, name: 'own', tenants: ['group:ours'] },
      { ...all, name: 'customers', tenants: ['*'] },
    ];
    const parsed = parsePolicy(JSON.stringify({ version: 1, rules, tenantGroups: { ours: ['partner.example'] } }));
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    state = { ...state, policy: parsed.policy };
    const { use } = await replay({});
    expect(use?.rules.map(({ rule: name, allows }) => [name, allows.partner])).toEqual([
      ['own', true],
      ['customers', undefined],
    ]);
  });

  it('marks a rule for the tenant of the partner also while an exception cannot be found out, and looks up few', async () => {
    const all = { callers: rule.callers, resources: ['*'] };
    const rules = [
      { ...all, name: 'own', tenants: [tenant(9)], except: ['unknown.example'] },
      { ...all, name: 'many', tenants: Array.from({ length: 100 }, (_, n) => `t${n}.example`) },
    ];
    const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    state = { ...state, policy: parsed.policy };

    const { use } = await replay({});
    expect(use?.rules.map(({ rule: name, allows }) => [name, allows.partner])).toEqual([
      ['own', true],
      ['many', undefined],
    ]);
    expect(lookedUp).toHaveLength(20);
  });

  it('shows a limited caller its tenants, and of the others only how many records there are', async () => {
    await taken();
    await taken({ tenantId: tenant(2), tokenId: guid(0xf2) });
    await taken({ tenantId: tenant(2), tokenId: guid(0xf3) });
    const answer = await replay({ policy: narrow }, { caller: guid(0xa7) });
    expect(answer).toMatchObject({ records: 1, others: 2, changes: { refused: 1 } });
    expect(answer).not.toHaveProperty('use');
    expect(JSON.stringify(answer)).not.toContain(tenant(2));
  });

  it.each([
    [
      'a policy with errors',
      { policy: textOf({ ...rule, resources: undefined }) },
      'policy: rules[0].resources: is missing.',
    ],
    ['a policy that is no JSON', { policy: '{' }, 'policy: The policy is not JSON'],
    ['a period without a time', { since: '2026-11-24', until: '2026-11-24' }, 'since: is not before `until`.'],
    ['an unknown name', { polices: narrow }, 'polices'],
  ])('refuses %s, and says what is wrong', async (_, body, detail) => {
    const unread = { query: () => expect.fail('read') } as unknown as Services['audit'];
    await expect(replay(body, { log: unread })).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining(detail) as string,
    });
  });

  it('names three of the problems of a policy', async () => {
    const rules = Array.from({ length: 9 }, (_, index) => ({ ...rule, name: `rule ${index}`, scopes: [] }));
    await expect(replay({ policy: textOf(...rules) })).rejects.toMatchObject({
      detail: expect.stringMatching(
        /^policy: (?:rules\[[0-2]\]\.scopes: [^.]+\. ){3}And 6 more; see `ptb policy check`\.$/,
      ) as string,
    });
  });

  it('refuses while no policy is in force, because it may have limited the caller', async () => {
    state = { policy: denyAll, state: 'deny-all', problem: 'gone', loadedAtMs: 0 };
    await expect(replay({ policy: narrow })).rejects.toMatchObject({ code: 'caller_forbidden' });
  });

  it('counts records before the log begins as none, and those of a clock that was ahead as they are', async () => {
    await taken({ atMs: clock.nowMs() + hourMs });
    expect(await replay({ since: '2020-01-01' })).toMatchObject({
      records: 1,
      judged: 1,
      readFrom: '2020-01-01T00:00:00.000Z',
    });
  });

  it('stops after 20,000 records or 20 s, and says since when it has read', async () => {
    const asked: AuditQuery[] = [];
    const endless = (msEach: number) =>
      ({
        query: async (query: AuditQuery) => {
          asked.push(query);
          await clock.advance(msEach);
          const entry = issued({ atMs: auditStartMs - asked.length * 1000 });
          return { entries: Array.from({ length: query.limit }, () => entry), continuation: 'more' };
        },
      }) as unknown as Services['audit'];
    const many = await replay({ policy: narrow }, { log: endless(0) });
    expect([many.records, many.readFrom]).toEqual([20_000, '2026-11-24T09:29:20.000Z']);
    expect(asked.map(({ continuation }) => continuation).slice(0, 2)).toEqual([undefined, 'more']);
    expect((await replay({ policy: narrow }, { log: endless(7_000) })).records).toBe(1_000);
    expect((await replay({ policy: narrow }, { log: endless(30_000) })).records).toBe(1);
  });

  it('stops after 20 s within a page, too', async () => {
    await taken();
    const [entry] = audit.entries as [AuditEntry];
    // Judging each record takes a second.
    let [judged, startMs] = [0, clock.nowMs()];
    clock.nowMs = () => startMs + judged * 1_000;
    const entries = Array.from({ length: 50 }, () => ({
      ...entry,
      get roles() {
        judged += 1;
        return entry.roles;
      },
    }));
    const page = { query: async () => ({ entries }) } as unknown as Services['audit'];
    const { records, readFrom } = await replay({ policy: narrow }, { log: page });
    expect(records).toBeLessThan(25);
    expect(records).toBeGreaterThan(0);
    expect(readFrom).toBe('2026-11-24T09:30:00.000Z');
  });

  it('lets others have a turn between two rules', async () => {
    const path = '/v1.0/users';
    await taken({ kind: 'request', outcome: 'sent', method: 'GET', path, template: path, roles: ['Requests.Send'] });
    const take = vi.spyOn(Turns.prototype, 'take');
    const turnsFor = async (count: number): Promise<number> => {
      const rules = Array.from({ length: count }, (_, index) => ({ ...rule, name: `rule ${index}`, via: ['gateway'] }));
      // Each look at the clock takes as long as a turn may.
      let nowMs = auditStartMs + hourMs;
      clock.nowMs = () => (nowMs += 10);
      take.mockClear();
      await replay({ policy: textOf(...rules) });
      return take.mock.calls.length;
    };
    expect((await turnsFor(50)) - (await turnsFor(1))).toBe(49);
  });

  it('reads the log once at a time, and lets two wait, as a page that is open and a policy that is tried on it', async () => {
    const { promise, resolve } = Promise.withResolvers<{ entries: [] }>();
    let reads = 0;
    const slow = {
      query: () => {
        reads += 1;
        return promise;
      },
    } as unknown as Services['audit'];
    const held = [replay({}, { log: slow }), replay({}, { log: slow }), replay({}, { log: slow })];
    await expect(replay({})).rejects.toMatchObject({ code: 'busy' });
    await expect.poll(() => reads).toBe(1);
    resolve({ entries: [] });
    expect((await Promise.all(held)).map(({ records }) => records)).toEqual([0, 0, 0]);
    expect(reads).toBe(3);
    await expect(replay({})).resolves.toMatchObject({ records: 0 });
  });
});
