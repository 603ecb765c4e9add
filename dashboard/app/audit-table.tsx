import { useMemo, useState } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { type AuditFilter, auditLink } from './view-filter.ts';
import { type AuditRecord, folded, isOfApply, type Line, type ShownRecord } from './audit-lines.ts';
import type { AuditPages } from './audit-pages.ts';
import { isFailed, isRefusedByMicrosoft, isRefusedByPolicy, isUnserved } from '../../src/lib/api/refusals.ts';
import type { ApprovalsAnswer } from '../../src/lib/api/answers/approvals.ts';
import { factIn } from './approval-facts.tsx';
import { StepFor } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { byDay, count } from './format.ts';
import { Face, Icon } from './icon.tsx';
import { Badge, Clock, type Column, Fact, Table, Time } from './pieces.tsx';
import { approvalLink, tenantLink } from './route.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { adviceOf, titleOf } from '../../src/lib/api/trouble.ts';
import { useOwnName, useRole, useSignedIn } from './context.ts';
import { usePolling, useTenants } from './polling.ts';
import { useJobs } from './nights.ts';

interface TableContext {
  readonly filter: AuditFilter;
  readonly names: Names;
}

/**
 * One line a record, or a request ({@link oneARequest}), or several that are equal ({@link folded}). What else is known of a
 * record is in a drawer.
 */
export function AuditTable({ records, ...context }: TableContext & { readonly records: readonly ShownRecord[] }) {
  const [open, setOpen] = useState<ShownRecord>();
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const { filter, names } = context;
  const lines = useMemo(() => folded(records), [records]);
  const isOpen = ({ equal }: Line): boolean => equal !== undefined && unfolded.has(keyOfOldest(equal));
  const onOpen = ({ equal, ...line }: Line): void => {
    if (equal === undefined) setOpen(line);
    else {
      const key = keyOfOldest(equal);
      setUnfolded((keys) => new Set(keys.has(key) ? [...keys].filter((other) => other !== key) : [...keys, key]));
    }
  };
  const opener = (line: Line) =>
    line.equal === undefined ? <Opener record={line} names={names} onOpen={onOpen} /> : <Clock iso={line.at} exact />;
  const columns: readonly Column<Line>[] = [
    ['Time', 'w-s p2', opener],
    ['Who', undefined, (line) => <Caller record={line} {...context} />],
    ['Tenant', 'p2', (line) => <Tenant record={line} {...context} />, (line) => tenantOf(line, names)],
    [
      'What',
      'what',
      (line) => (
        <span class="who-cell">
          <span class="cut">
            <span class="sub">
              {opener(line)} {tenantOf(line, names)}
            </span>{' '}
            <What record={line} isShort />
          </span>
          {line.equal === undefined ? null : (
            <button type="button" class="tag" aria-expanded={isOpen(line)} onClick={() => onOpen(line)}>
              × {line.equal.length.toLocaleString('en')}
              <span class="visually-hidden"> records of {aboutOf(line, names)}</span> <Icon name="turn" turns />
            </button>
          )}
        </span>
      ),
      subjectOf,
    ],
    ['By the rule', 'rule p3 quiet small', ruleOf, ruleOf],
    ['Outcome', 'w-l', (line) => <Outcome record={line} />, ({ code }) => code && titleOf(code)],
  ];
  return (
    <div class="panel">
      <Table
        class="audit"
        columns={columns}
        items={lines.flatMap((line) => [
          line,
          ...(isOpen(line) ? (line.equal ?? []) : []).map((record): Line => ({ ...record, isPart: true })),
        ])}
        keyOf={(line) => `${line.isPart}-${keyOf(line)}`}
        onOpen={onOpen}
        rowClass={({ breakGlass, isPart }) =>
          [breakGlass === true ? 'break-glass' : '', isPart === true ? 'part' : ''].join(' ').trim()
        }
        groupsOf={(items) => byDay(items, ({ at }) => at)}
      />
      {open === undefined ? null : (
        <RecordDrawer record={open} filter={filter} names={names} onClose={() => setOpen(undefined)} />
      )}
    </div>
  );
}

