import { describe, expect, it } from 'vitest';
import {
  type RunTenant,
  runTenants,
  type RunTenantsOptions,
  type TenantEnd,
} from '../../../../src/cli/exec/run-tenants.ts';
import { endLine, summaryOf } from '../../../../src/cli/exec/exec.ts';
import { plainLine } from '../../../../src/cli/line.ts';
import type { ExecTenant } from '../../../../src/cli/exec/tenant.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';

const tenants = Array.from(
  { length: 20 },
  (_, index): ExecTenant => ({ tenantId: `t${index}`, name: `Tenant ${index}`, defaultDomain: `t${index}.example` }),
);
const none = new AbortController().signal;

async function run(work: RunTenant, options: Partial<RunTenantsOptions> = {}) {
  const told: TenantEnd[] = [];
  const ended = async (end: TenantEnd): Promise<void> => void told.push(end);
  const ends = await runTenants({ clock: systemClock, run: work, ended }, tenants, {
    parallel: 4,
    retries: 0,
    signal: none,
    ...options,
  });
  return { ends, told };
}

describe('runTenants', () => {
  it('runs the program once per tenant, and never more at a time than allowed', async () => {
    let active = 0;
    let most = 0;
    const seen: string[] = [];
    const { ends, told } = await run(async ({ tenantId }) => {
      seen.push(tenantId);
      most = Math.max(most, ++active);
      await systemClock.sleep(1);
      active -= 1;
      return { outcome: 'succeeded', exitCode: 0 };
    });
    expect(seen.toSorted()).toEqual(tenants.map(({ tenantId }) => tenantId).toSorted());
    expect(most).toBe(4);
    expect(ends).toHaveLength(20);
    expect(told).toEqual(ends);
  });

  it('starts failed programs again after all others, as often as asked', async () => {
    const order: string[] = [];
    const { ends } = await run(
      async ({ tenantId }) => {
        order.push(tenantId);
        const attempt = order.filter((id) => id === tenantId).length;
        const fails = tenantId === 't0' || (tenantId === 't1' && attempt < 3);
        return fails ? { outcome: 'failed', exitCode: 4 } : { outcome: 'succeeded', exitCode: 0 };
      },
      { retries: 2, parallel: 1 },
    );
    expect(order.slice(20)).toEqual(['t0', 't1', 't0', 't1']);
    const of = (id: string) => ends.find(({ tenant }) => tenant.tenantId === id);
    expect(of('t0')).toMatchObject({ outcome: 'failed', attempts: 3 });
    expect(of('t1')).toMatchObject({ outcome: 'succeeded', attempts: 3 });
    expect(of('t2')).toMatchObject({ outcome: 'succeeded', attempts: 1 });
  });

  it('starts nothing more once it is interrupted, and reports only what ended', async () => {
    const controller = new AbortController();
    let started = 0;
    const { ends } = await run(
      async () => {
        started += 1;
        if (started === 6) controller.abort();
        return controller.signal.aborted ? { outcome: 'interrupted' } : { outcome: 'succeeded', exitCode: 0 };
      },
      { signal: controller.signal, parallel: 1, retries: 3 },
    );
    expect([started, ends.length]).toEqual([6, 5]);
  });

  it('ends with the first error once the programs under way have ended', async () => {
    let active = 0;
    const work: RunTenant = async ({ tenantId }) => {
      active += 1;
      await systemClock.sleep(tenantId === 't0' ? 1 : 20);
      active -= 1;
      if (tenantId === 't0') throw new Error('disk full');
      return { outcome: 'succeeded' };
    };
    await expect(run(work)).rejects.toThrow('disk full');
    expect(active).toBe(0);
  });

  it('needs no tenants', async () => {
    const ended = async (): Promise<void> => undefined;
    const deps = { clock: systemClock, run: async () => ({ outcome: 'succeeded' }) as const, ended };
    expect(await runTenants(deps, [], { parallel: 4, retries: 0, signal: none })).toEqual([]);
  });
});

describe('texts of ptb exec', () => {
  const [tenant = { tenantId: '', name: '' }] = tenants;
  const end = (more: Partial<TenantEnd>): string =>
    plainLine(endLine({ tenant, outcome: 'failed', durationMs: 1234, attempts: 1, ...more }));

  it.each([
    [{ outcome: 'succeeded', exitCode: 0 }, 't0.example: exit 0, 1.2 s.'],
    [{ exitCode: 4 }, 't0.example: exit 4, 1.2 s.'],
    [{ exitCode: 1, detail: 'Why.' }, 't0.example: exit 1, 1.2 s. Why.'],
    [{ endedBy: 'SIGSEGV' }, 't0.example: ended by SIGSEGV, 1.2 s.'],
    [{ outcome: 'timed_out', endedBy: 'SIGKILL' }, 't0.example: ended because of --timeout, 1.2 s.'],
    [{ detail: 'A name.' }, 't0.example: not started, 1.2 s. A name.'],
  ] as const)('say how a program ended: %j', (more, text) => {
    expect(end(more)).toBe(text);
  });

  it('sum up what ended and what did not', () => {
    const ends = (['succeeded', 'failed', 'timed_out'] as const).map((outcome) => ({
      tenant,
      outcome,
      durationMs: 1,
      attempts: 1,
    }));
    expect(summaryOf(ends, 3, 0)).toBe('3 tenants: 1 succeeded, 2 failed.');
    expect(summaryOf(ends, 10, 4)).toBe('10 tenants: 1 succeeded, 2 failed, 4 done before, 3 not run.');
    expect(summaryOf([], 1, 1)).toBe('1 tenant: 0 succeeded, 0 failed, 1 done before.');
  });
});
