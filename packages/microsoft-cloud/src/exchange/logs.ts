import type { Row } from '../graph/declaration.ts';
import { dayMs } from '../clock.ts';
import { auditsOf } from '../population/graph/audit-data.ts';
import { idOf, randomOf } from '../population/graph/facts.ts';
import { signInsOf } from '../population/graph/sign-in-data.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { wrongValue } from './exchange-error.ts';
import { exchangeTime } from './format.ts';
import { mailboxesIn } from './mailboxes.ts';

/** Messages of the ten days before the start: up to three a day for each mailbox. Names and addresses are reserved. */
function messages({ facts, changes }: CmdletContext): readonly Row[] {
  const days = 10;
  return mailboxesIn({ facts, changes }).flatMap(({ profile, receivedCount }) =>
    Array.from({ length: days }, (_, day): readonly Row[] => {
      const random = randomOf(facts, 'messages', profile.index, day);
      const count = receivedCount > 5 ? Math.floor(random() * 4) : 0;
      return Array.from({ length: count }, (_unused, at): Row => {
        const isSent = random() < 0.3;
        const own = profile.user.userPrincipalName;
        const other = `person${Math.floor(random() * 50)}@supplier.example`;
        const id = idOf(facts, 'message', profile.index, day, at);
        const failed = random() < 0.03;
        return {
          MessageTraceId: id,
          MessageId: `<${id}@${isSent ? facts.defaultDomain : 'supplier.example'}>`,
          Organization: facts.initialDomain,
          Received: exchangeTime(facts.startMs - day * dayMs - Math.floor(random() * dayMs)),
          SenderAddress: isSent ? own : other,
          RecipientAddress: isSent ? other : own,
          Subject: `Order ${1000 + Math.floor(random() * 9000)}`,
          Status: failed ? 'Failed' : 'Delivered',
          FromIP: isSent ? null : '203.0.113.25',
          ToIP: isSent ? '203.0.113.25' : null,
          Size: 8000 + Math.floor(random() * 200_000),
        };
      });
    }).flat(),
  );
}

/** A time of a parameter. @throws ExchangeError 400 for none, and for a text that is no time. */
function timeIn({ parameters }: CmdletContext, name: string, otherwise?: number): number {
  const text = otherwise === undefined ? parameters.required(name) : parameters.text(name);
  const ms = text === undefined ? (otherwise ?? 0) : Date.parse(text);
  if (Number.isNaN(ms)) throw wrongValue(name, text, 'System.DateTime');
  return ms;
}

/** `Get-MessageTrace` and its successor: two days, unless a request names a period. */
function messageTrace(context: CmdletContext): readonly Row[] {
  const { facts, parameters } = context;
  const endMs = timeIn(context, 'EndDate', facts.startMs);
  const startMs = timeIn(context, 'StartDate', endMs - 2 * dayMs);
  const isOne = (name: string, value: unknown): boolean => {
    const wanted = parameters.texts(name).map((text) => text.toLowerCase());
    return wanted.length === 0 || wanted.includes(String(value).toLowerCase());
  };
  return messages(context)
    .filter(({ Received: at }) => Date.parse(String(at)) >= startMs && Date.parse(String(at)) <= endMs)
    .filter((row) =>
      ['SenderAddress', 'RecipientAddress', 'Status', 'MessageId', 'MessageTraceId', 'FromIP', 'ToIP'].every((name) =>
        isOne(name, row[name]),
      ),
    )
    .toSorted((left, right) => String(right['Received']).localeCompare(String(left['Received'])))
    .map((row) => ({ ...row, StartDate: exchangeTime(startMs), EndDate: exchangeTime(endMs) }));
}

const traceParameters = [
  'EndDate',
  'FromIP',
  'MessageId',
  'MessageTraceId',
  'RecipientAddress',
  'SenderAddress',
  'StartDate',
  'Status',
  'ToIP',
];

/** A record of the unified audit log. */
interface LogEntry {
  readonly id: string;
  readonly atMs: number;
  readonly user: string;
  readonly operation: string;
  /** The record type, as a name and as the number in the data. */
  readonly type: readonly [string, number];
  readonly data: Row;
}