/** The two records of a request through the gateway share their id, and the steps of approvals have none of their own. */
const keyOf = ({ tokenId, outcome, approvalId = '', at }: AuditRecord): string =>
  `${tokenId}-${outcome}-${approvalId}-${Date.parse(at)}`;

/** Of equal records: newer ones do not change it. */
const keyOfOldest = (equal: readonly ShownRecord[]): string => equal.slice(-1).map(keyOf).join('');

/**
 * The resource of a token, or the request to it, or the one that an approval is for, or the tags that a tenant got and lost, or
 * the tool that an agent called.
 */
export const subjectOf = ({ tagsAdded = [], tagsRemoved = [], ...record }: AuditRecord): string =>
  [
    record.tool,
    record.method,
    record.cmdlet ?? record.path,
    record.method && record.resource
      ? `at ${record.resource}`
      : record.tool === undefined
        ? (record.resource ?? record.route)
        : undefined,
    ...tagsAdded.map((tag) => `+${tag}`),
    ...tagsRemoved.map((tag) => `-${tag}`),
  ]
    .filter((part) => part !== undefined)
    .join(' ');

const kindWords = { token: 'Token', request: 'Request', approval: 'Approval', tags: 'Tags', tool: 'Tool' } as const;

const ruleOf = ({ rule }: AuditRecord): string | undefined => (rule?.startsWith('job:') ? 'of the job' : rule);

/** @param props.isShort a method is that of a request, and most requests go to Graph. */
const What = ({ record, isShort = false }: { readonly record: AuditRecord; readonly isShort?: boolean }) => (
  <>
    {isShort && record.kind === 'request' ? null : (
      <span class="quiet">
        {kindWords[record.kind ?? 'token']}
        {record.kind === 'approval' && record.tenantId === nilUuid ? ' of a plan' : ''}
      </span>
    )}{' '}
    <code>{isShort ? subjectOf(record).replace(/ at graph$/, '') : subjectOf(record)}</code>
  </>
);

/** Approvals of plans have the nil id. */
export function tenantOf({ equal, ...record }: Line, names: Names): string {
  const ids = new Set((equal ?? [record]).flatMap(({ tenantId, tenantAsked }) => tenantId ?? tenantAsked ?? []));
  const [id = ''] = ids;
  if (ids.size > 1) return count(ids.size, 'tenant');
  if (id !== nilUuid) return names.tenants.get(id) ?? id;
  const known = Number(names.tenantsOfPlan.get(record.approvalId ?? ''));
  return known > 0 ? count(known, 'tenant') : 'several tenants';
}

const icons = { person: undefined, application: 'api', agent: 'api', job: 'jobs' } as const;

interface RecordProps extends TableContext {
  readonly record: Line;
}

/** `graph for Contoso`. */
function aboutOf(record: Line, names: Names): string {
  const tenant = tenantOf(record, names);
  return `${subjectOf(record)}${tenant === '' ? '' : ` for ${tenant}`}`;
}

interface OpenProps extends Pick<RecordProps, 'record' | 'names'> {
  readonly onOpen: (line: Line) => void;
}

/** Opens the drawer of a record. */
const Opener = ({ record, names, onOpen }: OpenProps) => (
  <button type="button" class="link" aria-haspopup="dialog" onClick={() => onOpen(record)}>
    <Clock iso={record.at} exact />
    <span class="visually-hidden">{`, details of ${aboutOf(record, names)}`}</span>
  </button>
);

function Caller({ record, filter, names }: RecordProps) {
  const { applicationId } = record.caller;
  const { kind, name } = names.whoIn(record);
  return (
    <span class="who-cell">
      <Face name={name} icon={icons[kind]} />
      <a
        class="cut"
        href={auditLink({ ...filter, caller: applicationId })}
        title={`${name}, application ${applicationId}`}
      >
        {name}
      </a>
    </span>
  );
}

