import {
  type Account,
  type AccountProof,
  bucketBytes,
  bucketInput,
  bucketOf,
  commitmentInput,
  digestBytes,
  type EcKey,
  emptyAccount,
  entryBytes,
  type ExtractHeader,
  type ExtractLine,
  extractType,
  fewestBits,
  groupInput,
  headInput,
  headType,
  hiddenColumns,
  indexText,
  isBefore,
  jwsHeader,
  levelsOf,
  longestName,
  missingChanges,
  type MissingChange,
  mostBits,
  settledMs,
  shownText,
  tagBytes,
  tagInput,
  thumbprintText,
  toBytes,
  toText,
  type TreeHead,
  witnessTexts,
} from './layout.ts';

/*
 * Checks an extract for a customer, who trusts nobody but the key. Runs in Node and in a browser as it is: it needs WebCrypto
 * and nothing else. It runs nothing that a file contains, and its work is linear in the size of the file.
 */

/** What is wrong with a file, in one sentence. */
class Problem extends Error {
  override readonly name = 'Problem';
}

export interface VerifyOptions {
  /** The keys that must have signed. Empty: those in the file, whose thumbprints somebody has to compare. */
  readonly keys?: readonly EcKey[];
  /** Id of the tenant that the file must be about. Undefined: whichever it names, which the reader has to compare. */
  readonly tenant?: string;
  /**
   * Heads that the broker has published, or that another customer has: JWS, in any order. They must be one history, and none
   * may differ from one of the file. Lines that no key of the file has signed do not count: anybody may have added them. At
   * most {@link mostHeads}.
   */
  readonly heads?: readonly string[];
  readonly nowMs: number;
  /**
   * Gets each record that the account counts, and those that it does not (`checkpoint` undefined), before it is proven. Whoever
   * had the file can have added the latter: keep them apart, and conclude nothing from them.
   */
  readonly onRecord?: (record: Readonly<Record<string, unknown>>, checkpoint: number | undefined) => void;
  /**
   * Gets what the file has of each change that a record names (`changeSha256`), before or after the record itself. If signed
   * and other records name it, it comes for each of the two.
   */
  readonly onChange?: (sha256: string, values: ChangeValues, isSigned: boolean) => void;
}

