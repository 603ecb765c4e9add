import { createSign, generateKeyPairSync, hash } from 'node:crypto';
import type { EcKey, ExtractLine } from '../../../src/lib/audit/proof/layout.ts';
import { headType, shownText } from '../../../src/lib/audit/proof/layout.ts';

/** Extracts from which a tamperer takes what it puts elsewhere. */
export interface Sources {
  /** The one that is changed. */
  readonly lines: readonly ExtractLine[];
  /** Of the same tenant and another period, of another tenant and the same period, and of another broker. */
  readonly period: readonly ExtractLine[];
  readonly neighbour: readonly ExtractLine[];
  readonly stranger: readonly ExtractLine[];
  /** Signs the seal anew, as whoever may ask the app for an extract could have it signed. */
  readonly sealed: (front: readonly ExtractLine[]) => Promise<ExtractLine>;
  readonly random: () => number;
}

type Line<T extends ExtractLine['type']> = Extract<ExtractLine, { type: T }>;
type Change = (sources: Sources) => readonly ExtractLine[] | readonly string[] | undefined;

const isFront = ({ type }: ExtractLine): boolean => ['tenant-extract', 'key', 'index', 'account'].includes(type);
const pick = <T>(items: readonly T[], random: () => number): T | undefined =>
  items[Math.floor(random() * items.length)];
const of = <T extends ExtractLine['type']>(lines: readonly ExtractLine[], type: T): Line<T>[] =>
  lines.filter((line): line is Line<T> => line.type === type);
const swap = (lines: readonly ExtractLine[], before: ExtractLine | undefined, ...after: readonly ExtractLine[]) =>
  before === undefined ? undefined : lines.flatMap((line) => (line === before ? after : [line]));
/** Makes the counts of the end right again. */
const counted = (lines: readonly ExtractLine[] | undefined): ExtractLine[] | undefined =>
  lines?.map((line) =>
    line.type === 'end'
      ? {
          type: 'end',
          records: of(lines, 'record').length,
          withheld: of(lines, 'withheld').length,
          unsigned: of(lines, 'unsigned').length,
        }
      : line,
  );
const bend = (text: string, random: () => number): string => {
  const at = Math.floor(random() * (text.length - 1));
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
};
const texts = (lines: readonly ExtractLine[]): string[] => lines.map((line) => JSON.stringify(line));

/** Changes one record in some way. */
const onRecord =
  (change: (record: Line<'record'>, sources: Sources) => readonly ExtractLine[] | undefined): Change =>
  (sources) => {
    const record = pick(of(sources.lines, 'record'), sources.random);
    const after = record === undefined ? undefined : change(record, sources);
    return after === undefined ? undefined : counted(swap(sources.lines, record, ...after));
  };
const onAccount =
  (change: (account: Line<'account'>, sources: Sources) => ExtractLine | undefined): Change =>
  (sources) => {
    const account = pick(of(sources.lines, 'account'), sources.random);
    const after = account === undefined ? undefined : change(account, sources);
    return after === undefined ? undefined : swap(sources.lines, account, after);
  };
const onShown = (
  change: (account: NonNullable<Line<'account'>['account']>, random: () => number) => Line<'account'>['account'],
): Change =>
  onAccount((line, { random }) => {
    const account = line.account === undefined ? undefined : change(line.account, random);
    return account === undefined ? undefined : { ...line, account };
  });
const onHeader =
  (change: (header: Line<'tenant-extract'>, sources: Sources) => object): Change =>
  (sources) => {
    const [header] = of(sources.lines, 'tenant-extract');
    return header === undefined ? undefined : swap(sources.lines, header, { ...header, ...change(header, sources) });
  };
const otherAccounts =
  (from: (sources: Sources) => readonly ExtractLine[]): Change =>
  (sources) => {
    const [one, other] = [
      pick(of(sources.lines, 'account'), sources.random),
      pick(of(from(sources), 'account'), sources.random),
    ];
    return other === undefined ? undefined : swap(sources.lines, one, other);
  };
const hashesOf = (lines: readonly ExtractLine[]): string =>
  lines
    .flatMap((line) =>
      line.type === 'withheld'
        ? [line.hash]
        : line.type === 'record'
          ? [hash('sha256', shownText(line.record), 'base64url')]
          : [],
    )
    .join();
const otherRecords =
  (from: (sources: Sources) => readonly ExtractLine[]): Change =>
  (sources) => {
    const taken = of(from(sources), 'record');
    // The same records, of which some are not withheld there, are true.
    if (hashesOf(taken) === hashesOf(sources.lines)) return undefined;
    return counted([
      ...sources.lines.filter(({ type }) => isFront({ type } as ExtractLine) || type === 'seal'),
      ...taken,
      ...of(from(sources), 'change'),
      ...of(sources.lines, 'unsigned'),
      ...of(sources.lines, 'end'),
    ]);
  };