function Tenant({ record, filter, names }: RecordProps) {
  const { tenantId, equal = [] } = record;
  const tenant = tenantOf(record, names);
  return tenantId === undefined || equal.some((other) => other.tenantId !== tenantId) || tenantId === nilUuid ? (
    <span class="quiet">{tenant}</span>
  ) : (
    <a href={auditLink({ ...filter, tenant: tenantId })} title={`${tenant}, ${tenantId}`}>
      {tenant}
    </a>
  );
}

/** What became of a request, in the words of the bars. */
function verbOf(record: AuditRecord): string {
  if (isRefusedByPolicy(record)) return 'refused by the policy';
  if (isRefusedByMicrosoft(record)) return 'refused by Microsoft';
  return isFailed(record) && (record.outcome === 'answered' || isOfApply(record)) ? 'failed' : record.outcome;
}

/** What became of it, or of how many. A rule for emergencies is named before all else. */
function Outcome({ record }: { readonly record: Line }) {
  const { outcome, status, code, excessScopes = [], breakGlass, equal } = record;
  const verbs = Map.groupBy(equal ?? [record], verbOf);
  const isMixed = verbs.size > 1;
  const verb = verbOf(record);
  const isSame = (equal ?? []).every((one) => one.status === status && one.code === code);
  const word = isMixed
    ? [...verbs].map(([one, { length }]) => `${length.toLocaleString('en')} ${one}`).join(', ')
    : code === undefined || !isSame || isRefusedByPolicy(record)
      ? [verb, (isSame ? status : undefined) ?? []].flat().join(' ')
      : titleOf(code);
  const isBad = (equal ?? [record]).some((one) => (one.status ?? 200) >= 400 || isUnserved(one));
  return (
    <>
      {breakGlass === true ? <Badge state="down">break-glass</Badge> : null}{' '}
      <Badge state={(equal ?? [record]).some(isRefusedByPolicy) ? 'failed' : isBad ? 'degraded' : outcome}>
        {word}
      </Badge>{' '}
      {excessScopes.length === 0 ? null : <Badge state="degraded">{count(excessScopes.length, 'excess scope')}</Badge>}
    </>
  );
}

/** What became of it, after the name of who made or decided it. */
function endOf(record: AuditRecord): string {
  const { kind, outcome, status } = record;
  if (isRefusedByPolicy(record)) return 'refused by the policy';
  if (isRefusedByMicrosoft(record)) return 'refused by Microsoft';
  if (isUnserved(record)) return (kind ?? 'token') === 'token' ? 'got no token' : 'was not served';
  if (isFailed(record)) return `failed with ${status}`;
  if (outcome === 'denied') return 'denied the request';
  return status === undefined ? outcome : `the answer was ${status}`;
}

function RecordDrawer({ record, filter, names, onClose }: RecordProps & { readonly onClose: () => void }) {
  const { at, code, tenantId, caller, rule, approvalId } = record;
  const who = names.whoIn(record);
  const tenant = tenantOf(record, names);
  const known = useTenants()?.tenants.find((one) => one.tenantId === tenantId);
  return (
    <Dialog
      title={record.outcome === 'used' ? 'An approval was used' : `${who.name}: ${endOf(record)}`}
      about={
        <>
          <Time iso={at} exact />
          {tenant === '' ? '' : `, in ${tenant}`}
        </>
      }
      kind="drawer"
      onClose={onClose}
      actions={
        <>
          {tenantId === undefined || tenantId === nilUuid ? null : (
            <a class="btn" href={tenantLink(tenantId)}>
              Open the tenant
            </a>
          )}
          <a class="btn" href={auditLink({ ...filter, caller: caller.applicationId })} onClick={onClose}>
            Records of this caller
          </a>
        </>
      }
    >
      <div class="cmd">
        <What record={record} />
      </div>
      {code === undefined ? null : (
        <>
          <p>
            <b>{titleOf(code)}.</b> <Sentence text={adviceOf(code, known !== undefined)} />
          </p>
          <StepFor cause={known && { cause: code, tenants: [{ tenant: known, results: [] }] }} />
        </>
      )}
      <dl>
        <Fact name="Outcome">
          <Outcome record={record} />
        </Fact>
        <Fact name="Rule">{rule}</Fact>
        <Fact name="Reason">{record.reason}</Fact>
        <Fact name="Approval">
          {approvalId && <a href={approvalLink(approvalId)}>Who asked, who decided, and what for</a>}
        </Fact>
        <Fact name="Break-glass">{record.breakGlass && 'A rule for emergencies served it without an approval.'}</Fact>
      </dl>
      <details>
        <summary>
          <Icon name="turn" turns /> For support: scopes, ids and hashes
        </summary>
        <Details record={record} />
      </details>
    </Dialog>
  );
}

