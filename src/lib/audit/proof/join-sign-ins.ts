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
}

/** A file is no sign-in log, in one sentence. */
export class SignInFileError extends Error {
  override readonly name = 'SignInFileError';
}

type Values = ReadonlyMap<string, unknown>;

/**
 * The sign-ins in an export: JSON as the Entra admin center or Microsoft Graph writes it, JSON Lines as diagnostic settings
 * write it, or CSV from the admin center or Log Analytics.
 * @throws SignInFileError
 */
export function readSignIns(text: string): readonly SignIn[] {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  const rows = /^[[{]/.test(start) ? jsonRows(start) : csvRows(start);
  if (rows.length === 0) throw new SignInFileError('The file has no sign-ins.');
  const found = rows.flatMap((row) => signInOf(row) ?? []);
  if (found.length > 0) return found;
  throw new SignInFileError(
    'The file has no identifiers of tokens. Export the sign-in log with the column “Unique token identifier”.',
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of columns differ by case, spaces and the service that writes them. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, '');

function valuesOf(row: Record<string, unknown>): Values {
  const values = new Map(Object.entries(row).map(([name, value]) => [plain(name), value]));
  // Diagnostic settings put the sign-in below the event.
  const { properties } = row;
  if (isObject(properties)) for (const [name, value] of Object.entries(properties)) values.set(plain(name), value);
  return values;
}

function jsonRows(text: string): readonly Values[] {
  const parsed = parsedOf(text);
  const rows = Array.isArray(parsed)
    ? parsed
    : isObject(parsed)
      ? (['value', 'records'].map((name) => parsed[name]).find(Array.isArray) ?? [parsed])
      : text.split('\n').flatMap((line) => {
          const row = parsedOf(line);
          return row === undefined ? [] : [row];
        });
  return rows.flatMap((row: unknown) => (isObject(row) ? [valuesOf(row)] : []));
}

function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 4180. */
function csvRows(text: string): readonly Values[] {
  const lines: string[][] = [];
  let line: string[] = [];
  for (let at = 0; at < text.length; at += 1) {
    let cell: string;
    if (text[at] === '"') {
      const parts: string[] = [];
      let end = at;
      do {
        const begin = end + 1;
        end = text.indexOf('"', begin);
        if (end === -1) throw new SignInFileError('The file is not whole: a quotation mark is missing.');
        parts.push(text.slice(begin, end));
        end += 1;
      } while (text[end] === '"');
      cell = parts.join('"');
      at = end;
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\n') end += 1;
      cell = text.slice(at, end).replace(/\r$/, '');
      at = end;
    }
    line.push(cell);
    while (at < text.length && text[at] !== ',' && text[at] !== '\n') at += 1;
    if (text[at] === ',') continue;
    if (line.length > 1 || line[0] !== '') lines.push(line);
    line = [];
  }
  if (line.length > 0) lines.push(line);
  const [head = [], ...rows] = lines;
  const names = head.map(plain);
  return rows.map((row) => new Map(names.map((name, at) => [name, row[at] ?? ''])));
}

function signInOf(values: Values): SignIn | undefined {
  const text = (...names: readonly string[]): string => {
    for (const name of names) {
      const value = values.get(name);
      if (typeof value === 'string' && value !== '') return value;
    }
    return '';
  };
  const uti = text('uniquetokenidentifier', 'uniquetokenid', 'uti', 'signinactivityid');
  const atMs = timeOf(text('createddatetime', 'dateutc', 'date', 'timegenerated', 'timegeneratedutc', 'time'));
  if (uti === '' || !Number.isFinite(atMs)) return undefined;
  return {
    uti,
    atMs,
    applicationId: text('appid', 'applicationid').toLowerCase(),
    application: text('appdisplayname', 'application'),
    who: text('userprincipalname', 'username', 'userdisplayname', 'user', 'serviceprincipalname', 'serviceprincipalid'),
    address: text('ipaddress', 'callipaddress', 'calleripaddress'),
    succeeded: hasSucceeded(values),
    isProvider: plain(text('crosstenantaccesstype')) === 'serviceprovider',
  };
}

/** Exports that leave the zone out mean UTC. */
const timeOf = (text: string): number =>
  Date.parse(
    /(Z|UTC|GMT|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}${/^\d{4}-\d\d-\d\dT/.test(text) ? 'Z' : ' UTC'}`,
  );

function hasSucceeded(values: Values): boolean {
  const status = values.get('status');
  const code = isObject(status)
    ? (status['errorCode'] ?? status['ErrorCode'])
    : (values.get('signinerrorcode') ?? values.get('resulttype') ?? values.get('errorcode'));
  if (code !== undefined && code !== null && code !== '') return Number(code) === 0;
  return typeof status !== 'string' || status === '' || /^(success|0)/i.test(status);
}

/** An application in a sign-in log. */
export interface JoinedApplication {
  readonly id: string;
  readonly name: string;
  signIns: number;
  /** Sign-ins with a record. */
  recorded: number;
}

export interface Join {
  /** The time that both cover, milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Those of the log, with those of the partner first. */
  readonly applications: readonly JoinedApplication[];
  /** Applications that count as the partner's. */
  readonly partner: ReadonlySet<string>;
  /** Sign-ins of the partner's applications with a record. */
  readonly recorded: number;
  /** Tokens that Microsoft issued to the partner's applications, and of which no record speaks. */
  readonly withoutRecord: readonly SignIn[];
  /** Access that Microsoft marks as that of a service provider, with other applications. */
  readonly otherProviders: readonly SignIn[];
  /** Tokens of records that the log does not have. */
  readonly withoutSignIn: readonly RecordedToken[];
}

/** Clocks differ, and a record is written after the sign-in. */
const toleratedMs = 5 * 60_000;

/**
 * Matches both by the identifiers of tokens.
 * @param period of the records, milliseconds.
 * @param partner ids of the partner's applications. Absent: those with at least one recorded sign-in.
 */
export function joinSignIns(
  tokens: readonly RecordedToken[],
  signIns: readonly SignIn[],
  period: { readonly fromMs: number; readonly toMs: number },
  partner?: ReadonlySet<string>,
): Join {
  const known = new Set(tokens.map(({ uti }) => uti));
  const seen = new Set(signIns.map(({ uti }) => uti));
  const applications = new Map<string, JoinedApplication>();
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { uti, atMs, applicationId: id, application: name } of signIns) {
    const found = applications.get(id) ?? { id, name, signIns: 0, recorded: 0 };
    applications.set(id, found);
    found.signIns += 1;
    if (known.has(uti)) found.recorded += 1;
    firstMs = Math.min(firstMs, atMs);
    lastMs = Math.max(lastMs, atMs);
  }
  const all = [...applications.values()].toSorted(
    (one, other) => other.recorded - one.recorded || other.signIns - one.signIns,
  );
  const own = partner ?? new Set(all.filter(({ recorded }) => recorded > 0).map(({ id }) => id));
  const fromMs = Math.max(firstMs, period.fromMs);
  const toMs = Math.min(lastMs, period.toMs);
  const isWithin = (atMs: number): boolean => atMs >= fromMs && atMs <= toMs;
  const isUnknown = (one: SignIn): boolean => one.succeeded && isWithin(one.atMs) && !known.has(one.uti);
  return {
    fromMs,
    toMs,
    applications: all,
    partner: own,
    recorded: signIns.filter(({ uti, applicationId }) => own.has(applicationId) && known.has(uti)).length,
    withoutRecord: signIns.filter((one) => own.has(one.applicationId) && isUnknown(one)),
    otherProviders: signIns.filter((one) => !own.has(one.applicationId) && one.isProvider && isUnknown(one)),
    // A token that was issued before the log begins is not in it.
    withoutSignIn: tokens.filter(
      ({ uti, firstMs: atMs, isFresh }) =>
        isFresh && atMs >= fromMs + toleratedMs && atMs <= toMs - toleratedMs && !seen.has(uti),
    ),
  };
}

/** Gathers the tokens that records name. */
export class RecordedTokens {
  readonly #tokens = new Map<string, RecordedToken>();

  add(record: Readonly<Record<string, unknown>>): void {
    const { uti, at, fromCache } = record;
    if (typeof uti !== 'string' || typeof at !== 'string' || this.#tokens.has(uti)) return;
    this.#tokens.set(uti, { uti, firstMs: Date.parse(at), isFresh: fromCache === false });
  }

  get all(): readonly RecordedToken[] {
    return [...this.#tokens.values()];
  }
}
