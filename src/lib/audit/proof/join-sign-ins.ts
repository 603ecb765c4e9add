/*
 * Compares the records of a tenant with the tenant's own sign-in log, which Microsoft writes and the partner cannot change. Both
 * name a token by its `uti`. Like the verifier, it runs in a browser as it is.
 */

/** A sign-in of the customer's log: Microsoft issued a token, or refused to. */
export interface SignIn {
  readonly uti: string;
  readonly atMs: number;
  readonly applicationId: string;
  readonly application: string;
  /** User or service principal. */
  readonly who: string;
  readonly address: string;
  /** Whether a user signed in, or a service principal: Entra has logs for both. Undefined if the row names neither. */
  readonly isUser: boolean | undefined;
  /** Whether a token was issued. */
  readonly succeeded: boolean;
  /** Whether Microsoft marks it as access of a service provider, such as a partner. */
  readonly isProvider: boolean;
}

/** A token of which records speak. */
export interface RecordedToken {
  readonly uti: string;
  readonly firstMs: number;
  /** Whether the first record says that Microsoft issued it then. Otherwise it may be older. */
  readonly isFresh: boolean;
  /** Whether a user got it. Undefined if the record does not say. */
  readonly isUser: boolean | undefined;
}

/** Both inclusive, milliseconds. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A file is no sign-in log, in one sentence. */
export class SignInFileError extends Error {
  override readonly name = 'SignInFileError';
}

/** What downloads of a sign-in log have. */
export interface SignInLog {
  readonly signIns: readonly SignIn[];
  /**
   * From the first to the last sign-in of users, and of service principals, in each download. Of other times nothing is known:
   * two downloads may have a gap between them.
   */
  readonly covered: readonly (Period & Pick<SignIn, 'isUser'>)[];
  /** Rows that may be sign-ins and cannot be read, so a comparison does not see them. */
  readonly unread: number;
  /**
   * Kinds (whether of users) of which somebody says that the log has no sign-in in the time that is compared. An empty download
   * tells neither its kind nor its time.
   */
  readonly empty?: readonly boolean[];
}

/** Several downloads as one. A sign-in that two of them have counts once. */
export function mergedLogs(logs: readonly SignInLog[]): SignInLog {
  const found = new Map<string, SignIn>();
  let unread = 0;
  for (const log of logs) {
    unread += log.unread;
    for (const one of log.signIns) found.set(`${one.uti} ${one.atMs} ${one.applicationId}`, one);
  }
  return { signIns: [...found.values()], covered: logs.flatMap(({ covered }) => covered), unread };
}

/** What one download covers. */
function coveredBy(signIns: readonly SignIn[]): SignInLog['covered'] {
  return [true, false, undefined].flatMap((isUser) => {
    let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { atMs, isUser: isOfUser } of signIns)
      if (isOfUser === isUser) [fromMs, toMs] = [Math.min(fromMs, atMs), Math.max(toMs, atMs)];
    return fromMs > toMs ? [] : [{ fromMs, toMs, isUser }];
  });
}

type Values = ReadonlyMap<string, unknown>;

/** The columns that are read, under the names that the services give them, the most exact first. */
const columns = {
  uti: ['uniquetokenidentifier', 'uniquetokenid', 'uti', 'signinactivityid'],
  at: ['createddatetime', 'dateutc', 'date', 'timegenerated', 'timegeneratedutc', 'time'],
  applicationId: ['appid', 'applicationid'],
  application: ['appdisplayname', 'application'],
  user: ['userprincipalname', 'username', 'userdisplayname', 'user'],
  principal: ['serviceprincipalname', 'serviceprincipalid'],
  address: ['ipaddress', 'callipaddress', 'calleripaddress'],
  access: ['crosstenantaccesstype'],
  code: ['signinerrorcode', 'resulttype', 'errorcode'],
  status: ['status'],
} as const;
const wanted: ReadonlySet<string> = new Set(Object.values(columns).flat());

/** Longest row, and most columns of a CSV file. More is no sign-in log. */
const longestRow = 1_000_000;
const mostColumns = 1_000;