function scopesName({ kind, outcome }: AuditRecord): string {
  if (kind === 'request') return 'Opened by';
  if (kind === 'approval') return 'Scopes or permissions';
  return outcome === 'issued' ? 'Token scopes' : 'Requested scopes';
}

function Details({ record }: { readonly record: ShownRecord }) {
  const { caller, scopes, excessScopes, expiresAt, both } = record;
  return (
    <dl class="long">
      <Fact name="Sent">{both && <Time iso={both[1].at} exact />}</Fact>
      <Fact name="Code">{record.code && <code>{record.code}</code>}</Fact>
      <Fact name="Grant">{record.grant}</Fact>
      <Fact name="From cache">{record.fromCache === undefined ? undefined : record.fromCache ? 'yes' : 'no'}</Fact>
      <Fact name="Refused request">{record.route && <code>{record.route}</code>}</Fact>
      {record.kind === 'tags' || record.kind === 'tool' ? (
        <Fact name={record.kind === 'tags' ? 'Tags' : 'Client, as it names itself'}>
          {record.kind === 'tags' ? subjectOf(record) : record.client}
        </Fact>
      ) : (
        <Fact name={scopesName(record)}>{scopes.length === 0 ? 'none' : <Scopes scopes={scopes} />}</Fact>
      )}
      <Fact name="Excess scopes">{excessScopes?.length ? <Scopes scopes={excessScopes} /> : undefined}</Fact>
      <Fact name="Caller">
        <code>{caller.applicationId}</code> {caller.kind}, object <code>{caller.objectId}</code>
      </Fact>
      <Fact name="Blueprint of the agent">{caller.blueprint && <code>{caller.blueprint}</code>}</Fact>
      <Fact name="The agent acts for the person">{caller.actsFor && <code>{caller.actsFor}</code>}</Fact>
      <Fact name="Tenant id">{record.tenantId && <code>{record.tenantId}</code>}</Fact>
      <Fact name="Approval id">{record.approvalId && <code>{record.approvalId}</code>}</Fact>
      <Fact name="Requested as">{record.tenantAsked && <code>{record.tenantAsked}</code>}</Fact>
      <Fact name="Redeemed by">{record.application && `application ${record.application}`}</Fact>
      <Fact name="Token expires">{expiresAt && <Time iso={expiresAt} exact />}</Fact>
      <Fact name="Token id">{record.kind === 'approval' ? undefined : <code>{record.tokenId}</code>}</Fact>
      <Fact name="Id of the token in the customer's logs">{record.uti && <code>{record.uti}</code>}</Fact>
      <Fact name="Request id of the resource">{record.requestId && <code>{record.requestId}</code>}</Fact>
      <Fact name="Size of the answer">{record.bytes === undefined ? undefined : count(record.bytes, 'byte')}</Fact>
      <Fact name="SHA-256 of the body">{record.bodySha256 && <code>{record.bodySha256}</code>}</Fact>
      <Fact name="SHA-256 of the change in its plan">{record.changeSha256 && <code>{record.changeSha256}</code>}</Fact>
      <Fact name="SHA-256 of the token">{record.tokenFingerprint && <code>{record.tokenFingerprint}</code>}</Fact>
      <Fact name="Correlation id">
        <code>{record.correlationId}</code>
      </Fact>
    </dl>
  );
}

