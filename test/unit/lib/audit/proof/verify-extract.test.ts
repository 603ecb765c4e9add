import { createPrivateKey, generateKeyPairSync, hash, randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { partitionKeyAt } from '../../../../../src/lib/audit/log/audit-row.ts';
import { hashOf, type StoredRecord } from '../../../../../src/lib/audit/chain/checkpoint.ts';
import type { ExtractDeps } from '../../../../../src/lib/audit/proof/extract.ts';
import type { ExtractLine, TreeHead } from '../../../../../src/lib/audit/proof/layout.ts';
import {
  bucketInput,
  bucketOf,
  commitmentInput,
  entryBytes,
  extractType,
  groupInput,
  headInput,
  headType,
  levelsOf,
  tagInput,
} from '../../../../../src/lib/audit/proof/layout.ts';
import type { OwnCheckpoint } from '../../../../../src/lib/audit/proof/tenant-tree.ts';
import { verifyExtract } from '../../../../../src/lib/audit/proof/verify-extract.ts';
import { nilUuid } from '../../../../../src/lib/core/identifiers.ts';
import { calm, ProofWorld, textsOf } from '../../../../campaigns/proof/proof-world.ts';

const minute = 60_000;
const startMs = Date.UTC(2026, 10, 24, 9, 30);

async function fleet(seconds = 1_500, seed = 5): Promise<ProofWorld> {
  const world = new ProofWorld(seed, 4, calm);
  world.audit.startInstance();
  world.audit.startInstance();
  await world.run(seconds);
  return world;
}
const tenantOf = (world: ProofWorld) => world.tenants[1] ?? ('' as never);
const verify = (world: ProofWorld, lines: readonly ExtractLine[], nowMs = world.audit.nowMs) =>
  verifyExtract(textsOf(lines), { keys: world.keys, nowMs });

const timeOf = ({ RowKey }: StoredRecord): number => 9_999_999_999_999 - Number(RowKey.slice(0, 13));
async function ownOf(world: ProofWorld): Promise<OwnCheckpoint[]> {
  const own: OwnCheckpoint[] = [];
  for await (const each of world.checkpoints()) own.push(each);
  return own;
}

/** The first page of an extract. */
const extractPageOf = async (
  world: ProofWorld,
  given: Partial<ExtractDeps>,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
) => ({ lines: (await world.pages(tenantOf(world), sinceMs, untilMs, given, 1))[0] ?? [] });

/** Has the lines before the records sealed anew. */
async function resealed(world: ProofWorld, lines: readonly ExtractLine[]): Promise<ExtractLine[]> {
  const at = lines.findIndex(({ type }) => type === 'seal');
  const text = lines.slice(0, at).map((line) => `${JSON.stringify(line)}\n`);
  const key = await world.audit.signer().current();
  const jws = await world.tree.sign('id' in key ? key.id : '', extractType, { v: 1, lines: hashOf(text.join('')) });
  return lines.map((line, place) => (place === at ? { type: 'seal', jws } : line));
}

type Entry = readonly [string, unknown];
interface StoredPart {
  readonly tenants: Readonly<Record<string, unknown>>;
}

describe('verifyExtract', () => {
  it('counts withheld records, and says that they are', async () => {
    const world = await fleet();
    let each = 0;
    const isWithheld = (): boolean => (each += 1) % 3 === 0;
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs, { isWithheld });
    const verdict = await verify(world, lines);
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    expect(verdict.withheld).toBeGreaterThan(2);
    expect(verdict.notes.join(' ')).toContain(`${verdict.withheld} records are withheld`);
  });

  it('says which time no checkpoint covers yet, and from when on there is a tree', async () => {
    const world = new ProofWorld(6, 4, calm);
    world.audit.startInstance();
    await world.audit.run(900);
    await world.run(1_200);
    const since = startMs - minute;
    const { isProven, notes, proven } = await verify(
      world,
      await world.extract(tenantOf(world), since, world.audit.nowMs),
    );
    expect(isProven).toBe(true);
    expect(Date.parse(proven?.from ?? '')).toBeGreaterThan(startMs + 10 * minute);
    expect(notes.filter((note) => !note.startsWith('Nobody signs names'))).toEqual([
      `Nothing is proven of the time from ${new Date(since).toISOString()} to ${proven?.from}: the proof begins then. Nothing was signed for customers before, or the records are purged.`,
      `Nothing is signed yet of the time from ${proven?.to} to ${new Date(world.audit.nowMs).toISOString()}.`,
      expect.stringMatching(
        /^\d+ records are shown that nobody has signed: whoever had the file can have added or changed them.$/,
      ),
    ]);
  });

  it('proves that a tenant without records has none', async () => {
    const world = await fleet();
    const nobody = '99999999-0000-4000-8000-000000000000' as never;
    expect(await verify(world, await world.extract(nobody, startMs, world.audit.nowMs))).toMatchObject({
      isProven: true,
      records: 0,
    });
  });

  it('keeps its accounts when the last ones are lost, or another version writes a checkpoint between', async () => {
    const world = await fleet(900);
    world.stored.clear();
    world.tree = world.newTree();
    await world.run(300);
    // A version without accounts.
    await world.audit.run(300, Number.MAX_SAFE_INTEGER);
    await world.audit.write(undefined);
    await world.run(600);
    const heads: TreeHead[] = [];
    for await (const { checkpoint } of world.checkpoints())
      if (checkpoint.tenants !== undefined)
        heads.push(JSON.parse(Buffer.from(checkpoint.tenants.split('.')[1] ?? '', 'base64url').toString()) as TreeHead);
    expect(new Set(heads.map(({ began }) => began.number)).size).toBe(1);
    expect(world.audit.checkpoints.length).toBeGreaterThan(heads.length);
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const verdict = await verify(world, lines);
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    expect(verdict.records + verdict.unsigned).toBe(world.recordsOf(tenantOf(world)).length);
  });

  it('keeps its accounts although somebody added a line with the number of a checkpoint', async () => {
    const world = await fleet(900);
    const [header = '', payload = ''] = (world.audit.checkpoints.at(-2) ?? '').split('.');
    world.audit.checkpoints.push(`${header}.${payload}.AAAA`);
    world.stored.clear();
    world.tree = world.newTree();
    await world.run(600);
    const verdict = await verify(world, await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    expect(Date.parse(verdict.proven?.from ?? '')).toBeLessThan(startMs + 5 * minute);
  });

  it('reads its accounts again after tenants were added', async () => {
    const world = new ProofWorld(6, 8, calm);
    world.audit.tenants = 3;
    world.audit.startInstance();
    await world.run(900);
    world.audit.tenants = 8;
    await world.run(900);
    const last = (await ownOf(world)).at(-1);
    const state = last && (await world.newTree().state(last));
    expect(state?.accounts.list.length).toBe(8);
  });

  it('begins anew, and says so, if accounts are lost and their records are gone', async () => {
    const world = await fleet(900);
    world.stored.clear();
    world.tree = world.newTree();
    const victim = world.recordsOf(tenantOf(world))[0];
    if (victim !== undefined) world.audit.remove(victim);
    await world.run(900);
    const { isProven, notes } = await verify(world, await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    expect(isProven).toBe(true);
    expect(notes[0]).toContain('Nothing is proven of the time');
  });

  it('does not believe what its storage says about when the tree began, and which places are open', async () => {
    const world = new ProofWorld(6, 4, calm);
    world.audit.startInstance();
    world.audit.startInstance();
    await world.audit.run(1_800);
    await world.run(1_200);
    const own = (await ownOf(world)).at(-1);
    const [name = '', text = ''] = [...world.stored].at(-1) ?? [];
    const state = JSON.parse(text) as { open: object };
    if (own === undefined) throw new Error('no checkpoint');
    world.stored.set(name, JSON.stringify({ ...state, began: { number: 1, from: new Date(startMs).toISOString() } }));
    expect((await world.newTree().state(own))?.began.number).toBeGreaterThan(1);
    world.tree = world.newTree();
    await world.run(900);
    const { isProven, proven } = await verify(world, await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    expect(isProven).toBe(true);
    expect(Date.parse(proven?.from ?? '')).toBeGreaterThan(startMs + 30 * minute);
    const [chain] = own.checkpoint.chains;
    world.stored.set(name, JSON.stringify({ ...state, open: { [chain?.id ?? '']: [[1, 2]] } }));
    expect(await world.newTree().state(own)).toBeUndefined();
    // Which index is whose, and of which key it is.
    const [part] = [...world.stored].filter(([at]) => at === name).map(([, each]) => JSON.parse(each) as StoredPart);
    if (part === undefined) throw new Error('no accounts');
    const [[one, accountOfOne], [other, accountOfOther], ...rest] = Object.entries(part.tenants) as unknown as [
      Entry,
      Entry,
    ];
    const exchanged = Object.fromEntries([[one, accountOfOther], [other, accountOfOne], ...rest]);
    world.stored.set(name, JSON.stringify({ ...part, open: state.open, tenants: exchanged }));
    expect(await world.newTree().state(own)).toBeUndefined();
    world.stored.set(name, JSON.stringify({ ...state, keyId: 'of another key' }));
    expect(await world.newTree().state(own)).toBeUndefined();
    world.stored.set(name, text);
    expect(await world.newTree().state(own)).toBeDefined();
  });

  it.each([
    ['removed', (world: ProofWorld, victim: StoredRecord) => world.audit.remove(victim), false],
    ['changed', (world: ProofWorld, victim: StoredRecord) => world.audit.put({ ...victim, rule: 'another' }), false],
    ['kept', () => undefined, true],
  ])('proves nothing of a time of which a signed record was %s before the accounts', async (_how, tamper, isKept) => {
    const world = new ProofWorld(6, 4, calm);
    world.audit.startInstance();
    world.audit.startInstance();
    await world.run(900);
    // Accounts of one checkpoint cannot be written, and are made of the records later.
    const { length } = await ownOf(world);
    world.tree.head = async () => Promise.reject(new Error('no storage'));
    while ((await ownOf(world)).length === length) await world.run(60);
    const last = (await ownOf(world)).at(-1)?.checkpoint;
    expect(last?.tenants).toBeUndefined();
    world.tree = world.newTree();
    const [fromMs, toMs] = [Date.parse(last?.from ?? '') + 30_000, Date.parse(last?.to ?? '') - minute];
    const victim = world
      .recordsOf(tenantOf(world))
      .find((record) => timeOf(record) > fromMs && timeOf(record) < toMs && record['chain'] !== undefined);
    if (victim === undefined) throw new Error('no record');
    tamper(world, victim);
    await world.run(900);
    const verdict = await verify(world, await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    if (isKept) expect(Date.parse(verdict.proven?.from ?? '')).toBeLessThan(fromMs);
    else expect(Date.parse(verdict.proven?.from ?? '')).toBeGreaterThan(timeOf(victim));
  });

  it('begins after what is purged, and says so, with the accounts that were kept', async () => {
    const world = await fleet(900);
    await world.keep(25);
    const kept = world.stored.size;
    await world.run(900);
    const { isProven, problems, notes, proven, records } = await verify(
      world,
      await world.extract(tenantOf(world), startMs, world.audit.nowMs),
    );
    expect([isProven, problems]).toEqual([true, []]);
    expect(records).toBeGreaterThan(2);
    expect(Date.parse(proven?.from ?? '') - (await world.purgedBeforeMs())).toBeGreaterThan(60 * minute);
    expect(Date.parse(proven?.from ?? '') - (await world.purgedBeforeMs())).toBeLessThan(90 * minute);
    expect(notes[0]).toContain('Nothing is proven of the time');
    // Of more than a day, those remain that the oldest accounts need.
    expect(kept).toBeLessThan(world.audit.checkpoints.length);
    const before = world.extract(tenantOf(world), startMs, startMs + 10 * minute);
    await expect(before).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('gives the names that the partner has, and says that nobody signs them', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const { names, notes } = await verify(world, lines);
    expect(Object.values(names)).toEqual(['Contoso', 'Helpdesk']);
    expect(names[tenantOf(world)]).toBe('Contoso');
    expect(notes).toContainEqual(expect.stringMatching(/^Nobody signs names of people/));
    // Whoever had the file can have put a line first.
    const other = { type: 'name', id: tenantOf(world).toUpperCase(), name: 'Fabrikam' } as const;
    const twice = await verify(world, lines.toSpliced(5, 0, other));
    expect(lines[4]?.type).toBe('seal');
    expect(twice.isProven).toBe(true);
    expect(Object.values(twice.names)).toEqual(['Helpdesk']);
    expect(twice.notes).toContain('1 ids have several names in the file: they are shown without one.');
    for (const name of [
      { id: '__proto__', name: 'x' },
      { id: tenantOf(world), name: 'x'.repeat(257) },
      { id: tenantOf(world), name: 7 },
    ])
      expect((await verify(world, lines.toSpliced(-1, 0, { type: 'name', ...name } as never))).problems).toEqual([
        expect.stringContaining('it has a name that no broker writes.'),
      ]);
  });

  it('warns of a record of the proven time that no checkpoint covers', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const records = lines.filter(({ type }) => type === 'record');
    const line = records[Math.floor(records.length / 2)];
    if (line?.type !== 'record') throw new Error('no record');
    const RowKey = `${String(line.record['RowKey']).slice(0, 14)}00000000-0000-4000-8000-000000000000`;
    const added = { type: 'unsigned', record: { ...line.record, RowKey } } as const;
    const end = lines.at(-1);
    const forged = [...lines.slice(0, -1), added, { ...end, unsigned: (end as { unsigned: number }).unsigned + 1 }];
    const { isProven, notes } = await verify(world, forged as ExtractLine[]);
    expect(isProven).toBe(true);
    expect(notes).toContainEqual(expect.stringMatching(/^1 of them are of the proven time: .* Believe none of them.$/));
  });

  it('keeps lines that anybody can add apart from the account', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const accountOf = async (file: readonly ExtractLine[]) => {
      const seen: { record: unknown; checkpoint: number | undefined }[] = [];
      const verdict = await verifyExtract(textsOf(file), {
        keys: world.keys,
        nowMs: world.audit.nowMs,
        onRecord: (record, checkpoint) => seen.push({ record, checkpoint }),
      });
      expect(verdict.isProven).toBe(true);
      const signed = seen.filter(({ checkpoint }) => checkpoint !== undefined);
      return { signed, others: seen.length - signed.length, verdict };
    };
    const honest = await accountOf(lines);
    const line = lines.find(({ type }) => type === 'record') as Extract<ExtractLine, { type: 'record' }>;
    const added: ExtractLine = { type: 'unsigned', record: { ...line.record, outcome: 'decided', uti: 'ROGUE' } };
    const end = { ...lines.at(-1), unsigned: honest.others + 1 } as ExtractLine;
    const forged = await accountOf([...lines.slice(0, 6), added, ...lines.slice(6, -1), end]);
    expect(forged.signed).toEqual(honest.signed);
    expect(forged.verdict.records).toBe(honest.signed.length);
    expect(forged.others).toBe(honest.others + 1);
    expect(forged.verdict.notes.join(' ')).toContain('whoever had the file can have added or changed them');
  });

  it('keeps no more lines than an extract has before its seal', async () => {
    const world = await fleet();
    const [header, key] = textsOf(await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    let read = 0;
    const endless = function* () {
      yield header ?? '';
      for (; read < 1_000; read += 1) yield (key ?? '').replace('"kid":"', `"kid":"${read}`);
    };
    const { problems } = await verifyExtract(endless(), { nowMs: world.audit.nowMs });
    expect(problems).toEqual(['Line 17: it has more lines before the seal than any extract.']);
    expect(read).toBeLessThan(20);
  });

  it('refuses an extract that names another broker than its checkpoints, whoever has sealed it', async () => {
    const world = await fleet();
    const [header, ...rest] = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const other = { ...header, broker: '00000000-0000-4000-8000-0000000000b1' } as ExtractLine;
    const { problems } = await verify(world, await resealed(world, [other, ...rest]));
    expect(problems).toEqual([expect.stringContaining('another broker than the file names')]);
  });

  it('finds a record that was removed from storage', async () => {
    const world = await fleet();
    const [victim] = world.recordsOf(tenantOf(world));
    if (victim === undefined) throw new Error('no record');
    world.audit.remove(victim);
    const { problems } = await verify(world, await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    expect(problems).toEqual(['1 records are missing that the signed checkpoints count for this tenant.']);
  });

  describe('compares published heads', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs + 14 * minute, world.audit.nowMs);
    const own = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    const all = (await ownOf(world)).map(({ checkpoint }) => checkpoint.tenants ?? '');
    const compare = (heads: readonly string[]) =>
      verifyExtract(textsOf(lines), { keys: world.keys, nowMs: world.audit.nowMs, heads });
    const payload = (jws: string): TreeHead =>
      JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as TreeHead;
    const signed = async (head: TreeHead): Promise<string> => {
      const key = await world.audit.signer().current();
      return world.tree.sign('id' in key ? key.id : '', headType, head);
    };
    const [first = '', last = ''] = own;

    it('and accepts those of one history, in any order and more than once', async () => {
      expect(own).toHaveLength(2);
      expect(payload(last).number - payload(first).number).toBeGreaterThan(1);
      expect(await compare([...all, ...all].toReversed())).toMatchObject({ isProven: true, problems: [] });
      const { isProven, notes } = await compare(own);
      expect(isProven).toBe(true);
      expect(notes).toContainEqual(expect.stringContaining('those between were not compared'));
      expect((await compare(all)).notes.join(' ')).not.toContain('those between were not compared');
    });

    it.each([
      ['is too short', () => all.filter((jws) => jws !== last), () => [last]],
      ['is empty', () => [], () => own],
    ])('and says which heads a list lacks that %s, which is no fork', async (_how, listOf, missing) => {
      const { isProven, problems, missingHeads, notes } = await compare(listOf());
      expect([isProven, problems]).toEqual([true, []]);
      expect(missingHeads).toEqual(missing().map((jws) => ({ number: payload(jws).number, to: payload(jws).to })));
      expect(notes.join(' ')).not.toContain('published list');
    });

    it('and compares no list that is made to be slow', async () => {
      const verify = vi.spyOn(crypto.subtle, 'verify');
      await compare([]);
      const { length: alone } = verify.mock.calls;
      const [header = '', claims = ''] = last.split('.');
      const decode = vi.spyOn(globalThis, 'atob');
      const junk = Array.from({ length: 400_000 }, (_, at) => `${header}x.${claims}.${at}`);
      expect((await compare([...junk, ...all])).missingHeads).toEqual([]);
      expect(decode.mock.calls.length).toBeLessThan(5_000);
      decode.mockRestore();
      expect(verify.mock.calls.length).toBe(2 * alone + all.length);
      // They have the header of a head.
      const forged = junk.slice(0, 20_000).map((_, at) => `${header}.${claims}.${'A'.repeat(80)}${1e5 + at}A`);
      const { missingHeads, notes } = await compare([...forged, ...all]);
      expect(missingHeads).toHaveLength(2);
      expect(notes.at(-1)).toContain('more than 1000 that nobody signed: it was not compared');
      const many = Array.from({ length: 210_001 }, (_, at) => `${header}.${at}`);
      expect((await compare(many)).missingHeads).toHaveLength(2);
      expect(verify.mock.calls.length).toBeLessThan(4 * alone + all.length + 1_100);
      verify.mockRestore();
    });

    it('and refuses another head of the same number', async () => {
      const other = await signed({ ...payload(last), root: payload(first).root });
      expect((await compare(all.map((jws) => (jws === last ? other : jws)))).problems).toEqual([
        expect.stringContaining('is another one than the published checkpoint of this number: others were shown'),
      ]);
    });

    it('and refuses a list with two heads of one number', async () => {
      const other = await signed({ ...payload(last), root: payload(first).root });
      expect((await compare([...all, other])).problems).toEqual([
        expect.stringContaining(`Two different heads of checkpoint ${payload(last).number} are`),
      ]);
    });

    it('and refuses a list in which a head does not follow the one before', async () => {
      const between = all[all.indexOf(last) - 1] ?? '';
      const other = await signed({ ...payload(between), root: payload(first).root });
      expect((await compare(all.map((jws) => (jws === between ? other : jws)))).problems).toEqual([
        expect.stringContaining('the partner has two histories.'),
      ]);
    });

    it('and refuses a list in which a head begins anew, or another tree, for a time of which others speak', async () => {
      const newest = all.at(-1) ?? '';
      const { number, began, ...others } = payload(newest);
      const next = {
        ...others,
        number: number + 1,
        began,
        to: new Date(Date.parse(others.to) + 5 * minute).toISOString(),
      };
      const previous = hash('sha256', newest, 'base64url');
      expect((await compare([...all, await signed({ ...next, previous })])).problems).toEqual([]);
      for (const change of [
        { previous: null, began: { ...began, number: number + 1 } },
        { previous, began: { ...began, from: new Date(0).toISOString() } },
      ])
        expect((await compare([...all, await signed({ ...next, ...change })])).problems).toEqual([
          expect.stringContaining('speaks again of a time'),
        ]);
    });

    it('and ignores lines that nobody has signed, and a second signature of the same head', async () => {
      const [header = '', , signature = ''] = last.split('.');
      const claims = Buffer.from(JSON.stringify({ ...payload(last), root: '' })).toString('base64url');
      const again = await signed(payload(last));
      expect(again).not.toBe(last);
      expect(await compare([`${header}.${claims}.${signature}`, 'x', again, ...all])).toMatchObject({
        isProven: true,
        problems: [],
      });
    });
  });

  it('is of pages with no more records than one checkpoint has, once they are many', async () => {
    const world = new ProofWorld(6, 4, calm);
    for (let number = 0; number < 8; number += 1) {
      for (let each = 0; each < 700; each += 1) {
        const at = world.audit.nowMs + Math.floor((each * 300_000) / 700);
        const id = `${String(number).padStart(8, '0')}-${String(each).padStart(4, '0')}-4000-8000-000000000000`;
        const RowKey = `${9_999_999_999_999 - at}-${id}`;
        world.audit.put({
          PartitionKey: partitionKeyAt(at),
          RowKey,
          tenantId: tenantOf(world),
          at: new Date(at).toISOString(),
        });
      }
      await world.run(300);
    }
    await world.run(900);
    const pages = await world.pages(tenantOf(world), startMs, world.audit.nowMs, { names: async () => new Map() });
    const counts = pages.map((lines) => lines.filter(({ type }) => type === 'record').length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(2_000);
    expect(counts.filter((count) => count > 0).length).toBeGreaterThan(2);
    const verdict = await verify(world, pages.flat());
    expect(verdict).toMatchObject({ isProven: true, problems: [] });
    expect(verdict.records).toBeGreaterThan(4_000);
  });

  it('reads of a long period the checkpoints around it for the proof', async () => {
    const world = await fleet(9_000);
    const all: OwnCheckpoint[] = await ownOf(world);
    let read = 0;
    const checkpoints = async function* (fromMs: number) {
      const first = all.findIndex(({ checkpoint }) => Date.parse(checkpoint.at) >= fromMs);
      for (const own of all.slice(Math.max(0, first - 1))) {
        read += 1;
        yield own;
      }
    };
    const ask = (untilMs: number) => extractPageOf(world, { checkpoints }, { sinceMs: startMs + 15 * minute, untilMs });
    const { lines } = await ask(world.audit.nowMs - 15 * minute);
    expect(lines.filter(({ type }) => type === 'account')).toHaveLength(2);
    expect(all.length).toBeGreaterThan(25);
    expect(read).toBeLessThan(12);
  });

  it('asks once for a signature that does not change', async () => {
    const world = await fleet(600);
    let asked = 0;
    const counting = {
      ...world.indexKey,
      sign: async (id: string, data: Uint8Array) => {
        asked += 1;
        return world.indexKey.sign(id, data);
      },
    };
    const tree = world.newTree(counting);
    const texts = ['a', 'b', 'a'];
    const first = await tree.signatures('k', texts);
    expect(await tree.signatures('k', texts)).toEqual(first);
    expect(asked).toBe(2);
  });

  it('refuses an extract of another tenant than the reader names', async () => {
    const world = await fleet();
    const lines = textsOf(await world.extract(tenantOf(world), startMs, world.audit.nowMs));
    const options = { keys: world.keys, nowMs: world.audit.nowMs };
    const own = await verifyExtract(lines, { ...options, tenant: tenantOf(world).toUpperCase() });
    expect(own.isProven).toBe(true);
    const tenant = String(world.tenants[2]);
    expect(await verifyExtract(lines, { ...options, tenant })).toMatchObject({
      isProven: false,
      problems: [`Line 1: it is about the tenant ${tenantOf(world)}, and not about ${tenant}.`],
    });
  });

  it('refuses a second key with the id of another', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const forged = await resealed(world, lines.toSpliced(2, 0, lines[1] as ExtractLine));
    expect((await verify(world, forged)).problems).toEqual(['Line 3: it has a second key with the id of another.']);
  });

  it('keeps no more hashes than the signed checkpoints count records, and hashes any number', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs, { isWithheld: () => true });
    const at = lines.findLastIndex(({ type }) => type === 'withheld');
    const line = lines[at];
    if (line === undefined) throw new Error('no record');
    const flood = Array.from({ length: 10_000 }, () => line);
    const { problems } = await verify(world, [...lines.slice(0, at), ...flood, ...lines.slice(at)]);
    expect(problems).toEqual([expect.stringMatching(/^Line \d{4}: records are too many/)]);
    const hashes = Array.from({ length: 200_000 }, () => new Uint8Array(32));
    expect(headInput(new Uint8Array(32), 1, hashes)).toHaveLength(1 + 32 + 8 + 200_000 * 32);
  });

  it('says of too many records without a checkpoint that they are', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const line = lines.find(({ type }) => type === 'unsigned') ?? lines.findLast(({ type }) => type === 'record');
    if (line === undefined || !('record' in line)) throw new Error('no record');
    const flood = function* () {
      yield* textsOf(lines.slice(0, -1));
      const text = JSON.stringify({ type: 'unsigned', record: line.record });
      for (let number = 0; ; number += 1)
        yield text.replace(/"RowKey":"(.{14})[^"]*"/, (_all, time: string) => `"RowKey":"${time}${number}"`);
    };
    const { problems } = await verifyExtract(flood(), { keys: world.keys, nowMs: world.audit.nowMs });
    expect(problems).toEqual([expect.stringContaining('it has too many records that no checkpoint covers.')]);
  });

  it('proves the records of a tenant beside a row that somebody added with its id in another spelling', async () => {
    const world = new ProofWorld(6, 4, calm);
    world.audit.startInstance();
    await world.run(300);
    const [own] = world.recordsOf(tenantOf(world));
    if (own === undefined) throw new Error('no record');
    const { chain: _, ...columns } = own;
    const RowKey = `${9_999_999_999_999 - world.audit.nowMs}-00000000-0000-4000-8000-000000000000`;
    world.audit.put({ ...columns, RowKey, tenantId: 'ABCDEF00-0000-4000-8000-000000000001' });
    await world.run(900);
    const tenant = 'abcdef00-0000-4000-8000-000000000001' as never;
    // Storage finds the records of a tenant by its id as it is written.
    const read = async function* (fromMs: number, toMs: number, wanted?: string) {
      for await (const record of world.audit.read(fromMs, toMs))
        if (wanted === undefined || record['tenantId'] === wanted) yield record;
    };
    const lines = await world.extract(tenant, startMs, world.audit.nowMs, { read });
    expect(await verify(world, lines)).toMatchObject({ isProven: true, problems: [], records: 0 });
    const others = await world.extract(nilUuid as never, startMs, world.audit.nowMs, { read });
    expect(await verify(world, others)).toMatchObject({ isProven: true, problems: [] });
    expect(JSON.stringify(others)).toContain('ABCDEF00');
  });

  it.each([
    ['an empty file', [''], /^Line 1: it is not JSON/],
    ['no file', [], /^The file is not whole/],
    ['another file', ['{"type":"audit-export","v":1}'], /^Line 1: it is no line of an extract/],
    ['a newer version', ['{"type":"tenant-extract","v":2,"brokers":[]}'], /a newer version has written it/],
    ['a line that is nested deep', [`{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`], /^Line 1: it is not JSON/],
    ['a long line', [`{"a":"${'x'.repeat(1_100_000)}"}`], /^Line 1: it is longer than any line/],
  ])('says of %s what is wrong with it', async (_name, lines, problem) => {
    const { isProven, problems } = await verifyExtract(lines, { nowMs: startMs });
    expect(isProven).toBe(false);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('refuses a tree with two accounts of the tenant, although everything is signed', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const index = lines.find((line) => line.type === 'index');
    const account = lines.findLast((line) => line.type === 'account');
    if (account?.account === undefined || index === undefined) throw new Error('no account');
    const head = JSON.parse(Buffer.from(account.jws.split('.')[1] ?? '', 'base64url').toString()) as TreeHead;
    const own = hash('sha256', Buffer.from(index.signature, 'base64url'), 'buffer');
    // A thinner account beside the one that is there.
    const tag = hash('sha256', tagInput(head.number, own), 'buffer').subarray(0, 16);
    const bucket = Buffer.from(account.bucket, 'base64url');
    const free =
      [...Array.from({ length: 16 }).keys()].find(
        (at) => !bucket.subarray(at * entryBytes, at * entryBytes + 16).equals(tag),
      ) ?? 0;
    const thin = { count: 0, head: new Uint8Array(32) };
    const nonce = randomBytes(32);
    tag.copy(bucket, free * entryBytes);
    hash('sha256', commitmentInput(nonce, own, thin), 'buffer').copy(bucket, free * entryBytes + 16);
    let root = hash('sha256', bucketInput(bucket), 'buffer');
    let place = bucketOf(own, head.bits);
    let at = 0;
    for (const size of levelsOf(head.bits)) {
      const beside = account.path.slice(at, at + 2 ** size - 1).map((each) => Buffer.from(each, 'base64url'));
      at += beside.length;
      root = hash('sha256', groupInput(beside.toSpliced(place % 2 ** size, 0, root)), 'buffer');
      place = Math.floor(place / 2 ** size);
    }
    const key = await world.audit.signer().current();
    const jws = await world.tree.sign('id' in key ? key.id : '', headType, {
      ...head,
      root: root.toString('base64url'),
    });
    const shown = { nonce: nonce.toString('base64url'), count: 0, head: Buffer.alloc(32).toString('base64url') };
    const forged = lines.flatMap((line): ExtractLine[] => {
      if (line === account) return [{ ...account, jws, bucket: bucket.toString('base64url'), account: shown }];
      if (line.type === 'end') return [{ type: 'end', records: 0, withheld: 0, unsigned: 0 }];
      return line.type === 'record' || line.type === 'unsigned' ? [] : [line];
    });
    const { problems } = await verify(world, await resealed(world, forged));
    expect(problems).toEqual([expect.stringContaining('two accounts of the tenant')]);
  });

  it('refuses a key for indexes with a small factor, with which a text may have several signatures', async () => {
    const world = await fleet();
    const lines = await world.extract(tenantOf(world), startMs, world.audit.nowMs);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { n = '' } = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' });
    const number = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
    const divisible = (number - (number % 65_521n)).toString(16);
    const forged = lines.map((line) =>
      line.type === 'index'
        ? { ...line, jwk: { ...line.jwk, n: Buffer.from(divisible, 'hex').toString('base64url') } }
        : line,
    );
    const { problems } = await verify(world, await resealed(world, forged));
    expect(problems).toEqual([expect.stringContaining('the key of the index is not a sound RSA key.')]);
  });
});