/**
 * The sign-ins in an export: JSON as the Entra admin center or Microsoft Graph writes it, JSON Lines as diagnostic settings
 * write it, or CSV from the admin center or Log Analytics.
 * @param turn called after each row; what it returns is awaited, so that a page can answer meanwhile.
 * @returns without sign-ins for an empty download, which covers no time.
 * @throws SignInFileError for a file that is no log or not whole, or of which no row can be read.
 */
export async function readSignIns(text: string, turn?: () => Promise<void> | undefined): Promise<SignInLog> {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  const signIns: SignIn[] = [];
  const unread = { rows: 0, identifiers: 0, times: 0 };
  for (const row of /^[[{]/.test(start) ? jsonRows(start) : csvRows(start)) {
    const read = row === undefined ? 'rows' : signInOf(row);
    if (typeof read === 'string') unread[read] += 1;
    else if (read !== undefined) signIns.push(read);
    const waiting = turn?.();
    if (waiting !== undefined) await waiting;
  }
  const all = unread.rows + unread.identifiers + unread.times;
  // An answer without rows may say that others follow.
  if (signIns.length === 0 && all === 0 && start.includes('"@odata.nextLink"')) throw cutOff();
  if (signIns.length > 0 || all === 0) return { signIns, covered: coveredBy(signIns), unread: all };
  throw new SignInFileError(
    unread.times > 0
      ? 'The file has times of a form that can be understood differently. Export the sign-in log as JSON, or with times such as 2026-11-24T09:30:00Z.'
      : unread.identifiers > 0
        ? 'The file has no identifiers of tokens. Export the sign-in log with the column “Unique token identifier”.'
        : noLog,
  );
}

const noLog = 'The file is no sign-in log.';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const plainNames = new Map<string, string>();

/** Names of columns differ by case, spaces and the service that writes them. */
function plain(name: string): string {
  const known = plainNames.get(name);
  if (known !== undefined) return known;
  const found = name.toLowerCase().replaceAll(/[^a-z]/g, '');
  if (plainNames.size < mostColumns && name.length < 100) plainNames.set(name, found);
  return found;
}

function valuesOf(row: unknown): Values | undefined {
  if (!isObject(row)) return undefined;
  const values = new Map<string, unknown>();
  const { properties } = row;
  // Diagnostic settings put the sign-in below the event.
  for (const part of [row, properties])
    for (const [name, value] of isObject(part) ? Object.entries(part) : [])
      if (wanted.has(plain(name))) values.set(plain(name), value);
  return values;
}

const cutOff = (): SignInFileError => new SignInFileError('The file is not whole, or it is not JSON. Export it again.');

/** A row at a time. Undefined: one that cannot be read. @throws SignInFileError */
function* jsonRows(text: string): Generator<Values | undefined> {
  const list = text.startsWith('[') ? 1 : listStart(text);
  if (list !== undefined) {
    yield* itemsOf(text, list);
    return;
  }
  const [first] = text.split('\n', 1);
  const whole = parsedOf(first ?? '') === undefined ? parsedOf(text) : undefined;
  const lines = whole === undefined ? linesOf(text) : [whole];
  let read = 0;
  for (const line of lines) {
    const row = typeof line === 'string' ? parsedOf(line) : line;
    const rows = isObject(row) ? ['value', 'records'].map((name) => row[name]).find(Array.isArray) : undefined;
    if (row !== undefined) read += 1;
    for (const each of rows ?? [row]) yield valuesOf(each);
  }
  if (read === 0) throw cutOff();
}

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    const line = text.slice(at, end).trim();
    if (line !== '') yield line;
    at = end + 1;
  }
}

