import { type Expected, keyAt, payloadOf, pick, placeOf, type Random, type Row, timeOf } from './rows.ts';
import type { Exported } from './world.ts';

/* Attacks on the lines of an export beside its records and checkpoints: header, end and keys. */

interface Attacked {
  readonly exported: Exported;
  readonly expected: Expected;
}
type ExportAttack = (exported: Exported, random: Random) => Attacked | undefined;

const day = 24 * 60 * 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const open = (detail?: string): Expected => ({
  kinds: ['unproven', 'removed', 'truncated', 'forged'],
  isOpen: true,
  ...(detail === undefined ? {} : { detail }),
});

/** Removes the records of one checkpoint. */
function withoutOne({ records, checkpoints, ...rest }: Exported, random: Random): Exported | undefined {
  const index = 1 + Math.floor(random() * (checkpoints.length - 1));
  const [before, after] = [checkpoints[index - 1], checkpoints[index]].map((jws) => payloadOf(jws ?? ''));
  const heads = new Map(before?.chains.map(({ id, seq }) => [id, seq]));
  const gone = new Set<Row>();
  for (const { id, seq } of after?.chains ?? [])
    for (const record of records) {
      const place = placeOf(record);
      if (place.chain === id && place.seq > (heads.get(id) ?? 0) && place.seq <= seq) gone.add(record);
    }
  if (gone.size === 0) return undefined;
  return { ...rest, checkpoints, records: records.filter((record) => !gone.has(record)) };
}

const refused: Expected = { kinds: [], isRefused: true };

