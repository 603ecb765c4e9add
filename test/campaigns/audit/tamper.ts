import { createSign, generateKeyPairSync } from 'node:crypto';
import {
  digest,
  type Expected,
  keyAt,
  payloadOf,
  pick,
  placeOf,
  type Random,
  type Row,
  sha,
  timeOf,
  uuid,
} from './rows.ts';
import type { Exported } from './world.ts';

/*
 * Changes an export as somebody could who owns the storage. It knows the format from docs/audit.md and shares no code with
 * the verifier.
 */

export interface Tampered {
  readonly name: string;
  readonly exported: Exported;
  readonly expected: Expected;
}

interface Scene {
  readonly random: Random;
  readonly rows: Row[];
  readonly checkpoints: string[];
  /** Rows that a checkpoint covers, by chain and place. */
  readonly covered: Row[];
  /** Rows without a chain, of the time that the checkpoints cover. */
  readonly old: Row[];
  readonly heads: ReadonlyMap<string, number>;
}

type Attack = (scene: Scene) => Expected | undefined;

const inChain = (scene: Scene, chain: string): Row[] =>
  scene.covered
    .filter((row) => placeOf(row).chain === chain)
    .toSorted((one, other) => placeOf(one).seq - placeOf(other).seq);
const remove = (scene: Scene, gone: ReadonlySet<Row>): void => {
  const rest = scene.rows.filter((row) => !gone.has(row));
  scene.rows.splice(0, scene.rows.length, ...rest);
};
const here = (row: Row) => [placeOf(row)];

/** A covered row that another covered row of its chain follows, so that something is known about it. */
const victim = (scene: Scene): Row | undefined => pick(scene.random, scene.covered);

const columns = [
  'outcome',
  'callerApplication',
  'rule',
  'tenantId',
  'scopes',
  'tokenFingerprint',
  'at',
  'bytes',
  'fromCache',
  'correlationId',
];
const other = (value: unknown, random: Random): unknown =>
  typeof value === 'number'
    ? value + 1
    : typeof value === 'boolean'
      ? !value
      : `${String(value ?? '')}${random() < 0.5 ? ' ' : 'x'}`;

const changed: Record<string, Attack> = {
  'changed column': (scene) => {
    const row = victim(scene);
    const column = pick(
      scene.random,
      columns.filter((name) => row?.[name] !== undefined),
    );
    if (row === undefined || column === undefined) return undefined;
    row[column] = other(row[column], scene.random);
    return { kinds: ['changed'], places: here(row) };
  },
  'removed column': (scene) => {
    const row = victim(scene);
    const column = pick(
      scene.random,
      columns.filter((name) => row?.[name] !== undefined),
    );
    if (row === undefined || column === undefined) return undefined;
    delete row[column];
    return { kinds: ['changed'], places: here(row) };
  },
  'added column': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    row['breakGlass2'] = true;
    return { kinds: ['changed'], places: here(row) };
  },
  'another time': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    Object.assign(row, keyAt(timeOf(row) - 1 - Math.floor(scene.random() * 60_000), scene.random));
    return { kinds: ['changed'], places: here(row) };
  },
  'changed link': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const { chain, seq, settled, previous } = placeOf(row);
    row['chain'] =
      scene.random() < 0.5 ? `${chain}.${seq}.${settled}.${sha('x')}` : `${chain}.${seq}.${settled + 1}.${previous}`;
    return { kinds: ['changed'], places: here(row) };
  },
  'unreadable link': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    row['chain'] = 'nothing';
    return { kinds: ['changed'], rowKeys: [String(row['RowKey'])] };
  },
  'changed old record': (scene) => {
    const row = pick(scene.random, scene.old);
    if (row === undefined) return undefined;
    row['rule'] = 'another rule';
    return { kinds: ['changed'], unchained: true };
  },
  'rewritten tail': (scene) => {
    // The attacker changes a record and all links after it, which needs no key.
    const first = victim(scene);
    if (first === undefined) return undefined;
    first['rule'] = 'another rule';
    const { chain, seq } = placeOf(first);
    const later = scene.rows
      .filter((row) => String(row['chain']).startsWith(`${chain}.`) && placeOf(row).seq > seq)
      .toSorted((one, two) => placeOf(one).seq - placeOf(two).seq);
    let before = first;
    for (const row of later) {
      const place = placeOf(row);
      if (place.seq !== placeOf(before).seq + 1) break;
      row['chain'] = `${place.chain}.${place.seq}.${place.settled}.${digest(before)}`;
      before = row;
    }
    return { kinds: ['changed', 'unproven'], places: here(first) };
  },
};

