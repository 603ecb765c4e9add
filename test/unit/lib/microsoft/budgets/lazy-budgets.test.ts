import { describe, expect, it, vi } from 'vitest';
import { createLazyBudgets, LazyBudgets } from '../../../../../src/lib/microsoft/budgets/lazy-budgets.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import type { AllBudgets, ShareUser } from '../../../../../src/lib/core/share.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { requestTo } from './rate-stage.ts';

const request = requestTo('/v1.0/users?$select=id', { id: 'job:a', kind: 'background' });
const user = (name: string): ShareUser & { readonly name: string } => ({
  name,
  demand: () => ({ interactive: 0, background: 1 }),
  held: () => 0,
  changed: () => undefined,
});

/** Budgets that say what they were told. */
function stage() {
  const told: unknown[][] = [];
  let loads = 0;
  const tell =
    (...first: readonly unknown[]) =>
    async (...rest: readonly unknown[]): Promise<void> =>
      void told.push([...first, ...rest]);
  const loaded: AllBudgets = {
    share: (name) => ({
      amount: () => 8,
      wanted: (isShort) => void told.push(['wanted', name, isShort]),
      attach: (attached) => void told.push(['attach', name, attached]),
    }),
    ready: tell('ready'),
    pause: (...args) => void told.push(['pause', ...args]),
    pausedMs: () => 700,
    admit: tell('admit'),
    throttled: (...args) => void told.push(['throttled', ...args]),
  };
  const budgets = new LazyBudgets(async () => {
    loads += 1;
    return loaded;
  });
  return { budgets, told, loads: () => loads };
}

describe('budgets that are not loaded', () => {
  it('have nothing, know of no pause, and do not load for that', () => {
    const { budgets, told, loads } = stage();
    const share = budgets.share('entra');
    share.wanted(true);
    budgets.pause('graph', 5);
    budgets.throttled(request, 5);
    expect([share.amount(), budgets.pausedMs('graph'), told, loads()]).toEqual([0, 0, [], 0]);
  });

  it('load once, for whoever is first, and know the users that came before', async () => {
    const { budgets, told, loads } = stage();
    const kept = user('kept');
    const share = budgets.share('entra');
    share.attach(kept);
    const { signal } = new AbortController();
    await Promise.all([budgets.ready(signal), budgets.admit(request, signal)]);
    expect(told).toEqual([
      ['attach', 'entra', kept],
      ['ready', signal],
      ['admit', request, signal],
    ]);
    expect([share.amount(), loads()]).toEqual([8, 1]);
  });

  it('load again after a failure', async () => {
    const load = vi.fn<() => Promise<AllBudgets>>().mockRejectedValue(new Error('away'));
    const budgets = new LazyBudgets(load);
    await expect(budgets.ready()).rejects.toThrow('away');
    await expect(budgets.admit(request)).rejects.toThrow('away');
    expect(load).toHaveBeenCalledTimes(2);
  });
});

it('budgets that are loaded pass everything on', async () => {
  const { budgets, told } = stage();
  await budgets.ready();
  told.length = 0;
  const late = user('late');
  const share = budgets.share('graph');
  share.attach(late);
  share.wanted(true);
  share.wanted(false);
  budgets.pause('graph', 5);
  budgets.throttled(request, 5, 'Tenant/x');
  await budgets.admit(request);
  await budgets.ready();
  expect(told).toEqual([
    ['attach', 'graph', late],
    ['wanted', 'graph', true],
    ['wanted', 'graph', false],
    ['pause', 'graph', 5],
    ['throttled', request, 5, 'Tenant/x'],
    ['admit', request, undefined],
    ['ready', undefined],
  ]);
  expect(budgets.pausedMs('graph')).toBe(700);
});

describe('the budgets of the app', () => {
  const open = () => {
    const table = new EntityTable();
    const clock = new FakeClock();
    const names: string[] = [];
    const budgets = createLazyBudgets(
      {
        clock,
        random: () => 0.5,
        newId: () => '12345678-9abc-4000-8000-000000000000',
        log: silentLogger,
        background: (work) => work(),
        table: async (name) => {
          names.push(name);
          return table.client;
        },
        usersOf: async () => undefined,
      },
      12,
    );
    const ledger = (): Record<string, unknown> =>
      JSON.parse(String(table.rows.get('budgets/ledger')?.['ledger0'] ?? '{}')) as Record<string, unknown>;
    return { budgets, names, ledger };
  };

  it('are kept in a table, under the first eight characters of an id', async () => {
    const { budgets, names, ledger } = open();
    const share = budgets.share('entra');
    share.attach(user('entra'));
    await budgets.ready();
    expect(share.amount()).toBe(12);
    expect(names).toEqual(['Budgets']);
    expect(ledger()).toMatchObject({ m: { '12345678': 1 }, b: { entra: { '12345678': [12, 0, 0, 1, 0] } } });
  });

  it('admit requests, and hold back those for which the resource asks', async () => {
    const { budgets } = open();
    await budgets.admit(request);
    budgets.throttled(request, 60, 'Tenant/x');
    await expect(budgets.admit(request)).rejects.toMatchObject({ code: 'throttled' });
    expect(budgets.pausedMs(`graph ${request.tenantId}`)).toBeGreaterThan(50_000);
    budgets.pause('graph default', 30_000);
    expect(budgets.pausedMs('graph default')).toBeGreaterThan(20_000);
  });
});
