import { expect, it, vi } from 'vitest';
import type { OwnCheckpoint } from '../../../../../src/lib/audit/proof/tenant-tree.ts';
import { verifyExtract } from '../../../../../src/lib/audit/proof/verify-extract.ts';
import { nilUuid } from '../../../../../src/lib/core/identifiers.ts';
import { runProofCampaign } from '../../../../campaigns/proof/proof-campaign.ts';
import { calm, ProofWorld, textsOf } from '../../../../campaigns/proof/proof-world.ts';
import { guid } from '../../../../support/audit-entries.ts';

/** A campaign has 10,000 false extracts: PROOF_TAMPERINGS=10000 PROOF_HONEST=1000. */
const tamperings = Number(process.env['PROOF_TAMPERINGS'] ?? 500);
const honest = Number(process.env['PROOF_HONEST'] ?? 60);

it('proves honest extracts of fleets with crashes and late records and no false one', {
  timeout: 10_000_000,
}, async () => {
  const found = await runProofCampaign(tamperings, honest, Number(process.env['PROOF_SEED'] ?? 1));
  expect(found.falseAlarms).toEqual([]);
  expect(found.incomplete).toEqual([]);
  expect(found.missed).toEqual([]);
  expect(found.proven).toBeGreaterThan(honest / 2);
});

it('of a hundred tenants with records in a few hours of a week takes few pages and two trees', async () => {
  const world = new ProofWorld(8, 101, calm);
  const leap = async (hours: number): Promise<void> => {
    world.audit.tree = world.tree;
    await world.audit.leap(hours * 60);
    world.audit.tree = undefined;
  };
  for (let started = 0; started < 3; started += 1) world.audit.startInstance();
  const startMs = world.audit.nowMs;
  await world.run(1_500);
  await leap(30);
  // Some tenants have nothing in the middle.
  world.audit.tenants = 20;
  await world.run(900);
  world.audit.tenants = 101;
  await leap(30);
  await world.run(1_500);
  world.tree = world.newTree();
  const own: OwnCheckpoint[] = [];
  for await (const each of world.checkpoints()) own.push(each);
  const checkpoints = async function* (fromMs: number) {
    yield* own.slice(Math.max(0, own.findIndex(({ checkpoint }) => Date.parse(checkpoint.at) >= fromMs) - 1));
  };
  const read = vi.spyOn(world.stored, 'get');
  const pages: number[] = [];
  for (const tenant of [...world.tenants, guid(0xdead) as never]) {
    const extract = await world.pages(tenant, startMs, world.audit.nowMs, { checkpoints });
    const verdict = await verifyExtract(textsOf(extract.flat()), { keys: world.keys, nowMs: world.audit.nowMs });
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    expect(verdict.records + verdict.unsigned).toBe(world.recordsOf(tenant).length);
    if (tenant !== nilUuid) pages.push(extract.length);
  }
  expect(world.audit.checkpoints.length).toBeGreaterThan(370);
  expect(Math.max(...pages)).toBeLessThan(5);
  // Of each page one, for the records that are covered by then; of two trees the changes of some hours.
  expect(read.mock.calls.length).toBeLessThan(2 * pages.length);
});