const removed: Record<string, Attack> = {
  'one record removed': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    remove(scene, new Set([row]));
    return { kinds: ['removed', 'truncated'], places: here(row) };
  },
  'some records removed': (scene) => {
    const chain = inChain(scene, placeOf(victim(scene) ?? {}).chain);
    const from = Math.floor(scene.random() * chain.length);
    const gone = chain.slice(from, from + 1 + Math.floor(scene.random() * 8));
    if (gone.length === 0) return undefined;
    remove(scene, new Set(gone));
    return { kinds: ['removed', 'truncated'], places: gone.map(placeOf) };
  },
  'chain removed': (scene) => {
    const { chain } = placeOf(victim(scene) ?? {});
    const gone = scene.rows.filter((row) => String(row['chain']).startsWith(`${chain}.`));
    if (gone.length === 0) return undefined;
    remove(scene, new Set(gone));
    return {
      kinds: ['removed'],
      places: inChain({ ...scene, covered: gone }, chain)
        .slice(0, 1)
        .map(placeOf),
    };
  },
  'a time removed': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const [fromMs, toMs] = [timeOf(row) - scene.random() * 300_000, timeOf(row) + scene.random() * 300_000];
    const gone = scene.rows.filter((each) => timeOf(each) >= fromMs && timeOf(each) <= toMs);
    remove(scene, new Set(gone));
    return {
      kinds: ['removed', 'truncated'],
      places: gone.filter((each) => scene.covered.includes(each)).map(placeOf),
    };
  },
  'old record removed': (scene) => {
    const row = pick(scene.random, scene.old);
    if (row === undefined) return undefined;
    remove(scene, new Set([row]));
    return { kinds: ['removed'], unchained: true };
  },
  'removed and linked again': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const { chain, seq } = placeOf(row);
    const of = scene.rows.filter((each) => String(each['chain']).startsWith(`${chain}.`));
    const sorted = of.toSorted((one, two) => placeOf(one).seq - placeOf(two).seq);
    let before = sorted.findLast((each) => placeOf(each).seq < seq);
    remove(scene, new Set([row]));
    // All later records move up, so that no place is missing.
    for (const each of sorted.filter((later) => placeOf(later).seq > seq)) {
      const place = placeOf(each);
      const previous = before === undefined ? '' : digest(before);
      each['chain'] = `${chain}.${place.seq - 1}.${Math.max(0, place.settled - 1)}.${previous}`;
      before = each;
    }
    return { kinds: ['removed', 'truncated', 'changed', 'reordered', 'unproven'], places: [{ chain, seq }] };
  },
  'link removed': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const place = placeOf(row);
    delete row['chain'];
    delete row['chainLost'];
    return { kinds: ['removed', 'truncated'], places: [place] };
  },
};

const truncated: Record<string, Attack> = {
  'chain truncated': (scene) => {
    const { chain } = placeOf(victim(scene) ?? {});
    const covered = inChain(scene, chain);
    if (covered.length < 2) return undefined;
    const first = placeOf(covered[1 + Math.floor(scene.random() * (covered.length - 1))] ?? {}).seq;
    const gone = scene.rows.filter((row) => String(row['chain']).startsWith(`${chain}.`) && placeOf(row).seq >= first);
    remove(scene, new Set(gone));
    return { kinds: ['truncated'], places: gone.filter((row) => scene.covered.includes(row)).map(placeOf) };
  },
  'yesterday’s backup': (scene) => {
    const times = scene.covered.map(timeOf).toSorted((one, two) => one - two);
    const atMs = times[Math.floor(scene.random() * times.length)] ?? 0;
    const gone = scene.rows.filter((row) => timeOf(row) > atMs);
    const known = gone.filter((row) => scene.covered.includes(row));
    if (known.length === 0) return undefined;
    remove(scene, new Set(gone));
    return { kinds: ['truncated', 'removed'], places: known.map(placeOf) };
  },
};

const reordered: Record<string, Attack> = {
  'places exchanged': (scene) => exchange(scene, ['chain', 'chainLost'], true),
  'times exchanged': (scene) => exchange(scene, ['PartitionKey', 'RowKey', 'at'], true),
  'keys exchanged': (scene) => exchange(scene, ['PartitionKey', 'RowKey'], true),
  'instances exchanged': (scene) => exchange(scene, ['chain', 'chainLost'], false),
  'neighbours exchanged': exchangeNeighbours,
};

