import { describe, expect, it, vi } from 'vitest';
import { extractPage } from '../../../../../src/lib/audit/proof/extract.ts';
import type { OwnCheckpoint } from '../../../../../src/lib/audit/proof/tenant-tree.ts';
import { verifyExtract } from '../../../../../src/lib/audit/proof/verify-extract.ts';
import { nilUuid, type TenantId } from '../../../../../src/lib/core/identifiers.ts';
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

it('reads no checkpoint from before the accounts began, however long before them the period begins', async () => {
  const world = new ProofWorld(9, 3, calm);
  world.audit.startInstance();
  // Checkpoints of a version without accounts.
  await world.audit.leap(20 * 60);
  const beganMs = world.audit.nowMs;
  await world.run(1_200);
  const asked: number[] = [];
  const checkpoints = (fromMs: number) => {
    asked.push(fromMs);
    return world.checkpoints();
  };
  const [, tenant = nilUuid as TenantId] = world.tenants;
  const lines = await world.extract(tenant, beganMs - 19 * 3_600_000, world.audit.nowMs, { checkpoints });
  const verdict = await verifyExtract(textsOf(lines), { keys: world.keys, nowMs: world.audit.nowMs });
  expect(verdict).toMatchObject({ isProven: true, problems: [] });
  expect(verdict.records).toBeGreaterThan(0);
  expect(Math.min(...asked)).toBeGreaterThan(beganMs - 20 * 60_000);
});

describe('a page of a long time without records', () => {
  const fromMs = Date.UTC(2026, 0, 1);
  const day = 86_400_000;
  const days = 30;
  const tenant = guid(1) as TenantId;
  const own = Array.from({ length: days * 288 }, (_, at): OwnCheckpoint => {
    const toMs = fromMs + (at + 1) * 300_000;
    const [from, to] = [new Date(toMs - 300_000).toISOString(), new Date(toMs).toISOString()];
    const began = { number: 1, from };
    const head = { v: 1, broker: 'b', number: at + 1, to, root: 'r', bits: 1, began, indexKey: 'k', previous: null };
    const tenants = `x.${Buffer.from(JSON.stringify(head)).toString('base64url')}.y`;
    const more = { previous: '', chains: [], unchained: { digest: '' }, tenants };
    return { jws: 'j', checkpoint: { number: at + 1, from, to, at: to, ...more } as never };
  });
  /** Asks for the page that follows a place. */
  async function ask(continuation: string, read: (atMs: number, toMs: number) => Iterable<object>) {
    const asked: number[] = [];
    const deps = {
      tree: { cover: async () => new Map() },
      checkpoints: async function* (atMs: number) {
        yield* own.slice(Math.max(0, Math.floor((atMs - fromMs) / 300_000) - 1));
      },
      read: async function* (atMs: number, toMs: number) {
        asked.push((toMs - atMs) / day);
        yield* read(atMs, toMs);
      },
    };
    const query = { tenant, sinceMs: fromMs, untilMs: fromMs + days * day, nowMs: fromMs + days * day };
    return { ...(await extractPage(deps as never, query, continuation)), asked };
  }
  const first = `1.${fromMs + 300_000}.${own.length}.0.0.0`;

  it('reads some days of it, and leaves the rest to the next', async () => {
    let continuation: string | undefined = first;
    let pages = 0;
    while (continuation !== undefined) {
      const page = await ask(continuation, () => []);
      expect(page.asked.reduce((sum, each) => sum + each, 0)).toBeLessThan(5);
      expect(page.lines.length).toBe(page.continuation === undefined ? 1 : 0);
      continuation = page.continuation;
      pages += 1;
    }
    expect(pages).toBeLessThan(12);
  });

  it('ends although a record that it found is purged meanwhile', async () => {
    let reads = 0;
    const { continuation } = await ask(first, () => {
      reads += 1;
      if (reads > 100) throw new Error('It reads for ever.');
      return reads === 2 ? [{ tenantId: tenant }] : [];
    });
    expect(continuation).toBeDefined();
  });
});