const exportAttacks: Readonly<Record<string, ExportAttack>> = {
  'export dated in the future': (exported, random) => {
    const less = withoutOne(exported, random);
    const exportedMs = exported.exportedMs + (1 + random() * 900) * day;
    return less && { exported: { ...less, exportedMs, verifiedMs: exported.exportedMs }, expected: refused };
  },
  'export dated later': (exported, random) => {
    const less = withoutOne(exported, random);
    const exportedMs = exported.exportedMs + (366 + random() * 900) * day;
    const last = payloadOf(exported.checkpoints.at(-1) ?? '');
    const period = random() < 0.5 ? {} : { period: { to: iso(Date.parse(last.at) + 600_000) } };
    return less && { exported: { ...less, exportedMs, ...period }, expected: open() };
  },
  'header from later': (exported, random) => {
    const from = iso(exported.exportedMs + random() * 900 * day);
    return { exported: { ...exported, records: [], period: { from } }, expected: refused };
  },
  'header to earlier': (exported, random) => {
    const to = iso(timeOf(exported.records[0] ?? {}) - (1 + random() * 900) * day);
    return { exported: { ...exported, records: [], period: { to } }, expected: refused };
  },
  'header to just after the first checkpoints': (exported, random) => {
    const [first] = exported.checkpoints;
    const to = iso(Date.parse(payloadOf(first ?? '').from) + random() * 60_000);
    return {
      exported: { ...exported, records: [], checkpoints: exported.checkpoints.slice(0, 1), period: { to } },
      expected: refused,
    };
  },
  'newest checkpoints and records removed': (exported, random) => {
    const rest = exported.checkpoints.slice(0, 1 + Math.floor(random() * (exported.checkpoints.length - 5)));
    const untilMs = Date.parse(payloadOf(rest.at(-1) ?? '').to);
    if (exported.exportedMs - Date.parse(payloadOf(rest.at(-1) ?? '').at) < 16 * 60_000) return undefined;
    const records = exported.records.filter((record) => timeOf(record) <= untilMs);
    return { exported: { ...exported, checkpoints: rest, records }, expected: open('No checkpoint was written for') };
  },
  // The first version with checkpoints does not sign whose they are.
  'header of another broker': (exported) =>
    payloadOf(exported.checkpoints.at(-1) ?? '').broker === undefined
      ? undefined
      : { exported: { ...exported, broker: '00000000-0000-4000-8000-0000000000b1' }, expected: { kinds: ['forged'] } },
  'key left out': (exported) => {
    const [key] = exported.keys;
    return { exported: { ...exported, keys: exported.keys.slice(1) }, expected: open(`The key ${key?.kid} is needed`) };
  },
  'key broken': (exported) => {
    const [key, ...others] = exported.keys;
    if (key === undefined) return undefined;
    const broken = { ...key, x: 'AA', y: 'AA' };
    return {
      exported: { ...exported, keys: [broken, ...others] },
      expected: open(`The key ${key.kid} is not a public key`),
    };
  },
  'checkpoint of an unknown key': (exported, random) => {
    const index = Math.floor(random() * exported.checkpoints.length);
    const [header = '', payload = '', signature = ''] = (exported.checkpoints[index] ?? '').split('.');
    const named = {
      ...JSON.parse(Buffer.from(header, 'base64url').toString()),
      kid: 'https://vault.example/keys/another/1',
    };
    const line = [Buffer.from(JSON.stringify(named)).toString('base64url'), payload, signature].join('.');
    const checkpoints = exported.checkpoints.with(index, line);
    const { number } = payloadOf(line);
    return { exported: { ...exported, checkpoints }, expected: { ...open('is needed'), checkpoint: number } };
  },
  'record of before the first checkpoint': (exported, random) => {
    const record = pick(random, exported.records);
    if (record === undefined) return undefined;
    const ms = Date.parse(payloadOf(exported.checkpoints[0] ?? '').from) - random() * 30 * day;
    const { chain: _, chainLost: __, ...content } = record;
    const added = { ...content, ...keyAt(ms, random), at: iso(ms) };
    return {
      exported: { ...exported, records: [...exported.records, added] },
      expected: open('older than the first checkpoint'),
    };
  },
  'record that shows an earlier time': (exported, random) => {
    const record = pick(
      random,
      exported.records.filter((each) => timeOf(each) < exported.exportedMs - 900_000),
    );
    if (record === undefined) return undefined;
    const { chain: _, chainLost: __, ...content } = record;
    const added = { ...content, ...keyAt(exported.exportedMs - random() * 60_000, random) };
    return {
      exported: { ...exported, records: [added, ...exported.records] },
      expected: { ...open('It shows a time of this period'), rowKeys: [added.RowKey] },
    };
  },
  'record without a time in its key': (exported, random) => {
    const record = pick(random, exported.records);
    if (record === undefined) return undefined;
    const { chain: _, chainLost: __, ...content } = record;
    const RowKey = `${record.RowKey.slice(0, 13)}_${random()}`;
    const chain = random() < 0.5 ? {} : { chain: '11111111-1111-4111-8111-111111111111.1.0.' };
    return {
      exported: {
        ...exported,
        records: [...exported.records, { ...content, PartitionKey: record.PartitionKey, RowKey, ...chain }],
      },
      expected: { kinds: ['inserted'], rowKeys: [RowKey] },
    };
  },
  'record in the partition of another hour': (exported, random) => {
    const record = pick(
      random,
      exported.records.filter((each) => timeOf(each) < exported.exportedMs - 900_000),
    );
    if (record === undefined) return undefined;
    const { RowKey } = keyAt(exported.exportedMs - random() * 60_000 + 3_600_000, random);
    const added = { ...record, RowKey, chain: '11111111-1111-4111-8111-111111111111.1.0.' };
    return {
      exported: { ...exported, records: [...exported.records, added] },
      expected: { kinds: ['inserted'], rowKeys: [RowKey] },
    };
  },
};

/** Applies one attack. @returns undefined if the export offers nothing to attack in that way. */
export function attackExport(exported: Exported, random: Random): (Attacked & { readonly name: string }) | undefined {
  const [name, attack] = pick(random, Object.entries(exportAttacks)) ?? [];
  const attacked = attack?.(exported, random);
  return name === undefined || attacked === undefined ? undefined : { name, ...attacked };
}