/** Only the later of two neighbours is known by its hash. */
function exchangeNeighbours(scene: Scene): Expected | undefined {
  const one = victim(scene);
  if (one === undefined) return undefined;
  const { chain, seq } = placeOf(one);
  const two = scene.covered.find((row) => placeOf(row).chain === chain && placeOf(row).seq === seq + 1);
  // The record after both has to be there and signed.
  const next = scene.covered.some((row) => placeOf(row).chain === chain && placeOf(row).seq === seq + 2);
  if (two === undefined || !next) return undefined;
  const names = pick(scene.random, [
    ['chain', 'chainLost'],
    ['PartitionKey', 'RowKey'],
    ['PartitionKey', 'RowKey', 'at'],
  ]);
  swap([one, two], names ?? []);
  return { kinds: ['reordered'], places: [placeOf(one), placeOf(two)] };
}

function swap([one, two]: readonly [Row, Row], names: readonly string[]): void {
  for (const name of names) [one[name], two[name]] = [two[name], one[name]];
  for (const row of [one, two]) for (const name of names) if (row[name] === undefined) delete row[name];
}

function exchange(scene: Scene, names: readonly string[], isSameChain: boolean): Expected | undefined {
  const one = victim(scene);
  if (one === undefined) return undefined;
  const others = scene.covered.filter(
    (row) =>
      row !== one &&
      (placeOf(row).chain === placeOf(one).chain) === isSameChain &&
      placeOf(row).seq !== placeOf(one).seq,
  );
  const two = pick(scene.random, others);
  // Neighbours vouch for each other: without both, only one of them is known by its hash.
  if (two === undefined || (isSameChain && Math.abs(placeOf(one).seq - placeOf(two).seq) < 2)) return undefined;
  const places = [placeOf(one), placeOf(two)];
  swap([one, two], names);
  return { kinds: ['reordered'], places };
}

const inserted: Record<string, Attack> = {
  'record copied': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const copy = { ...row, ...keyAt(timeOf(row), scene.random) };
    scene.rows.push(copy);
    return { kinds: ['inserted'], rowKeys: [copy.RowKey] };
  },
  'record added to a chain': (scene) => {
    const row = victim(scene);
    if (row === undefined) return undefined;
    const { chain, seq, settled } = placeOf(row);
    const added = {
      ...row,
      ...keyAt(timeOf(row), scene.random),
      rule: 'forged',
      chain: `${chain}.${seq}.${settled}.${sha('x')}`,
    };
    scene.rows.unshift(added);
    return { kinds: ['inserted'], rowKeys: [added.RowKey] };
  },
  'ended chain continued': (scene) => {
    // A chain without records after its last checkpoint, which was minutes ago.
    const last = payloadOf(scene.checkpoints.at(-1) ?? '');
    const ended = [...scene.heads].filter(([id, seq]) => {
      const rows = scene.rows.filter((row) => String(row['chain']).startsWith(`${id}.`));
      return rows.every((row) => placeOf(row).seq <= seq && timeOf(row) < Date.parse(last.to) - 200_000);
    });
    const [chain, seq] = pick(scene.random, ended) ?? [];
    const head = scene.covered.find((row) => placeOf(row).chain === chain && placeOf(row).seq === seq);
    if (head === undefined || chain === undefined || seq === undefined) return undefined;
    const added = {
      ...head,
      ...keyAt(timeOf(head) + 500, scene.random),
      chain: `${chain}.${seq + 1}.${seq}.${digest(head)}`,
    };
    scene.rows.push(added);
    return { kinds: ['inserted'], rowKeys: [added.RowKey] };
  },
  'chain invented': (scene) => {
    const row = victim(scene);
    const last = payloadOf(scene.checkpoints.at(-1) ?? '');
    if (row === undefined || timeOf(row) > Date.parse(last.to) - 130_000) return undefined;
    if (timeOf(row) - 5_000 <= Date.parse(payloadOf(scene.checkpoints[0] ?? '').from)) return undefined;
    const added = { ...row, ...keyAt(timeOf(row) - 1_000, scene.random), chain: `${uuid(scene.random)}.1.0.` };
    scene.rows.push(added);
    return { kinds: ['inserted'], rowKeys: [added.RowKey] };
  },
  'hole filled': (scene) => {
    const holes = scene.checkpoints.flatMap((jws) =>
      payloadOf(jws).chains.flatMap(({ id, holes: all = [] }) => all.map(([first]) => ({ chain: id, seq: first }))),
    );
    const free = holes.filter(
      ({ chain, seq }) => !scene.rows.some((row) => placeOf(row).chain === chain && placeOf(row).seq === seq),
    );
    const hole = pick(scene.random, free);
    const row = victim(scene);
    if (hole === undefined || row === undefined) return undefined;
    const before = scene.rows.find((each) => placeOf(each).chain === hole.chain && placeOf(each).seq === hole.seq - 1);
    const link = `${hole.chain}.${hole.seq}.${hole.seq - 1}.${before === undefined ? '' : digest(before)}`;
    const added = { ...row, ...keyAt(timeOf(before ?? row), scene.random), chain: link };
    scene.rows.push(added);
    return { kinds: ['inserted', 'changed'], rowKeys: [added.RowKey] };
  },
  'old record added': (scene) => {
    const row = pick(
      scene.random,
      scene.covered.filter((each) => isCoveredTime(scene, timeOf(each))),
    );
    if (row === undefined) return undefined;
    const { chain: _, chainLost: __, ...content } = row;
    scene.rows.push({ ...content, ...keyAt(timeOf(row), scene.random) });
    return { kinds: ['inserted'], unchained: true };
  },
};