function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  return (
    <ul class="tags">
      {scopes.map((scope) => (
        <li key={scope}>
          <code>{scope}</code>
        </li>
      ))}
    </ul>
  );
}

/** Who a record names, in words for people. */
interface Who {
  readonly name: string;
  readonly kind: 'person' | 'application' | 'agent' | 'job';
}

export interface Names {
  readonly tenants: ReadonlyMap<string, string>;
  /** How many the plan has that an approval is for, by the id of the approval. */
  readonly tenantsOfPlan: ReadonlyMap<string, string | undefined>;
  readonly whoIn: (record: Pick<AuditRecord, 'caller' | 'rule'>) => Who;
  /** The name of an application or object id, or else the start of the id, which a search in the policy finds. */
  readonly nameOf: (id: string) => string;
}

type Approval = ApprovalsAnswer['approvals'][number];
/** A broker of another version does not name the deciders. */
type Listed = Pick<Approval, 'asker'> & Partial<Pick<Approval, 'deciders'>>;

/**
 * Names for the ids in audit records: tenants, jobs, whoever started a run, asked for an approval or decided on it lately, and
 * the callers that the policy names. The audit log itself has ids alone. An id without a known name is shown by its start.
 */
export function useNames(callerNames?: AuditPages['callerNames']): Names {
  const { session } = useSignedIn();
  const [readsRuns, decides] = [useRole('Runs.Read'), useRole('Approvals.Decide')];
  const tenants = useTenants()?.tenants;
  const { titleOf } = useJobs();
  const own = useOwnName();
  const people = usePolling(
    async (api) => ({
      runs: readsRuns ? (await api.runs(200)).runs : [],
      approvals: decides ? (await api.approvals({ limit: '100' })).approvals : [],
    }),
    'people',
  ).value;
  return useMemo(() => {
    const byId = new Map<string, string>();
    // The name of an agent that acts for a person is not that of the person, whose object id it has.
    for (const { starter } of people?.runs ?? [])
      if (starter?.name?.startsWith('agent ') === false) byId.set(starter.objectId, starter.name);
    const parties = people?.approvals.flatMap(({ asker, deciders = [] }: Listed) => [asker, ...deciders]);
    for (const { kind, actsFor, objectId, applicationId, name } of parties ?? [])
      if (actsFor === undefined) byId.set(kind === 'user' ? objectId : applicationId, name.replace(/^agent /, ''));
    if (session.objectId !== undefined) byId.set(session.objectId, session.name);
    for (const [id, name] of Object.entries(callerNames ?? {})) byId.set(id, name);
    for (const [id, name] of byId) byId.set(id, own(name));
    return {
      tenants: new Map(tenants?.map(({ tenantId, name }) => [tenantId, name])),
      tenantsOfPlan: new Map(people?.approvals.map((approval) => [approval.id, factIn(approval, 'Tenants')])),
      nameOf: (id) => byId.get(id) ?? start(id),
      whoIn: ({ caller: { applicationId, objectId, kind, actsFor }, rule = '' }) => {
        const job = rule.startsWith('job:') ? rule.slice(4) : undefined;
        if (applicationId === nilUuid)
          return { kind: 'job', name: job === undefined ? 'the broker itself' : titleOf(job) };
        const person = byId.get(objectId) ?? `person ${start(objectId)}`;
        if (kind === 'user') return { kind: 'person', name: person };
        const own = byId.get(applicationId);
        if (actsFor !== undefined) return { kind, name: `agent ${own ?? start(applicationId)} for ${person}` };
        const name = byId.get(objectId) ?? own;
        if (kind === 'agent') return { kind, name: `agent ${name ?? start(applicationId)}` };
        return { kind, name: name ?? `${kind} ${start(applicationId)}` };
      },
    };
  }, [tenants, titleOf, people, session, callerNames]);
}

const start = (id: string): string => (id.length > 9 ? `${id.slice(0, 8)}…` : id);