const onText =
  (change: (text: string, random: () => number) => string | undefined): Change =>
  ({ lines, random }) => {
    const all = texts(lines);
    // Nothing speaks for names and for records that no checkpoint covers, and the verdict says so of them.
    const proven = all.flatMap((text, at) => (/^\{"type":"(?:unsigned|name)"/.test(text) ? [] : [at]));
    const at = pick(proven, random) ?? 0;
    const text = change(all[at] ?? '', random);
    return text === undefined ? undefined : all.with(at, text);
  };
/** Changes the row of one change, whose record stays. @returns undefined for a row that stays as it is. */
const onChange =
  (change: (row: string, sources: Sources) => string | undefined): Change =>
  (sources) => {
    const line = pick(
      of(sources.lines, 'change').filter(({ row }) => row !== undefined),
      sources.random,
    );
    const row = line?.row === undefined ? undefined : change(line.row, sources);
    return line === undefined || row === undefined || row === line.row
      ? undefined
      : swap(sources.lines, line, { ...line, row });
  };
const otherRow = (from: (sources: Sources) => readonly ExtractLine[]): Change =>
  onChange((row, sources) => {
    const others = of(from(sources), 'change').flatMap((line) => line.row ?? []);
    return pick(
      others.filter((other) => other !== row),
      sources.random,
    );
  });
/** A change that is true, of a plan that no record of the file names. */
const unnamed = 'invented by somebody';

const hours = (text: string, random: () => number): string =>
  new Date(Date.parse(text) + Math.round((random() - 0.5) * 7_200_000)).toISOString();

const forger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const forged = (payload: string, kid: string): string => {
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid, typ: headType })).toString('base64url');
  const signature = createSign('SHA256')
    .update(`${header}.${payload}`)
    .sign({ key: forger.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${header}.${payload}.${signature.toString('base64url')}`;
};

/** Each makes one false extract, or none if the extract has nothing for it. */
export const changes: Readonly<Record<string, Change>> = {
  'record left out': onRecord(() => []),
  'record changed': onRecord((line, { random }) => {
    const name = pick(Object.keys(line.record), random) ?? '';
    const value = line.record[name];
    const other = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${String(value)}x`;
    return [{ ...line, record: { ...line.record, [name]: other } }];
  }),
  'column left out': onRecord((line, { random }) => {
    const name = pick(
      Object.keys(line.record).filter((each) => !each.endsWith('Key')),
      random,
    );
    return [{ ...line, record: Object.fromEntries(Object.entries(line.record).filter(([each]) => each !== name)) }];
  }),
  'column added': onRecord((line) => [{ ...line, record: { ...line.record, reason2: 'was asked' } }]),
  'record doubled': onRecord((line) => [line, line]),
  'record invented': onRecord((line) => [
    line,
    {
      ...line,
      record: {
        ...line.record,
        RowKey: `${String(line.record['RowKey']).slice(0, 13)}-00000000-0000-4000-8000-000000000000`,
      },
    },
  ]),
  'record under another checkpoint': onRecord((line, { random }) => [
    { ...line, checkpoint: Math.max(0, line.checkpoint + (random() < 0.5 ? 1 : -1)) },
  ]),
  'record made unsigned': onRecord((line) => [{ type: 'unsigned', record: line.record }]),
  'record withheld under another hash': onRecord((line, { random }) => [
    { type: 'withheld', checkpoint: line.checkpoint, hash: bend(hash('sha256', 'x', 'base64url'), random) },
  ]),
  'records exchanged': ({ lines, random }) => {
    const records = of(lines, 'record');
    const [one, other] = [pick(records, random), pick(records, random)];
    if (one === undefined || other === undefined || one === other) return undefined;
    return lines.map((line) => (line === one ? other : line === other ? one : line));
  },
  'checkpoints of all records moved': ({ lines }) =>
    lines.map((line) => (line.type === 'record' ? { ...line, checkpoint: line.checkpoint + 1 } : line)),
  'unsigned record made signed': ({ lines, random }) => {
    const line = pick(of(lines, 'unsigned'), random);
    const last = of(lines, 'record').at(-1);
    if (line === undefined || last === undefined) return undefined;
    return counted(swap(lines, line, { type: 'record', checkpoint: last.checkpoint, record: line.record }));
  },
  'record of a neighbour': (sources) => {
    const [line, other] = [
      pick(of(sources.lines, 'record'), sources.random),
      pick(of(sources.neighbour, 'record'), sources.random),
    ];
    if (line === undefined || other === undefined) return undefined;
    const record = { ...other.record, tenantId: line.record['tenantId'] };
    return counted(swap(sources.lines, line, line, { ...line, record }));
  },
  'records of a neighbour': otherRecords(({ neighbour }) => neighbour),
  'records of another period': otherRecords(({ period }) => period),
  'records of another broker': otherRecords(({ stranger }) => stranger),
  'value before changed': onChange((row) => row.replace(/Rom/, 'Paris')),
  'value after changed': onChange((row) => row.replace(/Bern/, 'Paris')),
  'half a character in a value': onChange((row) => row.replace('\uFFFD', '\uD800')),
  'value before and after exchanged': onChange((row) =>
    row.replace('"after"', '"x"').replace('"before"', '"after"').replace('"x"', '"before"'),
  ),
  'object of a change changed': onChange((row) => row.replace('/users/1', '/users/2')),
  'other value in front of a change': onChange((row) => row.replace('{', '{"after":"1",')),
  'values of another change': otherRow(({ lines }) => lines),
  'values of a plan of another period': otherRow(({ period }) => period),
  'values of a plan of a neighbour': otherRow(({ neighbour }) => neighbour),
  'values under the digest of another change': ({ lines, random }) => {
    const changed = of(lines, 'change').filter(({ row }) => row !== undefined);
    const [one, other] = [pick(changed, random), pick(changed, random)];
    if (one === undefined || other === undefined || one === other) return undefined;
    return lines.map((line) =>
      line === one ? { ...one, sha256: other.sha256 } : line === other ? { ...other, sha256: one.sha256 } : line,
    );
  },
  'values left out': (sources) => {
    const line = pick(of(sources.lines, 'change'), sources.random);
    const isAgain = of(sources.lines, 'change').filter(({ sha256 }) => sha256 === line?.sha256).length > 1;
    return isAgain ? undefined : swap(sources.lines, line);
  },
  'values added that no record names': ({ lines }) => {
    const row = JSON.stringify({ action: 'update', after: '1', before: '2', target: unnamed });
    const change: ExtractLine = { type: 'change', sha256: hash('sha256', row, 'hex'), row };
    const end = lines.at(-1);
    return end === undefined ? undefined : swap(lines, end, change, end);
  },
  'values before their record': ({ lines }) => {
    const [change] = of(lines, 'change');
    const [seal] = of(lines, 'seal');
    return change === undefined || seal === undefined ? undefined : swap(swap(lines, change) ?? [], seal, seal, change);
  },
  'values and a reason for none': (sources) => {
    const line = pick(of(sources.lines, 'change'), sources.random);
    if (line?.row === undefined) return undefined;
    return swap(sources.lines, line, { ...line, missing: 'gone' });
  },
  'digest of a change in its record': onRecord((line, { random }) =>
    typeof line.record['changeSha256'] !== 'string'
      ? undefined
      : [{ ...line, record: { ...line.record, changeSha256: bend(line.record['changeSha256'], random) } }],
  ),
  'count changed': onShown((account, random) => ({
    ...account,
    count: Math.max(0, account.count + (random() < 0.5 ? 1 : -1)),
  })),
  'head changed': onShown((account, random) => ({ ...account, head: bend(account.head, random) })),
  'nonce changed': onShown((account, random) => ({ ...account, nonce: bend(account.nonce, random) })),
  'account hidden': onAccount(({ account, ...line }) => (account === undefined ? undefined : line)),
  'path changed': onAccount((line, { random }) => {
    const at = Math.floor(random() * line.path.length);
    return { ...line, path: line.path.with(at, bend(line.path[at] ?? '', random)) };
  }),
  'path cut': onAccount((line) => ({ ...line, path: line.path.slice(1) })),
  'bucket changed': onAccount((line, { random }) => ({ ...line, bucket: bend(line.bucket, random) })),
  'checkpoint changed': onAccount((line, { random }) => ({ ...line, jws: bend(line.jws, random) })),
  'checkpoint signed by a forger': onAccount((line) => {
    const [header = '', payload = ''] = line.jws.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as EcKey;
    return { ...line, jws: forged(payload, kid) };
  }),
  'older count signed by a forger': (sources) => {
    const lines = sources.lines.map((line): ExtractLine => {
      if (line.type === 'key')
        return {
          ...line,
          jwk: { ...line.jwk, ...(forger.publicKey.export({ format: 'jwk' }) as Pick<EcKey, 'x' | 'y'>) },
        };
      if (line.type !== 'account') return line;
      const [header = '', payload = ''] = line.jws.split('.');
      return { ...line, jws: forged(payload, (JSON.parse(Buffer.from(header, 'base64url').toString()) as EcKey).kid) };
    });
    return lines;
  },
  'first account left out': (sources) => {
    const [first, second] = of(sources.lines, 'account');
    return second === undefined ? undefined : swap(sources.lines, first);
  },
  'last account left out': (sources) => {
    const [, second] = of(sources.lines, 'account');
    return swap(sources.lines, second);
  },
  'accounts exchanged': ({ lines }) => {
    const [first, second] = of(lines, 'account');
    if (first === undefined || second === undefined) return undefined;
    return lines.map((line) => (line === first ? second : line === second ? first : line));
  },
  'account of another period': otherAccounts(({ period }) => period),
  'account of a neighbour': otherAccounts(({ neighbour }) => neighbour),
  'account of another broker': otherAccounts(({ stranger }) => stranger),
  'index of a neighbour': (sources) =>
    swap(sources.lines, of(sources.lines, 'index')[0], ...of(sources.neighbour, 'index')),
  'index of another broker': (sources) =>
    swap(sources.lines, of(sources.lines, 'index')[0], ...of(sources.stranger, 'index')),
  'witnesses left out': (sources) => {
    const [index] = of(sources.lines, 'index');
    return index === undefined
      ? undefined
      : swap(sources.lines, index, { ...index, witnesses: index.witnesses.slice(1) });
  },
  'keys of another broker': (sources) => {
    const keys = of(sources.stranger, 'key');
    const others = sources.lines.filter(({ type }) => type !== 'key').slice(1);
    return keys.length === 0 ? undefined : [...sources.lines.slice(0, 1), ...keys, ...others];
  },
  'other tenant': onHeader((_header, { neighbour }) => ({ tenant: of(neighbour, 'tenant-extract')[0]?.tenant })),
  'other broker': onHeader(() => ({ broker: '00000000-0000-4000-8000-0000000000b1' })),
  'other start': onHeader(({ since }, { random }) => ({ since: hours(since, random) })),
  'other end': onHeader(({ until }, { random }) => ({ until: hours(until, random) })),
  'other time of making': onHeader(({ madeAt }) => ({ madeAt: new Date(Date.parse(madeAt) - 1).toISOString() })),
  'another seal': (sources) => swap(sources.lines, of(sources.lines, 'seal')[0], ...of(sources.period, 'seal')),
  'cut off': ({ lines, random }) => texts(lines).slice(0, Math.floor(random() * lines.length)),
  'line cut off': onText((text, random) => text.slice(0, Math.floor(random() * text.length))),
  'member twice': onText((text) => text.replace('{', '{"type":"record",')),
  'member __proto__': onText((text) => text.replace('{', '{"__proto__":{"checkpoint":1},')),
  'unknown member': onText((text) => text.replace(/\}$/, ',"note":1}')),
  'two members record': onText((text) =>
    text.includes('"record":{') ? text.replace('"record":{', '"record":{"PartitionKey":"1"},"record":{') : undefined,
  ),
  'other spaces': onText((text) => text.replace(':', ': ')),
  'byte changed': onText((text, random) => (text.length < 2 ? undefined : bend(text, random))),
};