/** Whether the checkpoints cover the records without a chain of a time. */
function isCoveredTime({ checkpoints }: Scene, ms: number): boolean {
  const [first, last] = [payloadOf(checkpoints[0] ?? ''), payloadOf(checkpoints.at(-1) ?? '')];
  return ms > Date.parse(first.unchained.from ?? first.from) && ms <= Date.parse(last.unchained.to ?? last.to);
}

const ofCheckpoints: Record<string, Attack> = {
  'checkpoint removed': ({ random, checkpoints }) => {
    if (checkpoints.length < 3) return undefined;
    const index = Math.floor(random() * (checkpoints.length - 1));
    const [gone = ''] = checkpoints.splice(index, 1);
    return { kinds: ['removed'], checkpoint: payloadOf(gone).number };
  },
  'checkpoint changed': (scene) =>
    forge(scene, (parts) => {
      const payload = { ...payloadOf(parts.join('.')), chains: [] };
      return [parts[0], Buffer.from(JSON.stringify(payload)).toString('base64url'), parts[2]];
    }),
  'signature changed': (scene) =>
    forge(scene, ([header, payload]) => [
      header,
      payload,
      Buffer.alloc(64, Math.floor(scene.random() * 256)).toString('base64url'),
    ]),
  'checkpoint signed with another key': (scene) =>
    forge(scene, ([header, payload]) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const changedPayload = { ...payloadOf(`.${payload}`), chains: [] };
      const encoded = Buffer.from(JSON.stringify(changedPayload)).toString('base64url');
      const signature = createSign('SHA256')
        .update(`${header}.${encoded}`)
        .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
      return [header, encoded, signature.toString('base64url')];
    }),
  'unsigned checkpoint': (scene) =>
    forge(scene, ([, payload]) => [
      Buffer.from('{"alg":"none","typ":"ptb-audit-checkpoint+jws"}').toString('base64url'),
      payload,
      '',
    ]),
  'checkpoint put in place of another': ({ random, checkpoints }) => {
    if (checkpoints.length < 3) return undefined;
    const index = Math.floor(random() * (checkpoints.length - 2));
    const gone = payloadOf(checkpoints[index] ?? '').number;
    checkpoints[index] = checkpoints[index + 1] ?? '';
    return { kinds: ['removed'], checkpoint: gone };
  },
};

function forge(
  { random, checkpoints }: Scene,
  change: (parts: readonly (string | undefined)[]) => readonly (string | undefined)[],
): Expected | undefined {
  const index = Math.floor(random() * checkpoints.length);
  const jws = checkpoints[index];
  if (jws === undefined) return undefined;
  const forged = change(jws.split('.')).join('.');
  if (forged === jws) return undefined;
  checkpoints[index] = forged;
  return { kinds: ['forged'] };
}

/** All kinds of tampering, by the kind that the project names. */
export const attacks: Readonly<Record<string, Readonly<Record<string, Attack>>>> = {
  changed,
  removed,
  truncated,
  reordered,
  inserted,
  checkpoints: ofCheckpoints,
};

/** Applies one attack to a copy. @returns undefined if the export offers nothing to attack in that way. */
export function tamper(exported: Exported, kind: string, random: Random): Tampered | undefined {
  const [name, attack] = pick(random, Object.entries(attacks[kind] ?? {})) ?? [];
  if (name === undefined || attack === undefined) return undefined;
  const rows = exported.records.map((record): Row => ({ ...record }));
  const checkpoints = [...exported.checkpoints];
  const heads = new Map(checkpoints.flatMap((jws) => payloadOf(jws).chains.map(({ id, seq }) => [id, seq] as const)));
  const isCovered = (row: Row): boolean =>
    row['chain'] !== undefined && placeOf(row).seq <= (heads.get(placeOf(row).chain) ?? 0);
  const scene: Scene = { random, rows, checkpoints, heads, covered: rows.filter(isCovered), old: [] };
  const old = rows.filter((row) => row['chain'] === undefined && isCoveredTime(scene, timeOf(row)));
  const expected = attack({ ...scene, old });
  if (expected === undefined) return undefined;
  return { name, expected, exported: { ...exported, records: rows as Exported['records'], checkpoints } };
}
