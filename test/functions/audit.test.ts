import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { audit } from '../../src/functions/audit.ts';
import type { PolicyStore } from '../../src/lib/access/policy/policy-store.ts';
import { auditAnswerSchema } from '../../src/lib/api/answers/audit.ts';
import { isoTime } from '../../src/lib/core/clock.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../fakes/memory-audit-log.ts';
import { openPolicy } from '../support/open-policy.ts';
import { auditStartMs, denied, guid, issued, tenant } from '../support/audit-entries.ts';
import { delegatedTenant } from '../support/delegated-tenant.ts';
import { auditCall } from '../support/route-call.ts';

const contoso = delegatedTenant(tenant(1), 'Contoso');

async function request(log: MemoryAuditLog, query: Record<string, string>, policy: PolicyStore = openPolicy) {
  const services = {
    audit: log,
    callers: { policy },
    clock: new FakeClock(auditStartMs),
    directory: { find: (domain: string) => Promise.resolve(domain === 'contoso.com' ? contoso : undefined) },
  };
  const call = auditCall(new HttpRequest({ method: 'GET', url: 'http://localhost/api/audit', query }));
  try {
    const { status, jsonBody } = await audit.answer(services as unknown as Services, call);
    return { status, body: jsonBody };
  } catch (error) {
    return { code: error instanceof BrokerError ? error.code : String(error) };
  }
}

async function logOf(...entries: Parameters<MemoryAuditLog['record']>[0][]): Promise<MemoryAuditLog> {
  const log = new MemoryAuditLog();
  for (const entry of entries) await log.record(entry);
  return log;
}

describe('GET /api/audit', () => {
  it('includes by default the records of an instance whose clock is ahead by up to a day', async () => {
    const log = await logOf(issued({ atMs: auditStartMs + 600_000 }), issued({ atMs: auditStartMs + 23 * 3_600_000 }));
    const count = async (query: Record<string, string>) =>
      ((await request(log, query)).body as { entries: readonly unknown[] }).entries.length;
    expect(await count({})).toBe(2);
    // The end of the answer is after both, so further pages of the same range lack neither.
    expect((await request(log, {})).body).toMatchObject({ to: isoTime(auditStartMs + 23 * 3_600_000 + 1) });
    expect(await count({ to: isoTime(auditStartMs) })).toBe(0);
  });

  it('names the callers of its entries as the policy does now', async () => {
    const log = await logOf(issued({ atMs: auditStartMs }));
    const { policy } = await openPolicy.current();
    const { applicationId } = issued().caller;
    const callerNames = new Map([
      [applicationId, 'Portal'],
      [guid(99), 'somebody else'],
    ]);
    const named = async () => ({ policy: { ...policy, callerNames }, state: 'current' as const, loadedAtMs: 0 });
    const { body } = await request(log, {}, { current: named });
    expect(body).toMatchObject({ callerNames: { [applicationId]: 'Portal' } });
    expect(JSON.stringify(body)).not.toContain('somebody else');
  });

  it('returns the last 24 hours, newest first, with ISO 8601 times', async () => {
    const log = await logOf(
      issued({ atMs: auditStartMs }),
      denied({ atMs: auditStartMs - 1000 }),
      issued({ atMs: auditStartMs - 25 * 3_600_000 }),
    );
    const { atMs: _atMs, expiresAtMs: _expiresAtMs, ...rest } = issued();
    expect(await request(log, {})).toMatchObject({
      status: 200,
      body: {
        to: isoTime(auditStartMs + 1),
        entries: [
          { at: '2026-11-24T09:30:00.000Z', expiresAt: '2026-11-24T10:30:00.000Z', ...rest },
          { at: '2026-11-24T09:29:59.000Z', outcome: 'denied', code: 'caller_forbidden' },
        ],
      },
    });
  });

  it('says of an agent its blueprint and the person that it acted for', async () => {
    const agent = { applicationId: guid(1), objectId: guid(2), kind: 'agent', blueprint: guid(3) } as const;
    const log = await logOf(
      issued({ atMs: auditStartMs - 1, caller: { ...agent, actsFor: guid(2) } }),
      issued({ atMs: auditStartMs - 2, caller: agent }),
    );
    const { entries } = auditAnswerSchema.parse((await request(log, {})).body);
    expect(entries.map(({ caller }) => caller)).toEqual([{ ...agent, actsFor: guid(2) }, agent]);
  });

  it('filters by time, caller, outcome, and tenant by id or domain', async () => {
    const log = await logOf(
      issued({ atMs: auditStartMs - 1 }),
      issued({ atMs: auditStartMs - 2, tenantId: tenant(2) }),
      denied({ atMs: auditStartMs - 3 }),
      issued({ atMs: auditStartMs - 48 * 3_600_000 }),
    );
    const count = async (query: Record<string, string>): Promise<number> => {
      const { body } = await request(log, query);
      expect(body).toHaveProperty('entries');
      return (body as { entries: unknown[] }).entries.length;
    };
    expect(await count({ from: '2026-11-22', to: '2026-11-25T00:00:00+01:00' })).toBe(4);
    expect(await count({ from: '2026-11-22', to: '2026-11-23' })).toBe(1);
    expect(await count({ tenant: 'contoso.com' })).toBe(1);
    expect(await count({ tenant: tenant(2).toUpperCase() })).toBe(1);
    expect(await count({ caller: guid(0xa2) })).toBe(1);
    expect(await count({ outcome: 'denied' })).toBe(1);
    expect(await count({ outcome: 'issued' })).toBe(2);
  });

  it('continues after the previous page', async () => {
    const log = await logOf(...[1, 2, 3].map((ms) => issued({ atMs: auditStartMs - ms })));
    const first = await request(log, { limit: '2' });
    expect(first.body).toMatchObject({ entries: [{}, {}], continuation: '2' });
    const second = await request(log, { limit: '2', continuation: '2' });
    expect(second.body).toMatchObject({ entries: [{ at: isoTime(auditStartMs - 3) }] });
    expect(second.body).not.toHaveProperty('continuation');
  });

  it.each([
    ['a misspelt filter', { callers: guid(1) }, 'request_invalid'],
    ['a time that is not ISO 8601', { from: 'yesterday' }, 'request_invalid'],
    ['a date that does not exist', { from: '2026-02-30' }, 'request_invalid'],
    ['an end before the start', { from: '2026-11-24', to: '2026-11-23' }, 'request_invalid'],
    ['an end at the start', { from: '2026-11-24', to: '2026-11-24' }, 'request_invalid'],
    ['a caller by name', { caller: "x' or '1' eq '1" }, 'request_invalid'],
    ['a tenant that is neither an id nor a domain', { tenant: "' or 1 eq 1" }, 'request_invalid'],
    ['a domain of no delegated tenant', { tenant: 'fabrikam.com' }, 'tenant_unknown'],
    ['an unknown outcome', { outcome: "denied' or '1' eq '1" }, 'request_invalid'],
    ['an outcome in another case', { outcome: 'Denied' }, 'request_invalid'],
    ['a limit of 0', { limit: '0' }, 'request_invalid'],
    ['a limit above 1,000', { limit: '1001' }, 'request_invalid'],
    ['a malformed continuation', { continuation: '../..' }, 'request_invalid'],
  ])('rejects %s', async (_name, query, code) => {
    expect(await request(new MemoryAuditLog(), query)).toEqual({ code });
  });
});