/**
 * Makes a false extract.
 * @returns undefined if the change has nothing to change, or makes none.
 */
export async function tampered(kind: string, sources: Sources): Promise<readonly string[] | undefined> {
  const changed = changes[kind]?.(sources);
  if (changed === undefined) return undefined;
  const before = texts(sources.lines);
  const lines = changed as readonly (ExtractLine | string)[];
  const isText = lines.every((line) => typeof line === 'string');
  // Half of those who change the proof have it sealed again.
  if (!isText && sources.random() < 0.5 && !sealedOnly.has(kind)) {
    const seal = await sources.sealed((lines as readonly ExtractLine[]).filter(isFront));
    const after = texts((lines as readonly ExtractLine[]).map((line) => (line.type === 'seal' ? seal : line)));
    // The period is what the seal signs, and nothing else depends on it.
    return isSame(texts(lines as readonly ExtractLine[]), before) ? undefined : after;
  }
  const after = isText ? lines : texts(lines as readonly ExtractLine[]);
  return isSame(after, before) ? undefined : after;
}

/** Whoever can have these sealed anew has an honest extract of another period. */
const sealedOnly: ReadonlySet<string> = new Set([
  'other start',
  'other end',
  'other time of making',
  'another seal',
  'account of another period',
  'last account left out',
  'first account left out',
]);

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, at) => text === other[at]);
