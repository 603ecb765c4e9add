import { hash } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { AuditEntry } from '../../../../../src/lib/audit/audit-log.ts';
import type { ExtractDeps } from '../../../../../src/lib/audit/proof/extract.ts';
import type { ExtractLine } from '../../../../../src/lib/audit/proof/layout.ts';
import { type ChangeValues, verifyExtract } from '../../../../../src/lib/audit/proof/verify-extract.ts';
import { update } from '../../../../../src/lib/changes/change.ts';
import { plannedRows } from '../../../../../src/lib/changes/plan-rows.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { textsOf } from '../../../../campaigns/proof/proof-world.ts';
import { startMs, Story } from '../../../../support/customer-story.ts';
import { applyId, planId, stageChanges } from '../../changes/stage.ts';
import { tenantId } from '../../runs/store/stage.ts';

const user = '/users/11111111-0000-4000-8000-000000000001';
const other = '/users/22222222-0000-4000-8000-000000000002';
const objects = {
  [user]: { department: 'old', city: 'Rom' },
  [other]: { department: 'old', city: 'Rom' },
};

/** Applies a plan in some tenants, and puts the records of the first into a log that checkpoints cover. */
async function applied(tenants = 2) {
  const stage = await stageChanges({
    objects,
    waves: [tenants],
    plan: () => [update(user, { department: 'new' }), update(other, { city: 'Bern' })],
  });
  for (let index = 0; index < tenants; index += 1) await stage.settle(index);
  const story = new Story();
  await story.until(9, 40);
  const own = stage.audit.entries.filter((entry) => entry.tenantId === tenantId(0));
  for (const entry of own) story.write({ ...entry, tenantId: story.tenant, atMs: (story.world.audit.nowMs += 250) });
  await story.until(10);
  const runs = { requests: stage.runLog, log: stage.runLog, results: stage.results };
  const read: NonNullable<ExtractDeps['changes']> = async (records, most) => {
    const applied = new Map([[applyId, new Set(records.map(({ changeSha256 }) => String(changeSha256)))]]);
    const { rows, changed } = (await plannedRows(runs, { applied, tenantId: tenantId(0), most })) ?? expect.fail();
    const missing = [...changed.values()].flat().map((sha256) => [sha256, { missing: 'changed' }] as const);
    return new Map<string, string | { readonly missing: 'changed' }>([...rows, ...missing]);
  };
  const extract = (given: Partial<ExtractDeps> = {}) =>
    story.world.extract(story.tenant, startMs, story.world.audit.nowMs, { changes: read, ...given });
  return { ...stage, extract, own, read, story };
}

async function verified(lines: readonly ExtractLine[], { world }: Story) {
  const changes: [string, ChangeValues, boolean][] = [];
  const options = { keys: world.keys, nowMs: world.audit.nowMs };
  const verdict = await verifyExtract(textsOf(lines), { ...options, onChange: (...given) => changes.push(given) });
  return { ...verdict, changes };
}

const values = [
  { action: 'update', target: user, before: '{"department":"old"}', after: '{"department":"new"}' },
  { action: 'update', target: other, before: '{"city":"Rom"}', after: '{"city":"Bern"}' },
];
const digestsOf = (entries: readonly AuditEntry[]) =>
  new Set(entries.flatMap(({ changeSha256 }) => changeSha256 ?? []));

