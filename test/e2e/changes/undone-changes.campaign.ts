import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChangeFleet, startChangeFleet } from './change-fleet.ts';

/* A plan, its apply and its undo over many tenants. PTB_TENANTS chooses fewer. */

const tenants = Number(process.env['PTB_TENANTS'] ?? 1_000);

let fleet: ChangeFleet;
beforeAll(async () => {
  fleet = await startChangeFleet(tenants);
}, 900_000);
afterAll(() => fleet?.stop());

/** Where Microsoft keeps for 30 days what an undo has deleted. */
const kept = /^identity\/conditionalAccess\/deletedItems\//;

/** Everything that Graph shows of each tenant: a digest of the bytes of each set. */
async function digests(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const found = new Map<string, Readonly<Record<string, string>>>();
  const left = fleet.tenants.values();
  const readOn = async (): Promise<void> => {
    for (const tenantId of left) {
      const answer = await fetch(`${fleet.control}/tenants/${tenantId}/digest`);
      const { paths } = (await answer.json()) as { readonly paths: Readonly<Record<string, string>> };
      found.set(tenantId, Object.fromEntries(Object.entries(paths).filter(([path]) => !kept.test(path))));
    }
  };
  await Promise.all(Array.from({ length: 16 }, readOn));
  return found;
}

async function applyAll(planId: string): Promise<{ readonly changes: number; readonly seconds: number }> {
  const { status, changes, changedTenants, irreversible } = await fleet.ended(planId, 'plan');
  const { failures } = await fleet.ask('GET', `/runs/${encodeURIComponent(planId)}`);
  console.log(`${new Date().toISOString()}: ${changes} changes are planned; failures: ${JSON.stringify(failures)}`);
  expect({ status, changes, changedTenants, irreversible }).toEqual({
    status: 'completed',
    changes: 3 * tenants,
    changedTenants: tenants,
    irreversible: 0,
  });
  const begunMs = Date.now();
  await fleet.ask('POST', `/plans/${encodeURIComponent(planId)}/apply`, { pauseMinutes: 0, confirmWaves: false });
  const { apply } = await fleet.ended(planId, 'apply');
  expect(apply).toMatchObject({ status: 'completed', outcomes: { applied: changes } });
  return { changes, seconds: Math.round((Date.now() - begunMs) / 1000) };
}

test(`a plan, its apply and its undo leave each of ${tenants} tenants byte for byte as it was`, async () => {
  const host = await fleet.stack.startHost({ appFolder: fleet.app.folder });
  fleet.turnTo(host.ready.url);
  const before = await digests();
  const sets = Object.keys(before.get(fleet.tenants[0] ?? '') ?? {}).length;
  const made = await fleet.ask('POST', '/jobs/three-changes/plans', { tenants: fleet.tenants });
  const planId = String(made['runId']);
  await fleet.ended(planId, 'plan');
  expect(await digests()).toEqual(before);
  const applied = await applyAll(planId);
  const between = await digests();
  const untouched = fleet.tenants.filter((id) => JSON.stringify(between.get(id)) === JSON.stringify(before.get(id)));
  expect(untouched).toEqual([]);
  const undo = await fleet.ask('POST', `/plans/${encodeURIComponent(planId)}/undo`);
  const undone = await applyAll(String(undo['runId']));
  const after = await digests();
  const different = fleet.tenants.flatMap((id) =>
    Object.keys({ ...before.get(id), ...after.get(id) }).filter(
      (path) => before.get(id)?.[path] !== after.get(id)?.[path],
    ),
  );
  console.log(
    `${tenants} tenants: ${applied.changes} changes applied in ${applied.seconds} s, ${undone.changes} taken back in ${undone.seconds} s; ${sets} sets of each tenant compared, ${different.length} different`,
  );
  expect(
    Object.entries(Object.groupBy(different, (path) => path)).map(([path, all]) => `${path}: ${all?.length}`),
  ).toEqual([]);
}, 3_600_000);