/** Where the list of an answer of Microsoft Graph begins, or that of an export of the portal. */
const listStart = (text: string): number | undefined =>
  /^\{\s*(?:"@odata\.\w+"\s*:\s*(?:"[^"]*"|\d+)\s*,\s*){0,9}"(?:value|records)"\s*:\s*\[/.exec(
    text.slice(0, 10_000),
  )?.[0].length;

/** The objects of a list, from behind its bracket. @throws SignInFileError for one that does not end */
function* itemsOf(text: string, start: number): Generator<Values | undefined> {
  let at = spaceEnd(text, start);
  while (text[at] !== ']') {
    const end = text[at] === '{' ? objectEnd(text, at) : undefined;
    if (end === undefined) throw cutOff();
    yield valuesOf(parsedOf(text.slice(at, end)));
    at = spaceEnd(text, end);
    if (text[at] === ',') at = spaceEnd(text, at + 1);
    else if (text[at] !== ']') throw cutOff();
  }
  if (text.startsWith('{') && !text.trimEnd().endsWith('}')) throw cutOff();
}

function spaceEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** Undefined if it does not end, or is longer than any sign-in. */
function objectEnd(text: string, start: number): number | undefined {
  const most = Math.min(text.length, start + longestRow);
  let depth = 0;
  let isText = false;
  for (let at = start; at < most; at += 1) {
    const character = text[at];
    if (isText && character === '\\') at += 1;
    else if (character === '"') isText = !isText;
    else if (!isText && character === '{') depth += 1;
    else if (!isText && character === '}' && (depth -= 1) === 0) return at + 1;
  }
  return undefined;
}

function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 4180, a row at a time. Undefined: one with fewer cells than columns. @throws SignInFileError */
function* csvRows(text: string): Generator<Values | undefined> {
  let names: readonly string[] | undefined;
  for (let at = 0; at < text.length; ) {
    const start = at;
    const cells: string[] = [];
    let column = 0;
    let end: number;
    do {
      if (names === undefined && column === mostColumns) throw new SignInFileError(noLog);
      end = cellEnd(text, at);
      // Most columns are of no use here.
      if (names === undefined || wanted.has(names[column] ?? '')) cells[column] = cellOf(text.slice(at, end));
      column += 1;
      at = end + 1;
    } while (text[end] === ',');
    if (column === 1 && end - start <= 1 && text.slice(start, end).trim() === '') continue;
    if (names === undefined) names = cells.map(plain);
    else yield column < names.length ? undefined : new Map(names.map((name, place) => [name, cells[place] ?? '']));
  }
  if (names?.some((name) => wanted.has(name)) !== true) throw new SignInFileError(noLog);
}

/** Where the comma or the line end behind a cell is. */
function cellEnd(text: string, start: number): number {
  let at = start;
  if (text[at] === '"')
    do {
      at = text.indexOf('"', at + 1);
      if (at === -1) throw new SignInFileError('The file is not whole: a quotation mark is missing.');
      at += 1;
    } while (text[at] === '"');
  while (at < text.length && text[at] !== ',' && text[at] !== '\n') at += 1;
  return at;
}

const cellOf = (text: string): string =>
  text.startsWith('"') ? text.slice(1, text.lastIndexOf('"')).replaceAll('""', '"') : text.trimEnd();

/** What a row says. Undefined: that Microsoft gave no token. Otherwise why it cannot be read. */
function signInOf(values: Values): SignIn | 'identifiers' | 'times' | undefined {
  const text = (names: readonly string[]): string => {
    for (const name of names) {
      const value = values.get(name);
      if (typeof value === 'string' && value !== '') return value;
    }
    return '';
  };
  const succeeded = hasSucceeded(values);
  const uti = text(columns.uti);
  const atMs = timeOf(text(columns.at));
  if (uti === '' || !Number.isFinite(atMs)) return succeeded ? (uti === '' ? 'identifiers' : 'times') : undefined;
  const [user, principal] = [text(columns.user), text(columns.principal)];
  return {
    uti,
    atMs,
    applicationId: text(columns.applicationId).toLowerCase(),
    application: text(columns.application),
    who: user || principal,
    address: text(columns.address),
    isUser: user !== '' ? true : principal !== '' ? false : undefined,
    succeeded,
    isProvider: plain(text(columns.access)) === 'serviceprovider',
  };
}

/** ISO 8601, and what Log Analytics writes. Any other order of day and month could be understood differently. */
function timeOf(text: string): number {
  const [, date = '', clock = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|UTC|GMT|[+-]\d\d:\d\d)?$/i.exec(text) ?? [];
  // Exports that leave the zone out mean UTC.
  if (date !== '') return Date.parse(`${date}T${clock}${/^[+-]/.test(zone) ? zone : 'Z'}`);
  return /^\d\d?\/\d\d?\/\d{4}, \d\d?:\d\d:\d\d\.\d{3} [AP]M$/.test(text) ? Date.parse(`${text} UTC`) : Number.NaN;
}

/** A status in another language counts as success: a sign-in too many is a question, one too few is a silence. */
function hasSucceeded(values: Values): boolean {
  const status = values.get('status');
  const codes = isObject(status)
    ? [status['errorCode'] ?? status['ErrorCode']]
    : columns.code.map((name) => values.get(name));
  const code = codes.find((each) => each !== undefined && each !== null && each !== '');
  if (code !== undefined) return !(Math.abs(Number(code)) > 0);
  return typeof status !== 'string' || !/^(fail|interrupt|[1-9])/i.test(status.trim());
}

/** An application in a sign-in log. */
export interface JoinedApplication {
  readonly id: string;
  readonly name: string;
  signIns: number;
  /** Sign-ins with a record. */
  recorded: number;
  /** Sign-ins that Microsoft marks as access of a service provider. */
  provider: number;
}

/** Times of one kind of sign-ins. */
export type KindPeriod = Period & { readonly isUser: boolean };

export interface Join {
  /** The parts of the period of which the log speaks, for users and for service principals. */
  readonly covered: readonly KindPeriod[];
  /** Kinds (whether of users) that count as neither covered nor uncovered: somebody says that there is no sign-in. */
  readonly saidEmpty: readonly boolean[];
  /** Kinds of which there were sign-ins, and what shows it: who says that there were none is wrong. */
  readonly notEmpty: readonly { readonly isUser: boolean; readonly by: 'log' | 'records' }[];
  /** The others, but those of some minutes: nothing is compared there. A token can be of either kind. */
  readonly uncovered: readonly KindPeriod[];
  /** Those of the log: those of the partner first, then those of service providers. */
  readonly applications: readonly JoinedApplication[];
  /** Applications that count as the partner's. */
  readonly partner: ReadonlySet<string>;
  /** Sign-ins of the partner's applications with a record. */
  readonly recorded: number;
  /** Tokens that Microsoft issued to the partner's applications, and of which no record speaks. */
  readonly withoutRecord: readonly SignIn[];
  /** Access that Microsoft marks as that of a service provider, with other applications. */
  readonly otherProviders: readonly SignIn[];
  /** Tokens of records that the log does not have, although it covers their time. */
  readonly withoutSignIn: readonly RecordedToken[];
  /** Tokens of records that the log does not have, and could not: their time, or their kind of sign-in, is in no download. */
  readonly notCovered: number;
}

/** Clocks differ, and a record is written after the sign-in. */
const toleratedMs = 5 * 60_000;

/**
 * Matches both by the identifiers of tokens.
 * @param period of the records.
 * @param partner ids of the partner's applications. Absent: those with at least one recorded sign-in.
 */
export function joinSignIns(
  tokens: readonly RecordedToken[],
  { signIns, covered: downloaded, empty = [] }: Omit<SignInLog, 'unread'>,
  period: Period,
  partner?: ReadonlySet<string>,
): Join {
  const known = new Set(tokens.map(({ uti }) => uti));
  const seen = new Set(signIns.map(({ uti }) => uti));
  const applications = new Map<string, JoinedApplication>();
  for (const { uti, applicationId: id, application: name, isProvider } of signIns) {
    const found = applications.get(id) ?? { id, name, signIns: 0, recorded: 0, provider: 0 };
    applications.set(id, found);
    found.signIns += 1;
    if (isProvider) found.provider += 1;
    if (known.has(uti)) found.recorded += 1;
  }
  const all = [...applications.values()].toSorted(
    (one, other) => other.recorded - one.recorded || other.provider - one.provider || other.signIns - one.signIns,
  );
  const own = partner ?? new Set(all.filter(({ recorded }) => recorded > 0).map(({ id }) => id));
  const isUnknown = (one: SignIn): boolean => one.succeeded && isIn(period, one.atMs) && !known.has(one.uti);
  const missing = tokens.filter(({ uti, firstMs, isFresh }) => isFresh && isIn(period, firstMs) && !seen.has(uti));
  const certain = { fromMs: period.fromMs + toleratedMs, toMs: period.toMs - toleratedMs };
  const notEmpty = [true, false].flatMap((isUser): Join['notEmpty'] => {
    if (signIns.some((one) => one.isUser === isUser && isIn(period, one.atMs))) return [{ isUser, by: 'log' }];
    const isShown = tokens.some((one) => one.isUser === isUser && one.isFresh && isIn(certain, one.firstMs));
    return isShown ? [{ isUser, by: 'records' }] : [];
  });
  const saidEmpty = [...new Set(empty)].filter((kind) => notEmpty.every(({ isUser }) => isUser !== kind));
  const covered = [...downloaded, ...saidEmpty.map((isUser) => ({ ...period, isUser }))];
  // Rows without a name count for both.
  const periodsOf = (isUser: boolean): SignInLog['covered'] => covered.filter((each) => each.isUser !== !isUser);
  const [users, principals] = [joined(periodsOf(true)), joined(periodsOf(false))];
  const ofKinds = (times: (own: SignInLog['covered']) => readonly Period[]): KindPeriod[] =>
    [true, false].flatMap((isUser) => times(periodsOf(isUser)).map((each) => ({ ...each, isUser })));
  // A token that was issued before a download begins is not in it.
  const isOf = (some: readonly Period[], atMs: number): boolean =>
    some.some(({ fromMs, toMs }) => atMs >= fromMs + toleratedMs && atMs <= toMs - toleratedMs);
  const withoutSignIn = missing.filter(
    ({ firstMs, isUser }) =>
      (isUser === false || isOf(users, firstMs)) && (isUser === true || isOf(principals, firstMs)),
  );
  return {
    covered: ofKinds((own) => joined(own, period)).filter(({ isUser }) => !saidEmpty.includes(isUser)),
    saidEmpty,
    notEmpty,
    uncovered: ofKinds((own) => between(joined(own, period), period)),
    applications: all,
    partner: own,
    recorded: signIns.filter(({ uti, applicationId }) => own.has(applicationId) && known.has(uti)).length,
    withoutRecord: signIns.filter((one) => own.has(one.applicationId) && isUnknown(one)),
    otherProviders: signIns.filter((one) => !own.has(one.applicationId) && one.isProvider && isUnknown(one)),
    withoutSignIn,
    notCovered: missing.length - withoutSignIn.length,
  };
}

const isIn = ({ fromMs, toMs }: Period, atMs: number): boolean => atMs >= fromMs && atMs <= toMs;

/** Periods without those that overlap, in order. @param within leaves out what is outside of it. */
function joined(periods: readonly Period[], within?: Period): readonly Period[] {
  const found: { fromMs: number; toMs: number }[] = [];
  for (const each of periods.toSorted((one, other) => one.fromMs - other.fromMs)) {
    const fromMs = Math.max(each.fromMs, within?.fromMs ?? each.fromMs);
    const toMs = Math.min(each.toMs, within?.toMs ?? each.toMs);
    const last = found.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else if (fromMs <= toMs) found.push({ fromMs, toMs });
  }
  return found;
}

/** What lies between some periods, and beside them. */
function between(parts: readonly Period[], { fromMs, toMs }: Period): readonly Period[] {
  const starts = [fromMs, ...parts.map((part) => part.toMs)];
  const ends = [...parts.map((part) => part.fromMs), toMs];
  return starts
    .map((startMs, at) => ({ fromMs: startMs, toMs: ends[at] ?? toMs }))
    .filter((gap) => gap.toMs - gap.fromMs > toleratedMs);
}

/** Gathers the tokens that records name. */
export class RecordedTokens {
  readonly #tokens = new Map<string, RecordedToken>();

  /** @param checkpoint that covers the record. One without is passed over: anybody can have added it to the file. */
  add(record: Readonly<Record<string, unknown>>, checkpoint: number | undefined): void {
    const { uti, at, fromCache, grant } = record;
    if (checkpoint === undefined || typeof uti !== 'string' || typeof at !== 'string' || this.#tokens.has(uti)) return;
    const isUser = grant === 'delegated' ? true : grant === 'application' ? false : undefined;
    this.#tokens.set(uti, { uti, firstMs: Date.parse(at), isFresh: fromCache === false, isUser });
  }

  get all(): readonly RecordedToken[] {
    return [...this.#tokens.values()];
  }
}
