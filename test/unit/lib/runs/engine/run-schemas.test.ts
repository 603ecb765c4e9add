import { describe, expect, it } from 'vitest';
import {
  planRunResultSchema,
  runPlanSchema,
  runRequestSchema,
} from '../../../../../src/lib/runs/engine/run-schemas.ts';
import { tenantId } from '../store/stage.ts';

/* What an earlier or later build wrote. */

const asker = {
  applicationId: 'an-application',
  objectId: 'an-object',
  kind: 'user',
  roles: ['Requests.Send'],
  tenantId: tenantId(9),
  name: 'ada@partner.example',
};

describe('a stored request', () => {
  it('keeps whoever asked, with the roles that this build knows', () => {
    const stored = { parameters: { path: '/users' }, asker: { ...asker, roles: ['Later.Role', 'Requests.Send'] } };
    expect(runRequestSchema.parse(stored)).toEqual({ parameters: { path: '/users' }, asker });
  });

  it('keeps the blueprint and the person of an agent, whose rules may name them', () => {
    const agent = { ...asker, kind: 'agent', blueprint: 'a-blueprint', actsFor: 'an-object' };
    expect(runRequestSchema.parse({ parameters: {}, asker: agent })).toEqual({ parameters: {}, asker: agent });
  });

  it('has its parameters under another name beside a choice', () => {
    const stored = { choice: { tenants: ['tag:a'], except: ['b.example'] }, given: { days: 30 } };
    expect(runRequestSchema.parse(stored)).toEqual({ choice: stored.choice, parameters: { days: 30 } });
  });

  it.each([
    [{ parameters: {}, tenants: ['contoso.com'] }],
    [{ parameters: {}, asker: { ...asker, kind: 'machine' } }],
    [{ parameters: {}, asker: { ...asker, tenantId: 'partner' } }],
    [{ choice: { tenants: ['tag:a'] } }],
  ])('that cannot be one is refused: %j', (stored) => {
    expect(runRequestSchema.safeParse(stored).success).toBe(false);
  });
});

it('a code that this build does not know counts as an internal error', () => {
  const record = {
    tenantId: tenantId(1),
    name: 'Contoso',
    outcome: 'failed',
    round: 0,
    rows: 0,
    columns: [],
    startedAtMs: 0,
    finishedAtMs: 0,
  };
  const plan = (code: string) => ({ job: 'job', parameters: {}, attempt: [], decided: [{ ...record, code }] });
  expect(runPlanSchema.parse(plan('a_later_code')).decided[0]?.code).toBe('internal');
  expect(runPlanSchema.parse(plan('throttled')).decided[0]?.code).toBe('throttled');
  const failed = { ok: false, code: 'a_later_code', detail: 'It failed.', transient: true };
  expect(planRunResultSchema.parse(failed)).toEqual({ ...failed, code: 'internal' });
});