describe('the changes of an extract', () => {
  let made: Awaited<ReturnType<typeof applied>>;
  beforeAll(async () => {
    made = await applied();
  });

  it('are proven by the records of what was sent, with the values before and after', async () => {
    const { extract, own, story } = made;
    const verdict = await verified(await extract(), story);
    expect(verdict).toMatchObject({ isProven: true, problems: [], unsigned: 0 });
    expect(verdict.changes.map(([, shown]) => shown)).toEqual(values);
    expect(verdict.changes.map(([sha256]) => sha256)).toEqual([...digestsOf(own)]);
  });

  it('tell nothing about another tenant of the plan, although its changes are the same', async () => {
    const { extract, audit, own, request } = made;
    const theirs = digestsOf(audit.entries.filter((entry) => entry.tenantId === tenantId(1)));
    expect(theirs.size).toBe(2);
    expect([...digestsOf(own)].filter((sha256) => theirs.has(sha256))).toEqual([]);
    const lines = await extract();
    const rows = lines.flatMap((line) => (line.type === 'change' && line.row !== undefined ? line.row : []));
    const leaf = hash('sha256', rows.map((row) => `${row}\n`).join(''), 'hex');
    // Who guesses that the other tenant has the same changes does not find it in the digest of the plan.
    const guessed = [tenantId(0), tenantId(1)].map((id) => `${id} ${leaf}\n`).join('');
    expect(request.digest).not.toBe(hash('sha256', guessed, 'hex'));
    expect([...theirs].filter((sha256) => JSON.stringify(lines).includes(sha256))).toEqual([]);
  });

  it('make a page shorter when they are long', async () => {
    const story = new Story();
    await story.until(9, 40);
    for (let hour = 10; hour < 14; hour += 1) {
      story.change('/users/1', { hour }, { hour: hour + 1 }, { method: 'PATCH', path: '/v1.0/users/1' });
      await story.until(hour);
    }
    const asked: [number, number][] = [];
    const changes: ExtractDeps['changes'] = async (records, most) => {
      asked.push([records.length, most]);
      // More than one, and the page could be shorter.
      return records.length > 2 && most < Infinity ? undefined : story.planned;
    };
    const lines = await story.world.extract(story.tenant, startMs, story.world.audit.nowMs, { changes });
    const verdict = await verified(lines, story);
    expect([verdict.isProven, verdict.changes.length]).toEqual([true, 4]);
    expect(asked.filter(([records]) => records > 2).length).toBeGreaterThan(0);
    expect(asked.filter(([records]) => records === 2)).toHaveLength(4);
  });

  it('do not tell whether another tenant was in the plan', async () => {
    const { extract, request, runLog } = await applied(1);
    const lines = await extract();
    const rows = lines.flatMap((line) => (line.type === 'change' && line.row !== undefined ? line.row : []));
    const own = hash('sha256', rows.map((row) => `${row}\n`).join(''), 'hex');
    const { rowsDigest = '' } = (await runLog.findOutcome(planId, tenantId(0))) ?? {};
    const [leaf, nonce] = rowsDigest.split('.');
    // The tenant can compute this much.
    expect(leaf).toBe(own);
    expect(request.digest).not.toBe(hash('sha256', `${tenantId(0)} ${own}\n`, 'hex'));
    expect(nonce).toMatch(/./);
    expect(JSON.stringify(lines)).not.toContain(rowsDigest);
  });

  it.each([
    ['purged', true],
    ['purged in part: its rows and not yet its records', false],
  ])('are said to be gone when the plan is %s', async (_, isWhole) => {
    const { extract, runLog, results, story } = await applied();
    if (isWhole) await runLog.remove(planId);
    await results.remove(planId);
    const verdict = await verified(await extract(), story);
    expect(verdict.changes.map(([, shown]) => shown)).toEqual(['gone', 'gone']);
    expect(verdict.isProven).toBe(true);
    expect(verdict.notes.join(' ')).toContain(
      '2 are of plans that were purged or deleted, that 0 were changed or deleted in storage since, and that 0 are withheld.',
    );
  });

  it.each([
    ['deleted', undefined, ['changed', 'changed']],
    ['edited', (text: string) => text.replace('old', 'older'), ['changed', values[1]]],
  ])('are said to be changed in storage when their rows were %s there', async (_, edit, shown) => {
    const { extract, runLog, results, story } = await applied();
    const { rowsName = '' } = (await runLog.findOutcome(planId, tenantId(0))) ?? {};
    if (edit === undefined) results.removeRows(planId, rowsName);
    else {
      const text = (await Array.fromAsync(results.rows(planId, rowsName))).join('');
      await results.putRows(planId, rowsName, edit(text));
    }
    const verdict = await verified(await extract(), story);
    expect(verdict.changes.map(([, change]) => change)).toEqual(shown);
    expect(verdict.isProven).toBe(true);
    expect(verdict.notes.join(' ')).toContain('were changed or deleted in storage since');
  });

  it('are said to be changed for each of two applies of the same plan', async () => {
    const { runLog, results, own } = await applied();
    const { rowsName = '' } = (await runLog.findOutcome(planId, tenantId(0))) ?? {};
    results.removeRows(planId, rowsName);
    const [one = '', two = ''] = digestsOf(own);
    const again = 'adjust@again' as typeof applyId;
    const requests = { request: () => runLog.request(applyId) };
    const each = new Map([
      [applyId, new Set([one])],
      [again, new Set([two])],
    ]);
    const found = await plannedRows(
      { requests, log: runLog, results },
      { applied: each, tenantId: tenantId(0), most: Infinity },
    );
    expect(found?.changed).toEqual(new Map([[planId, [one, two]]]));
  });

  it('are not given while storage does not answer', async () => {
    const { extract, results } = await applied();
    vi.spyOn(results, 'rows').mockImplementation(async function* () {
      yield await Promise.reject(new BrokerError('storage_unavailable', 'It did not answer.'));
    });
    await expect(extract()).rejects.toMatchObject({ code: 'storage_unavailable', detail: 'It did not answer.' });
  });

  it('are withheld with each record that names them, and by themselves', async () => {
    const { extract, own, read, story } = made;
    const [hidden = ''] = digestsOf(own);
    const isWithheld = ({ outcome, changeSha256 }: Readonly<Record<string, unknown>>): boolean =>
      changeSha256 === hidden && outcome === 'sent';
    const withRecord = await verified(await extract({ isWithheld }), story);
    expect(withRecord).toMatchObject({ isProven: true, withheld: 1 });
    expect(withRecord.changes.map(([, shown]) => shown)).toEqual(['withheld', values[1]]);
    const changes: ExtractDeps['changes'] = async (...given) =>
      new Map([...((await read(...given)) ?? []), [hidden, { missing: 'withheld' }]]);
    const alone = await verified(await extract({ changes }), story);
    expect(alone).toMatchObject({ isProven: true, withheld: 0 });
    expect(alone.changes.map(([, shown]) => shown)).toEqual(['withheld', values[1]]);
  });

  it('are given for each record that names them, signed or not, so that nobody takes them from the proven ones', async () => {
    const { extract, own, story } = made;
    const lines = await extract();
    const [sha256 = '', other = ''] = digestsOf(own);
    const rows = lines.filter((line) => line.type === 'change');
    const seal = lines.findIndex(({ type }) => type === 'seal');
    const added: ExtractLine = {
      type: 'unsigned',
      record: { tenantId: story.tenant, PartitionKey: 'x', RowKey: '1', changeSha256: sha256 },
    };
    const end = lines.at(-1);
    if (end?.type !== 'end') expect.fail('no end');
    const forged = [
      ...lines.slice(0, seal + 1),
      added,
      ...rows.slice(0, 1),
      ...lines.slice(seal + 1, -1),
      { ...end, unsigned: 1 },
    ];
    const verdict = await verified(forged, story);
    expect([verdict.isProven, verdict.problems]).toEqual([true, []]);
    expect(verdict.changes).toEqual([
      [sha256, values[0], false],
      [sha256, values[0], true],
      [other, values[1], true],
    ]);
    const without = forged.filter((line, at) => line.type !== 'change' || line.sha256 !== sha256 || at < seal + 4);
    expect((await verified(without, story)).problems.join(' ')).toContain('left out of the file');
  });

  it('are refused if a record names them by anything but a digest, which could have any length', async () => {
    const { extract, story } = made;
    const lines = await extract();
    const added: ExtractLine = { type: 'unsigned', record: { PartitionKey: 'x', RowKey: 'y', changeSha256: 'x' } };
    expect((await verified(lines.toSpliced(-1, 0, added), story)).problems).toEqual([
      expect.stringContaining('it has a record that no broker writes'),
    ]);
  });

  it('are refused if half a character stands for one that could not be decoded, which has the same hash', async () => {
    const story = new Story();
    await story.until(9, 40);
    story.change('/users/1', { name: 'a\uFFFD' }, { name: 'b\uFFFD' }, { method: 'PATCH', path: '/v1.0/users/1' });
    await story.until(10);
    const lines = await story.extract();
    expect((await verified(lines, story)).isProven).toBe(true);
    const forged = lines.map((line) =>
      line.type === 'change' ? { ...line, row: String(line.row).replaceAll('\uFFFD', '\uD800') } : line,
    );
    expect(await verified(forged, story)).toMatchObject({
      isProven: false,
      problems: [expect.stringMatching(/are not those of the change/)],
      changes: [],
    });
  });

  it.each<[string, (line: Extract<ExtractLine, { type: 'change' }>) => ExtractLine | undefined, RegExp]>([
    [
      'another value',
      (line) => ({ ...line, row: line.row?.replace('old', 'older') ?? '' }),
      /are not those of the change/,
    ],
    ['no line', () => undefined, /left out of the file \(changes: 1\), or an older version/],
    ['a digest that no record names', (line) => ({ ...line, sha256: 'ab'.repeat(32) }), /no record before it names/],
    ['neither values nor a reason', ({ type, sha256 }) => ({ type, sha256 }), /does not have the members/],
    ['another reason', ({ type, sha256 }) => ({ type, sha256, missing: 'lost' as never }), /does not have the members/],
  ])('are refused with %s', async (_, change, problem) => {
    const { extract, story } = made;
    const lines = await extract();
    const at = lines.findIndex(({ type }) => type === 'change');
    const after = change(lines[at] as Extract<ExtractLine, { type: 'change' }>);
    const { isProven, problems } = await verified(
      lines.toSpliced(at, 1, ...(after === undefined ? [] : [after])),
      story,
    );
    expect([isProven, problems.join(' ')]).toEqual([false, expect.stringMatching(problem)]);
  });

  it.each([
    ['is no JSON', 'no row'],
    ['has no values', '{"action":"update"}'],
    [
      'is nested far too deep',
      JSON.stringify({ action: 'act', target: '/x', after: `${'['.repeat(9_000)}${']'.repeat(9_000)}` }),
    ],
  ])('are refused if what a record names %s', async (_, row) => {
    const story = new Story();
    const changeSha256 = hash('sha256', row, 'hex');
    await story.until(9, 40);
    story.request({ plan: 'ab', changeSha256 });
    await story.until(10);
    const changes = async () => new Map([[changeSha256, row]]);
    const lines = await story.world.extract(story.tenant, startMs, story.world.audit.nowMs, { changes });
    expect((await verified(lines, story)).problems).toEqual([
      expect.stringContaining('a change that no broker writes'),
    ]);
  });
});