/** A change as its plan holds it. */
interface PlannedValues {
  readonly action: string;
  readonly target: string;
  /** JSON. Null: it was not, or will not be, there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What an extract has of a change: its values, or why not. Nobody signs the reason. */
export type ChangeValues = PlannedValues | MissingChange;

export interface ExtractVerdict {
  /** Whether the records are those of the signed checkpoints. With published heads, see {@link missingHeads}, too. */
  readonly isProven: boolean;
  /** What is wrong. Plain sentences; they quote nothing that could be markup. Empty if it is proven. */
  readonly problems: readonly string[];
  /** What the proof does not cover. */
  readonly notes: readonly string[];
  readonly header?: ExtractHeader;
  /** The part of the period about which `isProven` speaks. ISO 8601. */
  readonly proven?: { readonly from: string; readonly to: string };
  readonly records: number;
  readonly withheld: number;
  readonly unsigned: number;
  /** What the file calls callers and the tenant, by id in lower case. Nobody signs it. */
  readonly names: Readonly<Record<string, string>>;
  /** SHA-256 thumbprints (RFC 7638) of the keys that signed. */
  readonly keys: readonly { readonly kid: string; readonly thumbprint: string }[];
  /** The checkpoints that the proof rests on. */
  readonly checkpoints: readonly CheckpointName[];
  /** Those of them that the published heads lack, so that they were not compared. Empty also without published heads. */
  readonly missingHeads: readonly CheckpointName[];
}

interface CheckpointName {
  readonly number: number;
  /** Up to when it covers records. ISO 8601: the heads of this time have it. */
  readonly to: string;
}

/** Published heads that can be compared: those of two years, at one in five minutes. */
const mostHeads = 210_000;
/** Lines that look like heads and are not signed. In a list that somebody got from the broker there is none. */
const mostInvalid = 1_000;

/** Longest line, characters. A record has at most about 60,000. */
const longestLine = 1_000_000;
/** Records that are hashed at the same time. */
const hashedAtOnce = 2_000;
const mostNames = 10_000;
/** Records without a checkpoint: those of some minutes, or of an outage. */
const mostUnsigned = 200_000;
const nobody = '00000000-0000-0000-0000-000000000000';
/** Header, index, two accounts, and the keys that signed them and the seal. */
const mostFrontLines = 16;
const guidPattern = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Row keys begin with this less the time. */
const endOfTimeMs = 9_999_999_999_999;
/** Clocks of machines may differ by this much. */
const toleratedMs = 120_000;

/**
 * Says whether an extract has all and only the records that signed checkpoints hold for its tenant.
 * @param lines of the file, without line ends.
 * @throws what reading the lines throws.
 */
export async function verifyExtract(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyOptions,
): Promise<ExtractVerdict> {
  const check = new Check(options);
  let number = 0;
  try {
    for await (const text of lines) {
      number += 1;
      await check.line(parseLine(text));
    }
    await check.end();
    return check.verdict([]);
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    const where = check.isWhole || number === 0 ? '' : `Line ${number}: `;
    return check.verdict([`${where}${thrown.message}`]);
  }
}

/** The members of each line besides `type`, which may be absent if they end with a question mark. */
const members: Readonly<Record<ExtractLine['type'], readonly string[]>> = {
  'tenant-extract': ['v', 'broker', 'tenant', 'since', 'until', 'madeAt'],
  key: ['jwk'],
  index: ['jwk', 'signature', 'witnesses'],
  account: ['jws', 'bucket', 'path', 'account?'],
  seal: ['jws'],
  name: ['id', 'name'],
  record: ['checkpoint', 'record'],
  withheld: ['checkpoint', 'hash'],
  unsigned: ['record'],
  change: ['sha256', 'row?', 'missing?'],
  end: ['records', 'withheld', 'unsigned'],
};

/** A line, and its text. */
interface ReadLine {
  readonly line: ExtractLine;
  readonly text: string;
}

/** @throws Problem for any line that the broker does not write, also if it means the same. */
function parseLine(text: string): ReadLine {
  if (text.length > longestLine) throw new Problem('it is longer than any line of an extract.');
  let value: unknown;
  let again: string | undefined;
  try {
    value = JSON.parse(text);
    // What is nested too deep fails here.
    again = JSON.stringify(value);
  } catch {
    throw new Problem('it is not JSON. The file was cut off or changed.');
  }
  // Two members of one name, other spaces and other escapes do not survive this.
  if (!isObject(value) || again !== text) throw new Problem('it is not written as the broker writes it.');
  const { type, ...rest } = value;
  const known =
    typeof type === 'string' && Object.hasOwn(members, type) ? members[type as ExtractLine['type']] : undefined;
  if (known === undefined) throw new Problem('it is no line of an extract, or a newer version has written it.');
  if (type === 'tenant-extract' && rest['v'] !== 1)
    throw new Problem('a newer version has written it. Use a newer page or `ptb`.');
  requireMembers(rest, known);
  if (type === 'record' || type === 'unsigned') requireRecord(rest['record']);
  if ('checkpoint' in rest) requireNumber(rest['checkpoint']);
  return { line: value as ExtractLine, text };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws Problem */
function requireMembers(value: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const needed = known.filter((name) => !name.endsWith('?'));
  const allowed = new Set(known.map((name) => name.replace('?', '')));
  if (!needed.every((name) => Object.hasOwn(value, name)) || !Object.keys(value).every((name) => allowed.has(name)))
    throw new Problem('it does not have the members that such a line has.');
}

function requireRecord(record: unknown): void {
  if (!isObject(record) || typeof record['PartitionKey'] !== 'string' || typeof record['RowKey'] !== 'string')
    throw new Problem('it has no record.');
  for (const [name, value] of Object.entries(record))
    if (!/^[A-Za-z]\w*$/.test(name) || hiddenColumns.has(name) || (typeof value === 'object' && value !== null))
      throw new Problem('it has a record that no broker writes.');
}

/** @throws Problem */
function requireNumber(value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new Problem('it has a number that no broker writes.');
}

const encoder = new TextEncoder();
const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const hashOfText = (text: string): Promise<Uint8Array<ArrayBuffer>> => sha256(encoder.encode(text));
const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

/** @throws Problem unless it is base64url, of this many bytes if that is known. */
function bytesOf(text: unknown, size?: number): Uint8Array<ArrayBuffer> {
  const bytes = typeof text === 'string' ? toBytes(text) : undefined;
  if (bytes === undefined || (size !== undefined && bytes.length !== size))
    throw new Problem('it has bytes of another form or number than the broker writes.');
  return bytes;
}

/** A head that the broker has published. */
interface PublishedHead {
  readonly head: TreeHead;
  /** As it is signed. */
  readonly payload: string;
  /** Of each line with it: the next head names one of them. */
  readonly hashes: Set<string>;
}

/** Whether the accounts of two heads are of one tree. */
const isSameTree = (one: TreeHead, other: TreeHead): boolean =>
  one.began.number === other.began.number && one.began.from === other.began.from && one.indexKey === other.indexKey;

const payloadOf = (jws: string): string => jws.split('.')[1] ?? '';
const nameOf = ({ number, to }: TreeHead): CheckpointName => ({ number, to });

/** The account of the tenant at a checkpoint. */
interface ProvenAccount {
  readonly head: TreeHead;
  readonly jws: string;
  readonly account: Account;
}

type Line<T extends ExtractLine['type']> = Extract<ExtractLine, { type: T }>;

class Check {
  readonly #options: VerifyOptions;
  #header: ExtractHeader | undefined;
  readonly #keys = new Map<string, EcKey>();
  /** False if published heads between those of the file were not given. */
  #areHeadsWhole = true;
  #missingHeads: readonly CheckpointName[] = [];
  #areHeadsTooMany = false;
  readonly #signers = new Map<string, { kid: string; thumbprint: string }>();
  readonly #imported = new Map<string, PublicKey>();
  #index: { readonly bytes: Uint8Array<ArrayBuffer>; readonly key: string } | undefined;
  readonly #accounts: ProvenAccount[] = [];
  /** Lines before the seal. */
  readonly #front: string[] = [];
  #isSealed = false;
  isWhole = false;
  /** The account as far as the records lead. */
  #account: Account = emptyAccount;
  /** Hashes of the records of this checkpoint, and the row key of the last that is shown. */
  #group: { readonly checkpoint: number; readonly hashes: Uint8Array[]; lastKey: string } = {
    checkpoint: 0,
    hashes: [],
    lastKey: '',
  };
  #waiting: Line<'record' | 'withheld'>[] = [];
  #records = 0;
  #withheld = 0;
  #unsigned = 0;
  /** Those of the time about which the proof speaks. */
  #contradicted = 0;
  /** By id; undefined for whoever has two. */
  readonly #names = new Map<string, string | undefined>();
  /** By the digest that signed records name, and others, what the file has of it after them. */
  readonly #changes = { signed: new Map<string, KnownChange>(), unsigned: new Map<string, KnownChange>() };
  #unsignedKeys = new Set<string>();

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  async line({ line, text }: ReadLine): Promise<void> {
    if (this.isWhole) throw new Problem('something follows the end of the extract.');
    if ((this.#header === undefined) !== (line.type === 'tenant-extract'))
      throw new Problem(
        this.#header === undefined ? 'this is no extract of a tenant.' : 'this is more than one extract.',
      );
    const isFront = line.type !== 'seal' && !this.#isSealed;
    if (isFront) this.#front.push(text);
    // They are kept until the seal, and a file of any size may have no other lines.
    if (this.#front.length > mostFrontLines) throw new Problem('it has more lines before the seal than any extract.');
    if (isFront !== ['tenant-extract', 'key', 'index', 'account'].includes(line.type) && line.type !== 'seal')
      throw new Problem('it is not where such a line stands in an extract.');
    if (line.type === 'record') nameChange(this.#changes.signed, line.record);
    if (line.type === 'unsigned') nameChange(this.#changes.unsigned, line.record);
    switch (line.type) {
      case 'tenant-extract':
        return this.#begin(line);
      case 'key':
        return this.#addKey(line.jwk);
      case 'index':
        return this.#setIndex(line);
      case 'account':
        return this.#addAccount(line);
      case 'seal':
        return this.#checkSeal(line.jws);
      case 'record':
      case 'withheld':
        this.#waiting.push(line);
        return this.#waiting.length < hashedAtOnce ? undefined : this.#fold();
      case 'name':
        return this.#addName(line);
      case 'unsigned':
        return this.#addUnsigned(line.record);
      case 'change':
        return this.#addChange(line);
      case 'end':
        await this.#fold();
        if (line.records !== this.#records || line.withheld !== this.#withheld || line.unsigned !== this.#unsigned)
          throw new Problem('it counts other records than the file has.');
        this.isWhole = true;
    }
  }

  #begin(header: ExtractHeader): void {
    const times = [header.since, header.until, header.madeAt].map((text) => Date.parse(text));
    const [sinceMs = Number.NaN, untilMs = Number.NaN, madeMs = Number.NaN] = times;
    const isWritten = [header.since, header.until, header.madeAt].every(
      (text, at) => Number.isFinite(times[at]) && new Date(times[at] ?? 0).toISOString() === text,
    );
    if (!isWritten || !(sinceMs < untilMs) || ![header.broker, header.tenant].every((id) => guidPattern.test(id)))
      throw new Problem('it names no broker, no tenant or no period.');
    if (madeMs > this.#options.nowMs + toleratedMs)
      throw new Problem(`it says that it was made at ${header.madeAt}, which is in the future.`);
    const wanted = this.#options.tenant?.toLowerCase();
    if (wanted !== undefined && wanted !== header.tenant)
      throw new Problem(`it is about the tenant ${header.tenant}, and not about ${wanted}.`);
    this.#header = header;
  }

  #addKey(jwk: EcKey): void {
    requireMembers({ ...jwk }, ['kty', 'crv', 'x', 'y', 'kid']);
    const { keys: trusted = [] } = this.#options;
    if (trusted.length > 0 && !trusted.some(({ kid, x, y }) => kid === jwk.kid && x === jwk.x && y === jwk.y))
      throw new Problem('the key is not among those that are trusted.');
    if (this.#keys.has(jwk.kid)) throw new Problem('it has a second key with the id of another.');
    this.#keys.set(jwk.kid, jwk);
  }

  /** The index is the only one that the tenant has, if the key is one with which each text has one signature. */
  async #setIndex({ jwk, signature, witnesses }: Line<'index'>): Promise<void> {
    if (this.#header === undefined || this.#index !== undefined) throw new Problem('it has a second index.');
    requireMembers({ ...jwk }, ['kty', 'n', 'e', 'kid']);
    if (jwk.kty !== 'RSA' || jwk.e !== 'AQAB')
      throw new Problem('the key of the index is not RSA with the usual exponent.');
    const modulus = bytesOf(jwk.n);
    const texts = [indexText(this.#header.tenant)];
    const thumbprint = toText(await hashOfText(thumbprintText(jwk)));
    texts.push(...witnessTexts(thumbprint));
    const signatures = [signature, ...(Array.isArray(witnesses) ? witnesses : [])].map((each) =>
      bytesOf(each, modulus.length),
    );
    requireFewFactors(modulus, signatures);
    const imported = await importKey({ kty: 'RSA', n: jwk.n, e: jwk.e }, rs256);
    if (signatures.length !== texts.length)
      throw new Problem('the key of the index is not shown to give one index only.');
    for (const [at, text] of texts.entries())
      if (!(await crypto.subtle.verify(rs256.name, imported, signatures[at] ?? new Uint8Array(), encoder.encode(text))))
        throw new Problem('the index is not that of the tenant.');
    this.#index = { bytes: await sha256(signatures[0] ?? new Uint8Array()), key: thumbprint };
  }

  async #addAccount(line: { readonly jws: string } & AccountProof): Promise<void> {
    const head = this.#head(await this.#signed(line.jws, headType));
    const index = this.#index;
    if (index === undefined) throw new Problem('it comes before the index.');
    if (head.indexKey !== index.key) throw new Problem('the checkpoint is of a tree with another key for indexes.');
    const account = await accountIn(line, head, index.bytes);
    const before = this.#accounts.at(-1)?.head;
    if (this.#accounts.length > 1 || (before !== undefined && before.number >= head.number))
      throw new Problem('the checkpoints are not in their order.');
    if (before !== undefined && before.began.number !== head.began.number)
      throw new Problem('the checkpoints are of two trees: between them the broker has begun anew.');
    this.#accounts.push({ head, account, jws: line.jws });
  }

  #head(payload: Readonly<Record<string, unknown>>): TreeHead {
    const head = payload as unknown as TreeHead;
    const { v, broker, number, bits, began, to, root } = head;
    if (v !== 1) throw new Problem('a newer version has signed the checkpoint.');
    if (broker !== this.#header?.broker)
      throw new Problem('the checkpoint was signed for another broker than the file names.');
    requireNumber(number);
    requireNumber(began?.number);
    if (!Number.isInteger(bits) || bits < fewestBits || bits > mostBits || began.number > number)
      throw new Problem('the checkpoint says what no broker signs.');
    if (!Number.isFinite(Date.parse(to)) || !Number.isFinite(Date.parse(began.from)))
      throw new Problem('the checkpoint says what no broker signs.');
    bytesOf(root, digestBytes);
    return head;
  }

  /** The payload of a JWS that a key of the checkpoints has signed. @throws Problem */
  async #signed(jws: unknown, typ: string): Promise<Record<string, unknown>> {
    const parts = typeof jws === 'string' ? jws.split('.') : [];
    const [header, payload] = parts.map((part) => jsonOf(part));
    if (parts.length !== 3 || header === undefined || payload === undefined)
      throw new Problem('it has no signature that can be read.');
    if (header['alg'] !== 'ES256' || header['typ'] !== typ) throw new Problem('its signature is for something else.');
    const kid = String(header['kid']);
    const key = this.#trusted().find((each) => each.kid === kid);
    if (key === undefined) throw new Problem('the key that signed it is not among those that are trusted.');
    const imported =
      this.#imported.get(kid) ?? (await importKey({ kty: 'EC', crv: 'P-256', x: key.x, y: key.y }, es256));
    this.#imported.set(kid, imported);
    const signed = encoder.encode(`${parts[0]}.${parts[1]}`);
    if (!(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, imported, bytesOf(parts[2]), signed)))
      throw new Problem('its signature is not valid.');
    if (!this.#isSealed && !this.#signers.has(kid)) {
      const thumbprint = toText(await hashOfText(thumbprintText({ ...key, kty: 'EC', crv: 'P-256' })));
      this.#signers.set(kid, { kid, thumbprint });
    }
    return payload;
  }

  #trusted(): readonly EcKey[] {
    const { keys = [] } = this.#options;
    return keys.length > 0 ? keys : [...this.#keys.values()];
  }

  async #checkSeal(jws: string): Promise<void> {
    const payload = await this.#signed(jws, extractType);
    const lines = this.#front.map((text) => `${text}\n`).join('');
    if (this.#isSealed || payload['v'] !== 1 || payload['lines'] !== toText(await hashOfText(lines)))
      throw new Problem(
        'the lines before are not those that the broker signed: the tenant, the period or the proof was changed.',
      );
    const last = this.#accounts.at(-1);
    if (last === undefined) throw new Problem('the extract has no checkpoint.');
    this.#isSealed = true;
    if (this.#accounts.length === 2) this.#account = this.#accounts[0]?.account ?? emptyAccount;
    this.#group = { checkpoint: this.#firstCheckpoint(), hashes: [], lastKey: '' };
  }

  /** The first checkpoint whose records the extract has. */
  #firstCheckpoint(): number {
    const [first, second] = this.#accounts;
    return second === undefined ? (first?.head.began.number ?? 0) : (first?.head.number ?? 0) + 1;
  }

  /** Adds the records that wait to the account. */
  async #fold(): Promise<void> {
    const hashes = await Promise.all(
      this.#waiting.map(async (line) =>
        line.type === 'record' ? hashOfText(shownText(line.record)) : bytesOf(line.hash, digestBytes),
      ),
    );
    for (const [at, line] of this.#waiting.entries()) {
      if (line.checkpoint !== this.#group.checkpoint) await this.#next(line.checkpoint);
      if (line.type === 'record') {
        const key = String(line.record['RowKey']);
        this.#requireHolder(line.record);
        if (this.#group.lastKey !== '' && isBefore(this.#group.lastKey, key) >= 0)
          throw new Problem('records are not in their order, or one is there twice.');
        this.#group.lastKey = key;
        this.#records += 1;
        this.#options.onRecord?.(line.record, line.checkpoint);
      } else this.#withheld += 1;
      // What is counted bounds what is kept, whatever the size of the file.
      const most = (this.#accounts.at(-1)?.account.count ?? 0) - this.#account.count;
      if (this.#group.hashes.length >= most)
        throw new Problem('records are too many: the signed checkpoints count fewer for this tenant.');
      this.#group.hashes.push(hashes[at] ?? new Uint8Array());
    }
    this.#waiting = [];
  }

  async #next(checkpoint: number): Promise<void> {
    const { hashes, checkpoint: before } = this.#group;
    const last = this.#accounts.at(-1)?.head.number ?? 0;
    if (checkpoint < before || checkpoint > last)
      throw new Problem('records are of checkpoints outside the period, or not in their order.');
    if (hashes.length > 0)
      this.#account = {
        count: this.#account.count + hashes.length,
        head: await sha256(headInput(this.#account.head, before, hashes)),
      };
    this.#group = { checkpoint, hashes: [], lastKey: '' };
  }

  #requireHolder(record: Readonly<Record<string, unknown>>): void {
    const { tenant } = this.#header ?? {};
    const named = record['tenantId'];
    // As the broker counts: an id in another spelling is nobody's.
    const isNobodys = typeof named !== 'string' || !guidPattern.test(named);
    if (named !== tenant && !(isNobodys && tenant === nobody))
      throw new Problem('the extract has a record of another tenant.');
  }

  #addUnsigned(record: Readonly<Record<string, unknown>>): void {
    this.#requireHolder(record);
    const key = String(record['RowKey']);
    if (this.#unsignedKeys.has(key)) throw new Problem('a record is there twice.');
    if (this.#unsigned >= mostUnsigned)
      throw new Problem('it has too many records that no checkpoint covers. Ask for a new extract.');
    this.#unsignedKeys.add(key);
    this.#unsigned += 1;
    const { fromMs = 0, toMs = 0 } = this.#period() ?? {};
    // Nobody has signed its times, and a reader may see either. One that cannot be read is not outside.
    const times = [endOfTimeMs - Number(key.slice(0, 13)), Date.parse(String(record['at']))];
    if (!times.every((atMs) => atMs < fromMs || atMs >= toMs)) this.#contradicted += 1;
    this.#options.onRecord?.(record, undefined);
  }

  #addName({ id, name }: Line<'name'>): void {
    const isName = typeof name === 'string' && name.length <= longestName;
    if (typeof id !== 'string' || !guidPattern.test(id.toLowerCase()) || !isName || this.#names.size >= mostNames)
      throw new Problem('it has a name that no broker writes.');
    const key = id.toLowerCase();
    this.#names.set(key, this.#names.has(key) && this.#names.get(key) !== name ? undefined : name);
  }

  async #addChange({ sha256: named, row, missing }: Line<'change'>): Promise<void> {
    const naming = [this.#changes.signed, this.#changes.unsigned].filter((changes) => changes.has(named));
    if (naming.length === 0) throw new Problem('it has a change that no record before it names.');
    if ((row === undefined) === (missing === undefined) || ![undefined, ...missingChanges].includes(missing))
      throw new Problem('it does not have the members that such a line has.');
    // A half of a surrogate pair has the hash of U+FFFD.
    const isRow = typeof row === 'string' && row.isWellFormed() && hexOf(await hashOfText(row)) === named;
    if (row !== undefined && !isRow)
      throw new Problem('the values before and after are not those of the change that its record names.');
    for (const changes of naming) {
      // The next page of an extract may have it again.
      if (changes.get(named) === 'values') continue;
      changes.set(named, missing ?? 'values');
      this.#options.onChange?.(named, missing ?? valuesIn(String(row)), changes === this.#changes.signed);
    }
  }

  /** @throws Problem unless the records lead from the first account to the last. */
  async end(): Promise<void> {
    if (!this.isWhole) {
      this.isWhole = true;
      throw new Problem('The file is not whole: it was cut off.');
    }
    const last = this.#accounts.at(-1);
    if (last === undefined) throw new Problem('The file has no checkpoint.');
    await this.#next(last.head.number);
    // Records of the last checkpoint, if there were some, are counted now.
    const missing = last.account.count - this.#account.count;
    if (missing > 0)
      throw new Problem(`${missing} records are missing that the signed checkpoints count for this tenant.`);
    if (!isSame(last.account.head, this.#account.head))
      throw new Problem(
        'A record was changed, exchanged or moved: the records are not those of the signed checkpoints.',
      );
    const { signed, unsigned } = this.#changes;
    const without = changesWith(signed, 'nothing') + changesWith(unsigned, 'nothing');
    if (without > 0)
      throw new Problem(
        `Values before and after were left out of the file (changes: ${without}), or an older version of the broker made it. Ask for a new extract.`,
      );
    if (this.#options.heads !== undefined) await this.#compare(this.#options.heads);
    if (this.#period() === undefined) throw new Problem('No signed checkpoint covers any of the period.');
  }

  /** @throws Problem unless the published heads are one history, with the checkpoints of the file. */
  async #compare(published: readonly string[]): Promise<void> {
    const heads = new Map<number, PublishedHead>();
    const headers = new Set(this.#trusted().map(({ kid }) => toText(encoder.encode(jwsHeader(kid, headType)))));
    // Most of what is no head ends here: the list comes from anybody, and a signature takes time.
    const likely = new Set(published.filter((jws) => headers.has(jws.slice(0, jws.indexOf('.')))));
    let invalid = 0;
    for (const jws of likely) {
      this.#areHeadsTooMany = likely.size > mostHeads || invalid > mostInvalid;
      if (this.#areHeadsTooMany) break;
      const head = await this.#publishedHead(jws);
      if (head === undefined) {
        invalid += 1;
        continue;
      }
      const known = heads.get(head.number);
      const found = known ?? { head, payload: payloadOf(jws), hashes: new Set<string>() };
      // Anybody can make a second valid signature of one, so what is signed counts.
      if (found.payload !== payloadOf(jws))
        throw new Problem(
          `Two different heads of checkpoint ${head.number} are in the published list, and both are signed: the partner has two histories.`,
        );
      found.hashes.add(toText(await hashOfText(jws)));
      heads.set(head.number, found);
    }
    for (const { jws, head } of this.#accounts)
      if ((heads.get(head.number)?.payload ?? payloadOf(jws)) !== payloadOf(jws))
        throw new Problem(
          `Checkpoint ${head.number} of the file is another one than the published checkpoint of this number: others were shown another history.`,
        );
    this.#areHeadsWhole = this.#follow(heads);
    const isRead = ({ number }: TreeHead): boolean => !this.#areHeadsTooMany && heads.has(number);
    this.#missingHeads = this.#accounts.flatMap(({ head }) => (isRead(head) ? [] : [nameOf(head)]));
  }

  /** Undefined for a line that no key of the file has signed. */
  async #publishedHead(jws: string): Promise<TreeHead | undefined> {
    try {
      return this.#head(await this.#signed(jws, headType));
    } catch (thrown) {
      if (thrown instanceof Problem) return undefined;
      throw thrown;
    }
  }

  /**
   * @returns whether each head of the time of the file follows the one before.
   * @throws Problem if one does not follow the one before, which is there, or speaks again of a time of which one before it
   * speaks.
   */
  #follow(heads: ReadonlyMap<number, PublishedHead>): boolean {
    const firstNumber = this.#firstCheckpoint();
    const lastNumber = this.#accounts.at(-1)?.head.number ?? 0;
    let isWhole = true;
    let before: PublishedHead | undefined;
    for (const [number, each] of [...heads].toSorted(([one], [other]) => one - other)) {
      const { previous, began } = each.head;
      const isStart = previous === null && began.number === number;
      const follows = isStart || before?.hashes.has(String(previous)) === true;
      const isOther =
        before !== undefined &&
        (isStart
          ? Date.parse(began.from) < Date.parse(before.head.to)
          : follows && !isSameTree(each.head, before.head));
      if (isOther)
        throw new Problem(
          `The published head of checkpoint ${number} speaks again of a time of which those before it speak: the partner has two histories.`,
        );
      if (!follows && before?.head.number === number - 1)
        throw new Problem(
          `The published head of checkpoint ${number} does not follow that of checkpoint ${number - 1}: the partner has two histories.`,
        );
      if (!follows && number >= firstNumber && number <= lastNumber) isWhole = false;
      before = each;
    }
    return isWhole;
  }

  /** The part of the period that the checkpoints cover, milliseconds. */
  #period(): { readonly fromMs: number; readonly toMs: number } | undefined {
    const [first] = this.#accounts;
    const last = this.#accounts.at(-1);
    if (first === undefined || last === undefined || this.#header === undefined) return undefined;
    const startMs = first === last ? Date.parse(last.head.began.from) : Date.parse(first.head.to);
    const fromMs = Math.max(Date.parse(this.#header.since), startMs + settledMs);
    const toMs = Math.min(Date.parse(this.#header.until), Date.parse(last.head.to) - settledMs);
    return fromMs < toMs ? { fromMs, toMs } : undefined;
  }

  verdict(problems: readonly string[]): ExtractVerdict {
    const period = this.#period();
    const header = this.#header;
    const iso = (ms: number): string => new Date(ms).toISOString();
    const isProven = problems.length === 0;
    const notes: string[] = [];
    if (isProven && header !== undefined && period !== undefined) {
      if (period.fromMs > Date.parse(header.since))
        notes.push(
          `Nothing is proven of the time from ${header.since} to ${iso(period.fromMs)}: the proof begins then. Nothing was signed for customers before, or the records are purged.`,
        );
      if (period.toMs < Date.parse(header.until))
        notes.push(`Nothing is signed yet of the time from ${iso(period.toMs)} to ${header.until}.`);
      if (this.#unsigned > 0)
        notes.push(
          `${this.#unsigned} records are shown that nobody has signed: whoever had the file can have added or changed them.`,
        );
      if (this.#contradicted > 0)
        notes.push(
          `${this.#contradicted} of them are of the proven time: they were recorded late, or somebody added them. Believe none of them.`,
        );
      if (this.#withheld > 0)
        notes.push(
          `${this.#withheld} records are withheld: the proof counts them, and the file shows only their hashes.`,
        );
      const { signed } = this.#changes;
      const [gone = 0, changed = 0, hidden = 0] = missingChanges.map((why) => changesWith(signed, why));
      if (gone + changed + hidden > 0)
        notes.push(
          `The values before and after of ${gone + changed + hidden} changes are not in the file. It says, and nobody signs, that ${gone} are of plans that were purged or deleted, that ${changed} were changed or deleted in storage since, and that ${hidden} are withheld.`,
        );
      if (this.#names.size > 0)
        notes.push(
          'Nobody signs names of people, applications and the tenant: whoever had the file can have changed them. The proof has their ids.',
        );
      const doubtful = [...this.#names.values()].filter((name) => name === undefined).length;
      if (doubtful > 0) notes.push(`${doubtful} ids have several names in the file: they are shown without one.`);
      if (!this.#areHeadsWhole && this.#missingHeads.length === 0)
        notes.push(
          'The published list that you gave is not all of this time: the checkpoints of the file are among them, and those between were not compared.',
        );
      if (this.#areHeadsTooMany)
        notes.push(
          `The published list that you gave has more than ${mostHeads} heads, or more than ${mostInvalid} that nobody signed: it was not compared. Give that of a shorter time.`,
        );
    }
    return {
      isProven,
      problems,
      notes,
      ...(header === undefined ? {} : { header }),
      ...(isProven && period !== undefined ? { proven: { from: iso(period.fromMs), to: iso(period.toMs) } } : {}),
      records: this.#records,
      withheld: this.#withheld,
      unsigned: this.#unsigned,
      names: Object.fromEntries(
        [...this.#names].flatMap(([id, name]): [string, string][] => (name === undefined ? [] : [[id, name]])),
      ),
      keys: [...this.#signers.values()],
      checkpoints: this.#accounts.map(({ head }) => nameOf(head)),
      missingHeads: this.#missingHeads,
    };
  }
}

const rs256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const es256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** As browsers and Node have it: only one of them has a global name for its type. */
type PublicKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

async function importKey(
  jwk: Readonly<Record<string, string>>,
  algorithm: typeof rs256 | typeof es256,
): Promise<PublicKey> {
  try {
    return await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  } catch {
    throw new Problem('it has a key that cannot be used.');
  }
}

function jsonOf(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytesOf(part)));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

type KnownChange = 'nothing' | 'values' | MissingChange;

/** @throws Problem for a record that names no digest: it is kept to the end. */
function nameChange(
  changes: Map<string, KnownChange>,
  { changeSha256: named }: Readonly<Record<string, unknown>>,
): void {
  if (named === undefined) return;
  if (typeof named !== 'string' || !digestPattern.test(named))
    throw new Problem('it has a record that no broker writes.');
  if (!changes.has(named)) changes.set(named, 'nothing');
}

const digestPattern = /^[\da-f]{64}$/;

const changesWith = (changes: ReadonlyMap<string, KnownChange>, what: KnownChange): number =>
  [...changes.values()].filter((has) => has === what).length;

/** @throws Problem for a text that is no row of a plan. */
function valuesIn(row: string): PlannedValues {
  try {
    const { action, target, before = null, after = null } = JSON.parse(row) as Readonly<Record<string, unknown>>;
    const areValues = [before, after].every(
      (value) => value === null || (typeof value === 'string' && depthOf(JSON.parse(value)) <= deepest),
    );
    if (typeof action === 'string' && typeof target === 'string' && areValues)
      return { action, target, before: before as string | null, after: after as string | null };
  } catch {
    // No JSON, or far too deep.
  }
  throw new Problem('it has a change that no broker writes.');
}

/** Levels of a value. Who shows it goes through them. */
const deepest = 200;
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce<number>((most, part) => Math.max(most, depthOf(part) + 1), 1)
    : 0;

/** The account of an index in the tree of a head: that in its bucket, or none. @throws Problem */
async function accountIn(proof: AccountProof, head: TreeHead, index: Uint8Array<ArrayBuffer>): Promise<Account> {
  const bucket = bytesOf(proof.bucket, bucketBytes);
  const hashes = (Array.isArray(proof.path) ? proof.path : []).map((each) => bytesOf(each, digestBytes));
  let place = bucketOf(index, head.bits);
  let hash = await sha256(bucketInput(bucket));
  let at = 0;
  for (const size of levelsOf(head.bits)) {
    const group = 2 ** size;
    const beside = hashes.slice(at, at + group - 1);
    if (beside.length < group - 1) throw new Problem('the path to the account is too short.');
    at += group - 1;
    hash = await sha256(groupInput(beside.toSpliced(place % group, 0, hash)));
    place = Math.floor(place / group);
  }
  if (at !== hashes.length || !isSame(hash, bytesOf(head.root, digestBytes)))
    throw new Problem('the account does not belong to the signed checkpoint.');
  const tag = (await sha256(tagInput(head.number, index))).subarray(0, tagBytes);
  const found: Uint8Array[] = [];
  for (let entry = 0; entry < bucketBytes; entry += entryBytes)
    if (isSame(bucket.subarray(entry, entry + tagBytes), tag))
      found.push(bucket.subarray(entry + tagBytes, entry + entryBytes));
  const [commitment] = found;
  if (found.length > 1) throw new Problem('the checkpoint has two accounts of the tenant.');
  if ((commitment === undefined) !== (proof.account === undefined))
    throw new Problem('the checkpoint has another account of the tenant than the file shows.');
  if (commitment === undefined || proof.account === undefined) return emptyAccount;
  requireMembers({ ...proof.account }, ['nonce', 'count', 'head']);
  const { nonce, count } = proof.account;
  requireNumber(count);
  const account = { count, head: bytesOf(proof.account.head, digestBytes) };
  if (!isSame(await sha256(commitmentInput(bytesOf(nonce, digestBytes), index, account)), commitment))
    throw new Problem('the checkpoint has another account of the tenant than the file shows.');
  return account;
}

/**
 * With small factors or squares, a key could have several signatures of a text in spite of its witnesses (Goldberg and
 * others, "Efficient Noninteractive Certification of RSA Moduli and Beyond", 2019).
 * @throws Problem
 */
function requireFewFactors(modulus: Uint8Array, signatures: readonly Uint8Array[]): void {
  const isUsual = [256, 384, 512].includes(modulus.length) && (modulus[0] ?? 0) >= 128;
  const n = numberOf(modulus);
  primes ??= smallPrimes();
  if (!isUsual || primes.some((prime) => n % prime === 0n))
    throw new Problem('the key of the index is not a sound RSA key.');
  for (const signature of signatures) {
    const s = numberOf(signature);
    if (s >= n || divisorOf(s, n) !== 1n) throw new Problem('the key of the index is not a sound RSA key.');
  }
}

function numberOf(bytes: Uint8Array): bigint {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return BigInt(`0x${text}`);
}

/** Greatest common divisor. */
function divisorOf(one: bigint, other: bigint): bigint {
  let [a, b] = [one, other];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

let primes: readonly bigint[] | undefined;

/** Up to the exponent. */
function smallPrimes(): bigint[] {
  const isComposite = new Uint8Array(65_538);
  const found: bigint[] = [];
  for (let each = 2; each < isComposite.length; each += 1) {
    if (isComposite[each] === 1) continue;
    found.push(BigInt(each));
    for (let multiple = each * each; multiple < isComposite.length; multiple += each) isComposite[multiple] = 1;
  }
  return found;
}