const logRow = (tenantId: string, { id, atMs, user, operation, type, data }: LogEntry): Row => ({
  RecordType: type[0],
  CreationDate: exchangeTime(atMs),
  UserIds: user,
  Operations: operation,
  AuditData: JSON.stringify({
    CreationTime: new Date(atMs).toISOString().slice(0, 19),
    Id: id,
    Operation: operation,
    OrganizationId: tenantId,
    RecordType: type[1],
    UserId: user,
    Workload: 'AzureActiveDirectory',
    ...data,
  }),
  Identity: id,
  IsValid: true,
  ObjectState: 'Unchanged',
});

/** What happened, in the words of the unified audit log: sign-ins, and changes of the directory. Newest first. */
function unifiedLog({ facts }: CmdletContext): readonly Row[] {
  const signedIn = signInsOf(facts).map(
    ({ id, atMs, errorCode, profile }): LogEntry => ({
      id,
      atMs,
      user: profile.user.userPrincipalName,
      operation: errorCode === 0 ? 'UserLoggedIn' : 'UserLoginFailed',
      type: ['AzureActiveDirectoryStsLogon', 15],
      data: { ErrorNumber: String(errorCode), ResultStatus: errorCode === 0 ? 'Success' : 'Failed' },
    }),
  );
  const changed = auditsOf(facts).map(
    (audit): LogEntry => ({
      id: idOf(facts, 'unified audit', audit.id),
      atMs: audit.atMs,
      user: audit.actor.user.userPrincipalName,
      operation: `${audit.activity}.`,
      type: ['AzureActiveDirectory', 8],
      data: { ResultStatus: 'Success', Target: audit.targets },
    }),
  );
  return [...signedIn, ...changed]
    .toSorted((left, right) => right.atMs - left.atMs)
    .map((entry) => logRow(facts.tenantId, entry));
}

/** Most records of one answer. Source: "Search-UnifiedAuditLog". */
const mostRecords = 5000;

/** `Search-UnifiedAuditLog`: 100 records, unless `ResultSize` says more. */
function searchLog(context: CmdletContext): readonly Row[] {
  const { parameters } = context;
  const [startMs, endMs] = [timeIn(context, 'StartDate'), timeIn(context, 'EndDate')];
  const size = Number(parameters.text('ResultSize') ?? 100);
  if (!Number.isInteger(size) || size < 1 || size > mostRecords) throw wrongValue('ResultSize', size, 'System.Int32');
  const wanted = (name: string): ReadonlySet<string> =>
    new Set(parameters.texts(name).flatMap((text) => text.toLowerCase().split(/\s*,\s*/)));
  const [operations, users, types] = [wanted('Operations'), wanted('UserIds'), wanted('RecordType')];
  const text = parameters.text('FreeText')?.toLowerCase() ?? '';
  const isIn = (set: ReadonlySet<string>, value: unknown): boolean =>
    set.size === 0 || set.has(String(value).toLowerCase());
  const found = unifiedLog(context).filter(
    (row) =>
      Date.parse(String(row['CreationDate'])) >= startMs &&
      Date.parse(String(row['CreationDate'])) < endMs &&
      isIn(operations, row['Operations']) &&
      isIn(users, row['UserIds']) &&
      isIn(types, row['RecordType']) &&
      String(row['AuditData']).toLowerCase().includes(text),
  );
  return found.slice(0, size).map((row, at) => ({ ...row, ResultIndex: at + 1, ResultCount: found.length }));
}

export const logCmdlets: readonly Cmdlet[] = [
  { kind: 'read', name: 'Get-MessageTraceV2', parameters: traceParameters, isLimited: true, rows: messageTrace },
  {
    kind: 'read',
    name: 'Get-MessageTrace',
    parameters: [...traceParameters, 'Page', 'PageSize'],
    rows: (context) => {
      const [page, size] = [
        Number(context.parameters.text('Page') ?? 1),
        Number(context.parameters.text('PageSize') ?? 1000),
      ];
      if (!Number.isInteger(page) || page < 1) throw wrongValue('Page', page, 'System.Int32');
      if (!Number.isInteger(size) || size < 1 || size > 5000) throw wrongValue('PageSize', size, 'System.Int32');
      return messageTrace(context).slice((page - 1) * size, page * size);
    },
  },
  {
    kind: 'read',
    name: 'Search-UnifiedAuditLog',
    parameters: [
      'EndDate',
      'FreeText',
      'Operations',
      'RecordType',
      'ResultSize',
      'SessionCommand',
      'SessionId',
      'StartDate',
      'UserIds',
    ],
    rows: searchLog,
  },
];
