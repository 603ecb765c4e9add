import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fullCaller } from '../../src/cli/demo/caller-token.ts';
import { settingsSchema } from '../../src/lib/config/settings.ts';
import { tuning } from '../../src/lib/config/tuning.ts';
import { requestersOf } from '../../src/lib/runs/engine/visit-tenants.ts';
import type { TestOperator } from '../e2e/credential/operator.ts';
import { type App, compose, heldWork, startStoredCloud, surroundings, tokenFor } from './composed.ts';
import type { OpenedStorage } from './fake-storage.ts';
import type { SettingRow } from './rows.ts';
import { settingRows } from './setting-rows.ts';

// Each setting and each constant has a value that no other one has and that is not its default. So an effect with the
// value proves that this setting causes it. The cloud is simulated; only the clients of Azure Storage are fakes.

const opened = vi.hoisted((): OpenedStorage => ({ addresses: new Set(), blob: '' }));
vi.mock(import('@azure/data-tables'), async (original) =>
  (await import('./fake-storage.ts')).fakeTables(await original(), opened),
);
vi.mock(import('@azure/storage-blob'), async (original) =>
  (await import('./fake-storage.ts')).fakeBlobs(await original(), opened),
);
vi.mock(import('../../src/lib/config/tuning.ts'), () => ({
  tuning: {
    resourceConcurrency: 9,
    tenantConcurrency: 3,
    tokenCacheSize: 4,
    credentialRereadSeconds: 777,
    runs: { batchSize: 61, groupSize: 8, inTurn: true, rounds: 6, retryDelaySeconds: 63 },
  } as never,
}));

let operator: TestOperator;
let folder: string;
let rows: Readonly<Record<string, SettingRow>>;
beforeAll(async () => {
  operator = await startStoredCloud();
  folder = await mkdtemp(join(tmpdir(), 'ptb-composition-'));
  rows = settingRows(operator, folder, opened);
  const callers = { applications: [fullCaller(operator.cloud.document).clientId] };
  const policy = (name: string): string =>
    JSON.stringify({ version: 1, rules: [{ name, callers, tenants: ['*'], resources: ['graph'] }] });
  await writeFile(join(folder, 'policy.json'), policy('from a file'));
  opened.blob = policy('from a blob');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await operator.close();
});
beforeEach(() => {
  opened.addresses.clear();
  operator.cloud.ledger.reset();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Composes the app with the value of every row, except for these changes. */
function composeAll(changes: Readonly<Record<string, string | undefined>> = {}): Promise<App> {
  const values = Object.fromEntries(Object.entries(rows).map(([name, { value }]) => [name, value]));
  // The simulated cloud has the resources of the public one.
  return compose({ ...surroundings(operator), ...values, MICROSOFT_CLOUD: 'public', ...changes });
}

describe('a setting', () => {
  it('is in the table, with a value that no other one has', () => {
    expect(Object.keys(rows).toSorted()).toEqual(Object.keys(settingsSchema.shape).toSorted());
    const values = Object.values(rows).map(({ value }) => value);
    expect(new Set(values).size).toBe(values.length);
    const defaults = settingsSchema.partial().parse({}) as Record<string, unknown>;
    for (const [name, { value }] of Object.entries(rows)) {
      expect(value).toMatch(/./);
      expect(value).not.toBe(String(defaults[name]));
    }
  });

  it('is named in health and in the log if it is misspelt', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { services } = await composeAll({ TENANT_EXCLUDE: 'contoso.com' });
    expect((await services.health.report()).settings.problem).toContain('Rename it to TENANTS_EXCLUDE');
    const lines = log.mock.calls.map(String).filter((line) => line.includes('settings.unknown'));
    expect(lines).toEqual([expect.stringContaining('Rename it to TENANTS_EXCLUDE')]);
    log.mockRestore();
    vi.stubEnv('TENANT_EXCLUDE', undefined);
  });

  it.each(Object.keys(settingsSchema.shape))('takes effect: %s', async (name) => {
    const { beside, effect, is, value } = rows[name]!;
    const app = await composeAll({ ...beside, [name]: value });
    expect(await effect(app)).toEqual(is);
  });
});

type Held = ReturnType<typeof heldWork>['work'];

async function limits(limiter: { readonly waiting: number }, run: (work: Held) => Promise<unknown>, limit: number) {
  const { work, release, most } = heldWork();
  const running = Array.from({ length: 20 }, () => run(work));
  await expect.poll(() => limiter.waiting).toBe(20 - limit);
  release();
  await Promise.all(running);
  expect(most()).toBe(limit);
}

const constants: Readonly<Record<string, (app: App) => Promise<void>>> = {
  resourceConcurrency: ({ services: { limiter, requestSlots } }) =>
    limits(requestSlots, (work) => limiter.run(work), 9),
  tenantConcurrency: async ({ services: { tenantSlots, changeSlots } }) => {
    await limits(tenantSlots, (work) => tenantSlots.run(work, requestersOf('probe@1')), 3);
    await limits(changeSlots, (work) => changeSlots.run(work, requestersOf('probe@1')), 9);
  },
  tokenCacheSize: async ({ services }) => {
    const [first = '', second = '', third = '', fourth = '', fifth = ''] = operator.cloud.document.tenants.map(
      ({ tenantId }) => tenantId,
    );
    const fromCache = async (tenantId: string): Promise<boolean> => (await tokenFor(services, tenantId)).fromCache;
    for (const each of [first, second, third, fourth]) expect(await fromCache(each)).toBe(false);
    expect(await fromCache(first)).toBe(true);
    // The fifth token takes the place of the one that was used least recently.
    expect([await fromCache(fifth), await fromCache(first), await fromCache(second)]).toEqual([false, true, false]);
  },
  credentialRereadSeconds: async ({ services }) => {
    const { ledger } = operator.cloud;
    const readAgain = async (): Promise<boolean> => {
      ledger.reset();
      await services.credentials.cached.get('default');
      return ledger.read().totals.keyVaultReads > 0;
    };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    expect(await readAgain()).toBe(true);
    vi.setSystemTime(Date.now() + 776_000);
    expect(await readAgain()).toBe(false);
    vi.setSystemTime(Date.now() + 2_000);
    expect(await readAgain()).toBe(true);
  },
  runs: async ({ services }) => {
    expect(services.tuning).toEqual({ batchSize: 61, groupSize: 8, inTurn: true, rounds: 6, retryDelaySeconds: 63 });
  },
};

describe('a constant of tuning.ts', () => {
  it('is in the table, with a value of its own', async () => {
    const real = await vi.importActual<{ tuning: object }>('../../src/lib/config/tuning.ts');
    expect(Object.keys(constants)).toEqual(Object.keys(real.tuning));
    expect(Object.keys(tuning)).toEqual(Object.keys(real.tuning));
  });

  it.each(Object.keys(constants))('takes effect: %s', async (name) => {
    const observe = constants[name]!;
    await expect(observe(await composeAll())).resolves.toBeUndefined();
  });
});
